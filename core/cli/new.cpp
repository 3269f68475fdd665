// labhost new: a plugin project of one's own, ready to build.
#include <algorithm>
#include <system_error>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/sdk_library.hpp"
#include "core/cli/table.hpp"
#include "core/plugins/catalogue.hpp"
#include "templates.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

constexpr const char* kUsage = "labhost new algorithm|environment|dataset NAME [--dir FOLDER]";

constexpr const char* kCommon = "common";  // templates of every kind of project
const std::vector<std::string> kKinds = {"algorithm", "environment", "dataset"};

/// Words that a namespace cannot be called, or that would hide what the templates use.
const std::vector<std::string> kTakenWords = {
    "alignas", "and",      "asm",       "auto",      "bool",     "break",    "case",     "catch",
    "char",    "class",    "const",     "continue",  "decltype", "default",  "delete",   "do",
    "double",  "else",     "enum",      "explicit",  "export",   "extern",   "false",    "final",
    "float",   "for",      "friend",    "goto",      "if",       "inline",   "int",      "labhost",
    "long",    "mutable",  "namespace", "new",       "noexcept", "not",      "nullptr",  "operator",
    "or",      "override", "private",   "protected", "public",   "register", "return",   "short",
    "signed",  "sizeof",   "static",    "std",       "struct",   "switch",   "template", "this",
    "throw",   "torch",    "true",      "try",       "typedef",  "typename", "union",    "unsigned",
    "using",   "virtual",  "void",      "volatile",  "while",    "xor"};

void check_name(const std::string& name) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  const bool starts_well = !name.empty() && name[0] >= 'a' && name[0] <= 'z';
  if (!starts_well || name.back() == '-' || !std::all_of(name.begin(), name.end(), is_plain)) {
    throw InputError("a plugin cannot be named \"" + name +
                     "\"; use small letters, digits and -, a letter first (my-method); a folder "
                     "is named with --dir");
  }
  if (std::find(kTakenWords.begin(), kTakenWords.end(), name) == kTakenWords.end()) return;
  throw InputError("a plugin cannot be named \"" + name + "\", which is a word of C++ or its SDK");
}

/// Two plugins of one kind and name cannot be told apart in an experiment.
void check_free(const std::string& kind, const std::string& name) {
  const Catalogue catalogue = Catalogue::discover(plugin_search_path({}), [](const auto& library) {
    return worker_output({"describe", library});
  });
  for (const PluginDescription& plugin : catalogue.plugins()) {
    if (plugin.name != name || to_string(plugin.kind) != kind) continue;
    throw InputError("the name \"" + name + "\" is taken by the " + kind + " " +
                     plugin.library.string());
  }
}

void check_folder(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder, error)) return;
  if (!fs::is_directory(folder, error)) throw InputError(folder.string() + " is a file");
  if (!fs::is_empty(folder, error)) {
    throw InputError("folder " + folder.string() + " is not empty; name another with --dir");
  }
}

/// "my-method" as a class: MyMethod.
std::string class_name(const std::string& name) {
  std::string result;
  for (std::string part : split(name, '-')) {
    if (part.empty()) continue;
    if (part[0] >= 'a' && part[0] <= 'z') part[0] = static_cast<char>(part[0] - 'a' + 'A');
    result += part;
  }
  return result;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// A template's text or file name for a plugin.
std::string filled(std::string text, const std::string& name) {
  std::string identifier = name;
  std::replace(identifier.begin(), identifier.end(), '-', '_');
  replace_all(text, "{{name_}}", identifier);
  replace_all(text, "{{Name}}", class_name(name));
  replace_all(text, "{{name}}", name);
  return text;
}

void write_project(const std::string& kind, const std::string& name, const fs::path& folder) {
  for (const Template& file : kTemplates) {
    if (file.kind != kind && file.kind != kCommon) continue;
    std::string path = file.path;
    replace_all(path, "NAME", name);
    fs::create_directories((folder / path).parent_path());
    write_atomically(folder / path, filled(file.text, name));
  }
}

/// What to type next. Another project finds labhost in an installation only, so a program that
/// runs from its build folder is to be installed first.
std::string next_steps(const fs::path& folder) {
  fs::path prefix = executable_path().parent_path().parent_path();
  std::string text = "wrote " + folder.string() + "; build it, test it, run it:\n";
  if (!fs::exists(prefix / "lib/cmake/labhost")) {
    const fs::path build = prefix;
    prefix = build / "install";
    text += "  cmake --install " + build.string() + " --prefix " + prefix.string() + "\n";
  }
  return text + "  cd " + folder.string() +
         "\n  cmake --preset default -DCMAKE_PREFIX_PATH=" + prefix.string() +
         "\n  cmake --build --preset default\n  ctest --preset default\n  " +
         (prefix / "bin/labhost").string() + " run experiment.toml --plugin-path build/plugins\n";
}

}  // namespace

int new_command(const Arguments& arguments) {
  po::options_description visible, hidden;
  visible.add_options()("dir", po::value<std::string>()->value_name("FOLDER"),
                        "where to write it (default: NAME in the current folder)");
  hidden.add_options()("kind", po::value<std::string>())("name", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("kind", 1).add("name", 1);
  const Parsed parsed = parse_options(
      arguments, kUsage,
      "Writes a CMake project with a plugin that works, its tests and an experiment that uses it.",
      visible, hidden, positional);
  if (parsed.help) return kOk;
  const po::variables_map& values = parsed.values;
  if (values.count("kind") == 0 || values.count("name") == 0) {
    throw InputError(std::string("new: expected a kind and a name; usage: ") + kUsage);
  }
  const auto kind = values["kind"].as<std::string>();
  if (std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end()) {
    throw InputError("new: unknown kind \"" + kind + "\"" + suggestion(kind, kKinds));
  }
  const auto name = values["name"].as<std::string>();
  check_name(name);
  const fs::path folder = values.count("dir") == 0 ? name : values["dir"].as<std::string>();
  check_folder(folder);
  check_free(kind, name);
  try {
    write_project(kind, name, folder);
  } catch (const std::system_error& error) {
    throw InputError("cannot write to " + folder.string() + ": " + error.code().message());
  }
  print(next_steps(folder));
  return kOk;
}

}  // namespace labhost
