#include "core/experiment/document.hpp"

#include <algorithm>
#include <system_error>

#include "core/base/text.hpp"

namespace labhost {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kSections = {"experiment", "task",   "algorithm", "evaluation",
                                            "run",        "report", "figure",    "engine"};

// --- includes ----------------------------------------------------------------------------------

struct Opened {
  fs::path real;
  std::string shown;
};

fs::path real_path(const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(path, error);
  return error ? path : real;
}

Node load_with_includes(const fs::path& file, std::vector<Opened>& chain);

// Lays an included file over `base`.
void include_file(const Node& name, std::vector<Opened>& chain, Node& base) {
  if (name.kind != Node::Kind::kText || name.text.empty()) {
    throw name.location.error("include must hold file names in quotes, found " + name.describe());
  }
  const fs::path file = (name.location.folder() / name.text).lexically_normal();
  const fs::path real = real_path(file);
  const auto is_open = [&real](const Opened& opened) { return opened.real == real; };
  const auto first = std::find_if(chain.begin(), chain.end(), is_open);
  if (first != chain.end()) {
    std::string cycle;
    for (auto it = first; it != chain.end(); ++it) cycle += it->shown + " -> ";
    throw name.location.error("circular include: " + cycle + file.string());
  }
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    throw name.location.error("included file " + file.string() + " does not exist");
  }
  overlay(base, load_with_includes(file, chain));
}

Node load_with_includes(const fs::path& file, std::vector<Opened>& chain) {
  chain.push_back({real_path(file), file.string()});
  Node own = parse_toml_file(file);
  const TableView top(own, "");
  std::vector<std::string> known = kSections;
  known.insert(known.end(), {"include", "profile"});
  top.allow_only(known);
  for (const std::string& section : own.keys()) {
    if (section != "include") top.table(section);
  }
  Node merged;
  merged.location = own.location;
  if (const Node* include = own.find("include")) {
    if (include->kind != Node::Kind::kArray) {
      throw top.error("include", "must be an array of file names, found " + include->describe());
    }
    for (const Node& name : include->items) include_file(name, chain, merged);
    own.erase("include");
  }
  overlay(merged, own);
  chain.pop_back();
  return merged;
}

// --- profiles ----------------------------------------------------------------------------------

void check_profiles(const TableView& profiles) {
  for (const auto& [name, overlay_node] : profiles.node().members) {
    if (!is_plain_name(name)) {
      throw overlay_node.location.error("a profile cannot be named \"" + name +
                                        "\"; use letters, digits, - and _");
    }
    const TableView profile = *profiles.table(name);
    profile.allow_only(kSections);
    for (const std::string& section : profile.node().keys()) profile.table(section);
    if (const auto experiment = profile.table("experiment")) {
      if (experiment->find("profile") != nullptr) {
        throw experiment->error("profile", "cannot be set inside a profile");
      }
    }
  }
}

// "paper" without a table of its own means the file's plain values; so does the default profile of
// a file that has no profiles.
std::string apply_profile(Node& root, const std::optional<std::string>& wanted,
                          std::vector<std::string>& known) {
  const TableView top(root, "");
  std::string name = "paper";
  std::string where = top.node().location.text();
  if (const auto experiment = top.table("experiment")) {
    if (const auto given = experiment->text("profile")) {
      name = *given;
      where = experiment->find("profile")->location.text();
    }
  }
  const std::string file_default = name;
  if (wanted) {
    name = *wanted;
    where = "--profile " + name;
  }
  const auto profiles = top.table("profile");
  if (profiles) check_profiles(*profiles);
  known = profiles ? profiles->node().keys() : std::vector<std::string>{};
  if (std::find(known.begin(), known.end(), "paper") == known.end()) known.push_back("paper");
  if (profiles && profiles->find(name) != nullptr) {
    const Node chosen = *profiles->find(name);
    root.erase("profile");
    overlay(root, chosen);
    return name;
  }
  const bool plain = name == "paper" || (!profiles && name == file_default);
  if (!plain) {
    throw InputError(where + ": " + *root.location.source + " has no profile \"" + name + "\"" +
                     suggestion(name, known));
  }
  root.erase("profile");
  return name;
}

// --- the command line's settings ---------------------------------------------------------------

// toml++ refuses damaged UTF-8 in files; an argument must not bring it in by another way.
bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

void check_set_path(const Node& root, const std::vector<std::string>& keys,
                    const Location& location) {
  if (std::find(kSections.begin(), kSections.end(), keys.front()) == kSections.end()) {
    throw location.error("unknown key \"" + keys.front() + "\"" +
                         suggestion(keys.front(), kSections));
  }
  if (keys.size() < 2)
    throw location.error("\"" + keys.front() + "\" is a table; name a key of it");
  if (keys[0] == "experiment" && keys[1] == "profile") {
    throw location.error("a profile is chosen with --profile");
  }
  if (keys[0] != "task" && keys[0] != "algorithm") return;
  const Node* section = root.find(keys[0]);
  const Node none;
  if (section == nullptr) section = &none;
  if (section->find(keys[1]) == nullptr) {
    throw location.error("unknown " + keys[0] + " \"" + keys[1] + "\"" +
                         suggestion(keys[1], section->keys()));
  }
  if (keys.size() < 3) {
    throw location.error("\"" + keys[0] + "." + keys[1] + "\" is a table; name a key of it");
  }
}

void apply_set(Node& root, const std::string& setting) {
  const Location location{std::make_shared<const std::string>("--set " + setting), 0};
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos) throw location.error("expected KEY=VALUE");
  const std::vector<std::string> keys = split(setting.substr(0, equals), '.');
  if (keys.empty() || std::find(keys.begin(), keys.end(), "") != keys.end()) {
    throw location.error("expected KEY=VALUE with a dotted key like algorithm.maiql.steps");
  }
  if (!is_utf8(setting)) throw location.error("is not valid UTF-8");
  check_set_path(root, keys, location);

  Node value = parse_toml_value(setting.substr(equals + 1), location);
  const Node* present = &root;
  for (std::size_t i = 0; i + 1 < keys.size() && present != nullptr; ++i) {
    present = present->find(keys[i]);
    if (present != nullptr && present->kind != Node::Kind::kTable) {
      throw location.error("\"" + keys[i] + "\" is " + present->describe() + ", not a table");
    }
  }
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    Node table;
    table.location = location;
    table.set(*key, std::move(value));
    value = std::move(table);
  }
  overlay(root, value);
}

// --- algorithms like others --------------------------------------------------------------------

// `like = "other"` in [algorithm.NAME] takes all that the other's table says, after profile and
// --set, but its label; what NAME's own table says lies over it.
class Likenesses {
 public:
  explicit Likenesses(Node& root) : section_(root.find("algorithm")) {}

  void resolve_all() {
    if (section_ == nullptr || section_->kind != Node::Kind::kTable) return;
    for (const std::string& name : section_->keys()) resolve(name);
  }

 private:
  void resolve(const std::string& name) {
    Node& own = *section_->find(name);
    if (own.kind != Node::Kind::kTable || own.find("like") == nullptr) return;
    const Node like = *own.find("like");
    const std::string other = *TableView(own, "algorithm." + name).text("like");
    if (section_->find(other) == nullptr) {
      throw like.location.error("algorithm." + name + ".like names \"" + other +
                                "\", but there is no [algorithm." + other + "]" +
                                suggestion(other, section_->keys()));
    }
    under_way_.push_back(name);
    if (std::find(under_way_.begin(), under_way_.end(), other) != under_way_.end()) {
      throw like.location.error("circular like: " + join(under_way_, " -> ") + " -> " + other);
    }
    resolve(other);
    under_way_.pop_back();
    Node merged = *section_->find(other);
    TableView(merged, "algorithm." + other);  // must be a table
    merged.erase("label");
    if (merged.find("plugin") == nullptr) merged.set("plugin", plugin_of(other, like.location));
    own.erase("like");
    const Location location = own.location;
    overlay(merged, own);
    merged.location = location;
    section_->set(name, std::move(merged));
  }

  static Node plugin_of(const std::string& other, const Location& location) {
    Node plugin;
    plugin.kind = Node::Kind::kText;
    plugin.text = other;
    plugin.location = location;
    return plugin;
  }

  Node* section_;
  std::vector<std::string> under_way_;
};

}  // namespace

bool is_plain_name(const std::string& name) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), is_plain);
}

Document load_document(const fs::path& file, const PlanOptions& options) {
  Document document;
  std::vector<Opened> chain;
  document.root = load_with_includes(file, chain);
  document.profile = apply_profile(document.root, options.profile, document.profiles);
  for (const std::string& setting : options.set) apply_set(document.root, setting);
  Likenesses(document.root).resolve_all();
  return document;
}

}  // namespace labhost
