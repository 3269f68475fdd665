#include "core/experiment/values.hpp"

#include <cstdlib>
#include <system_error>
#include <vector>

#include "core/base/text.hpp"

namespace labhost {
namespace {

namespace fs = std::filesystem;

std::string expand_home(const std::string& path, const Location& location) {
  for (const char* prefix : {"~", "$HOME", "${HOME}"}) {
    const std::string start = prefix;
    if (path.compare(0, start.size(), start) != 0) continue;
    if (path.size() > start.size() && path[start.size()] != '/') continue;
    const char* home = std::getenv("HOME");
    if (home == nullptr) throw location.error("\"" + path + "\": HOME is not set");
    return home + path.substr(start.size());
  }
  return path;
}

// The items of an array, a line each; nothing for another kind of value. Throws where an item is of
// another type, at its place.
std::optional<std::string> list_text(ParamType type, const Node& node) {
  if (node.kind != Node::Kind::kArray) return std::nullopt;
  std::vector<std::string> items;
  for (const Node& item : node.items) {
    const bool number = item.kind == Node::Kind::kInteger || item.kind == Node::Kind::kReal;
    const bool text = item.kind == Node::Kind::kText && !item.text.empty() &&
                      item.text.find('\n') == std::string::npos;
    if (type == ParamType::kReals ? !number : !text) {
      throw item.location.error(
          std::string(type == ParamType::kReals ? "a list of real numbers" : "a list of paths") +
          " holds " + item.describe());
    }
    items.push_back(number ? item.describe() : item.text);
  }
  return join(items, "\n");
}

}  // namespace

std::string absolute_file(const std::string& path, const fs::path& folder,
                          const Location& location) {
  std::error_code error;
  const fs::path file = fs::absolute(folder / expand_home(path, location), error);
  const std::string name = (error ? fs::path(path) : file).lexically_normal().string();
  const fs::file_status status = fs::status(name, error);
  if (status.type() == fs::file_type::not_found) {
    throw location.error("file " + name + " does not exist");
  }
  if (error) throw location.error("cannot reach " + name + ": " + error.message());
  if (!fs::is_regular_file(status)) throw location.error(name + " is not a file");
  if (name.find('\n') != std::string::npos) {  // lists of paths are kept a line each
    throw location.error("a path must not contain a line break: " + name);
  }
  return name;
}

std::optional<std::string> text_for(ParamType type, const Node& node) {
  const bool number = node.kind == Node::Kind::kInteger || node.kind == Node::Kind::kReal;
  switch (type) {
    case ParamType::kReal:
    case ParamType::kInteger:
      if (number) return node.describe();
      break;
    case ParamType::kFlag:
      if (node.kind == Node::Kind::kFlag) return node.describe();
      break;
    case ParamType::kText:
    case ParamType::kFile:
    case ParamType::kData:
      if (node.kind == Node::Kind::kText) return node.text;
      break;
    case ParamType::kReals:
    case ParamType::kFiles:
      return list_text(type, node);
  }
  return std::nullopt;
}

const char* expected_for(ParamType type) {
  switch (type) {
    case ParamType::kReal:
      return "a real number";
    case ParamType::kInteger:
      return "a whole number";
    case ParamType::kFlag:
      return "true or false";
    case ParamType::kReals:
      return "a list of real numbers";
    case ParamType::kFiles:
      return "a list of paths in quotes";
    case ParamType::kText:
    case ParamType::kFile:
    case ParamType::kData:
      break;
  }
  return "text in quotes";
}

}  // namespace labhost
