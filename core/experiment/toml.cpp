// The only file that includes the TOML parser.
//
// toml++ 3.3 asserts that a key follows "[[" and so aborts on "[[[" in builds with assertions
// (tomlplusplus pull request 301). Without them the same place reports an ordinary parse error.
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

#include <algorithm>

#include "core/base/files.hpp"
#include "core/experiment/node.hpp"

namespace labhost {
namespace {

// No experiment nests deeper; without a limit a damaged file could exhaust the stack.
constexpr int kMostLevels = 64;

class Converter {
 public:
  explicit Converter(Location location) : location_(std::move(location)) {}

  Node convert(const toml::node& source, int level = 0) const {
    Node node;
    node.location = at(source);
    if (level > kMostLevels) throw node.location.error("tables nested too deeply");
    if (const toml::table* table = source.as_table()) {
      convert_members(*table, node, level);
    } else if (const toml::array* array = source.as_array()) {
      node.kind = Node::Kind::kArray;
      for (const toml::node& item : *array) node.items.push_back(convert(item, level + 1));
    } else if (const auto* text = source.as_string()) {
      node.kind = Node::Kind::kText;
      node.text = text->get();
    } else if (const auto* integer = source.as_integer()) {
      node.kind = Node::Kind::kInteger;
      node.integer = integer->get();
    } else if (const auto* real = source.as_floating_point()) {
      node.kind = Node::Kind::kReal;
      node.real = real->get();
    } else if (const auto* flag = source.as_boolean()) {
      node.kind = Node::Kind::kFlag;
      node.flag = flag->get();
    } else {
      throw node.location.error("no setting takes a date or time; put text in quotes");
    }
    return node;
  }

 private:
  // The parser sorts keys; errors are better told in the file's order.
  void convert_members(const toml::table& table, Node& node, int level) const {
    for (const auto& [key, value] : table) {
      node.members.emplace_back(std::string(key.str()), convert(value, level + 1));
    }
    std::stable_sort(node.members.begin(), node.members.end(), [](const auto& a, const auto& b) {
      return a.second.location.line < b.second.location.line;
    });
  }

  Location at(const toml::node& source) const {
    Location location = location_;
    if (location.in_file()) {
      location.line = std::max(1, static_cast<int>(source.source().begin.line));
    }
    return location;
  }

  Location location_;
};

}  // namespace

Node parse_toml_file(const std::filesystem::path& file) {
  const std::string text = read_file(file);
  Location location{std::make_shared<const std::string>(file.string()), 1};
  try {
    return Converter(location).convert(toml::parse(text, file.string()));
  } catch (const toml::parse_error& error) {
    location.line = std::max(1, static_cast<int>(error.source().begin.line));
    throw location.error("not valid TOML: " + std::string(error.description()));
  }
}

Node parse_toml_value(const std::string& text, const Location& location) {
  Node bare;
  bare.kind = Node::Kind::kText;
  bare.location = location;
  bare.text = text;
  try {
    const toml::table table = toml::parse("value = " + text);
    const toml::node* value = table.get("value");
    // More than one key: the text holds a line break and more.
    if (table.size() != 1 || value == nullptr || value->is_date() || value->is_time() ||
        value->is_date_time()) {
      return bare;
    }
    return Converter(location).convert(*value);
  } catch (const toml::parse_error&) {
    return bare;
  }
}

}  // namespace labhost
