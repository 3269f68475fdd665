#include "core/experiment/node.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/text.hpp"

namespace labhost {

std::string Location::text() const {
  return in_file() ? *source + ":" + std::to_string(line) : *source;
}

InputError Location::error(const std::string& message) const {
  return InputError(text() + ": " + message);
}

std::filesystem::path Location::folder() const {
  return in_file() ? std::filesystem::path(*source).parent_path() : std::filesystem::path();
}

const Node* Node::find(const std::string& key) const {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

Node* Node::find(const std::string& key) {
  return const_cast<Node*>(static_cast<const Node*>(this)->find(key));
}

Node& Node::set(const std::string& key, Node value) {
  if (Node* present = find(key)) return *present = std::move(value);
  return members.emplace_back(key, std::move(value)).second;
}

void Node::erase(const std::string& key) {
  const auto is_key = [&key](const auto& member) { return member.first == key; };
  members.erase(std::remove_if(members.begin(), members.end(), is_key), members.end());
}

std::vector<std::string> Node::keys() const {
  std::vector<std::string> names;
  for (const auto& member : members) names.push_back(member.first);
  return names;
}

std::string Node::describe() const {
  switch (kind) {
    case Kind::kTable:
      return "a table";
    case Kind::kArray:
      return items.empty() ? "an empty array" : "an array";
    case Kind::kText:
      return "text \"" + text + "\"";
    case Kind::kInteger:
      return std::to_string(integer);
    case Kind::kReal:
      return format_real(real);
    case Kind::kFlag:
      return flag ? "true" : "false";
  }
  return "nothing";
}

namespace {

bool names_another_plugin(const Node& base, const Node& top) {
  const Node* before = base.find("plugin");
  const Node* after = top.find("plugin");
  return before != nullptr && after != nullptr && before->text != after->text;
}

// `in_plugins`: the members are uses of plugins, as those of `datasets` are.
void overlay_members(Node& base, const Node& top, bool in_plugins) {
  for (const auto& [key, value] : top.members) {
    Node* below = base.find(key);
    const bool tables =
        below != nullptr && below->kind == Node::Kind::kTable && value.kind == Node::Kind::kTable;
    const bool plugin_use = in_plugins || key == "environment" || key == "dataset";
    if (!tables || (plugin_use && names_another_plugin(*below, value))) {
      base.set(key, value);
    } else {
      overlay_members(*below, value, key == "datasets");
    }
  }
}

}  // namespace

void overlay(Node& base, const Node& top) { overlay_members(base, top, false); }

std::optional<std::int64_t> as_integer(const Node& node) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (node.kind == Node::Kind::kInteger) return node.integer;
  if (node.kind != Node::Kind::kReal) return std::nullopt;
  if (!(std::abs(node.real) <= kExact) || std::floor(node.real) != node.real) return std::nullopt;
  return static_cast<std::int64_t>(node.real);
}

TableView::TableView(const Node& node, std::string path) : node_(&node), path_(std::move(path)) {
  if (node.kind == Node::Kind::kTable) return;
  throw node.location.error(path_ + " must be a table, found " + node.describe());
}

std::string TableView::name_of(const std::string& key) const {
  return path_.empty() ? key : path_ + "." + key;
}

InputError TableView::error(const std::string& key, const std::string& message) const {
  const Node* member = find(key);
  const Location& location = member != nullptr ? member->location : node_->location;
  return location.error(name_of(key) + " " + message);
}

const Node& TableView::require(const std::string& key, const std::string& what) const {
  if (const Node* member = find(key)) return *member;
  throw error(key, "is missing; " + what);
}

std::optional<TableView> TableView::table(const std::string& key) const {
  const Node* member = find(key);
  if (member == nullptr) return std::nullopt;
  return TableView(*member, name_of(key));
}

std::optional<std::string> TableView::text(const std::string& key) const {
  const Node* member = find(key);
  if (member == nullptr) return std::nullopt;
  if (member->kind == Node::Kind::kText) return member->text;
  throw error(key, "must be text in quotes, found " + member->describe());
}

std::optional<std::string> TableView::choice(const std::string& key,
                                             const std::vector<std::string>& choices) const {
  const auto value = text(key);
  if (!value || std::find(choices.begin(), choices.end(), *value) != choices.end()) return value;
  throw error(key, "must be one of " + join(choices, ", ") + ", found \"" + *value + "\"");
}

std::optional<std::int64_t> TableView::integer(const std::string& key, std::int64_t minimum,
                                               std::int64_t maximum) const {
  const Node* member = find(key);
  if (member == nullptr) return std::nullopt;
  const auto value = as_integer(*member);
  if (value && *value >= minimum && *value <= maximum) return value;
  throw error(key, "must be a whole number from " + std::to_string(minimum) + " to " +
                       std::to_string(maximum) + ", found " + member->describe());
}

std::optional<double> TableView::real(const std::string& key, double minimum) const {
  const Node* member = find(key);
  if (member == nullptr) return std::nullopt;
  const bool whole = member->kind == Node::Kind::kInteger;
  if (whole || member->kind == Node::Kind::kReal) {
    const double value = whole ? static_cast<double>(member->integer) : member->real;
    if (std::isfinite(value) && value >= minimum) return value;
  }
  throw error(key, "must be a number of at least " + format_real(minimum) + ", found " +
                       member->describe());
}

std::optional<bool> TableView::flag(const std::string& key) const {
  const Node* member = find(key);
  if (member == nullptr) return std::nullopt;
  if (member->kind == Node::Kind::kFlag) return member->flag;
  throw error(key, "must be true or false, found " + member->describe());
}

std::optional<std::vector<std::string>> TableView::names(const std::string& key) const {
  const Node* member = find(key);
  if (member == nullptr) return std::nullopt;
  if (member->kind != Node::Kind::kArray || member->items.empty()) {
    throw error(key, "must be an array of names like [\"a\", \"b\"], found " + member->describe());
  }
  std::vector<std::string> values;
  std::set<std::string> seen;
  for (const Node& item : member->items) {
    if (item.kind != Node::Kind::kText || item.text.empty()) {
      throw item.location.error(name_of(key) + " must hold names in quotes, found " +
                                item.describe());
    }
    if (!seen.insert(item.text).second) {
      throw item.location.error(name_of(key) + " names \"" + item.text + "\" twice");
    }
    values.push_back(item.text);
  }
  return values;
}

void TableView::allow_only(const std::vector<std::string>& known) const {
  for (const auto& [key, value] : node_->members) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::string where = path_.empty() ? "" : " in [" + path_ + "]";
    throw value.location.error("unknown key \"" + key + "\"" + where + suggestion(key, known));
  }
}

}  // namespace labhost
