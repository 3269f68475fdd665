#include "core/plugins/catalogue.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <system_error>
#include <tuple>

#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/base/text.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

namespace fs = std::filesystem;

PluginDescription parse_description(const std::string& text, const std::string& where) {
  try {
    return description_from_json(nlohmann::json::parse(text), where);
  } catch (const nlohmann::json::exception& error) {
    throw InputError(where + ": not a plugin description: " + error.what());
  }
}

/// A description that may be there and may be damaged: both mean that the library is asked again.
std::optional<PluginDescription> try_description(const fs::path& file) {
  try {
    return parse_description(read_file(file), file.string());
  } catch (const InputError&) {
    return std::nullopt;
  }
}

// The size guards against a library replaced within the clock's resolution.
std::optional<PluginDescription> description_beside(const fs::path& library) {
  const fs::path file = library.string() + ".json";
  std::error_code error;
  const auto described_at = fs::last_write_time(file, error);
  if (error) return std::nullopt;
  const auto built_at = fs::last_write_time(library, error);
  if (error || described_at < built_at) return std::nullopt;
  const std::uintmax_t bytes = fs::file_size(library, error);
  if (error) return std::nullopt;
  try {
    const nlohmann::json json = nlohmann::json::parse(read_file(file));
    if (json.at("library").at("bytes").get<std::uintmax_t>() != bytes) return std::nullopt;
    return description_from_json(json, file.string());
  } catch (const InputError&) {
  } catch (const nlohmann::json::exception&) {
  }
  return std::nullopt;
}

std::optional<fs::path> cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return fs::path(cache) / "labhost/plugins";
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return fs::path(home) / ".cache/labhost/plugins";
  return std::nullopt;
}

// The cache only saves time: a folder that cannot be written is no error.
void write_cache(const fs::path& file, const std::string& text) {
  try {
    fs::create_directories(file.parent_path());
    write_atomically(file, text);
  } catch (const std::system_error&) {
  }
}

PluginDescription describe_library(const fs::path& library, const Catalogue::Describe& describe) {
  if (auto plugin = description_beside(library)) return *plugin;
  std::optional<fs::path> cache_file = cache_folder();
  if (cache_file) {
    *cache_file /= sha256_file(library) + ".json";
    if (auto plugin = try_description(*cache_file)) return *plugin;
  }
  const std::string text = describe(library);
  PluginDescription plugin = parse_description(text, library.string());
  if (cache_file) write_cache(*cache_file, text);
  return plugin;
}

void check_abi(const PluginDescription& plugin) {
  if (plugin.abi_version == kAbiVersion) return;
  throw InputError("built for plugin ABI version " + std::to_string(plugin.abi_version) +
                   ", this labhost has version " + std::to_string(kAbiVersion) +
                   "; rebuild the plugin");
}

std::vector<fs::path> libraries_in(const fs::path& folder) {
  std::vector<fs::path> libraries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code unreadable;
    if (it->path().extension() == ".so" && it->is_regular_file(unreadable)) {
      libraries.push_back(it->path());
    }
  }
  std::sort(libraries.begin(), libraries.end());
  return libraries;
}

bool by_kind_and_name(const PluginDescription& a, const PluginDescription& b) {
  return std::tie(a.kind, a.name, a.library) < std::tie(b.kind, b.name, b.library);
}

// Moves plugins that share kind and name to `broken`. REQUIRES: sorted by kind and name.
std::vector<PluginDescription> without_duplicates(std::vector<PluginDescription> plugins,
                                                  std::vector<BrokenPlugin>& broken) {
  std::vector<PluginDescription> unique;
  for (auto first = plugins.begin(); first != plugins.end();) {
    const auto last = std::find_if(first, plugins.end(), [first](const PluginDescription& other) {
      return other.kind != first->kind || other.name != first->name;
    });
    if (last - first == 1) {
      unique.push_back(std::move(*first));
    } else {
      std::vector<std::string> files;
      for (auto it = first; it != last; ++it) files.push_back(it->library.string());
      const std::string reason = std::to_string(files.size()) + " " + to_string(first->kind) +
                                 " plugins are named \"" + first->name +
                                 "\": " + join(files, " and ") + "; remove all but one";
      for (auto it = first; it != last; ++it) broken.push_back({it->library, reason, it->name});
    }
    first = last;
  }
  return unique;
}

}  // namespace

Catalogue Catalogue::discover(std::vector<fs::path> search_path, const Describe& describe) {
  Catalogue catalogue;
  catalogue.search_path_ = std::move(search_path);
  std::set<fs::path> seen;  // a folder listed twice is no duplicate of its plugins
  for (const fs::path& folder : catalogue.search_path_) {
    for (const fs::path& library : libraries_in(folder)) {
      std::error_code error;
      const fs::path real = fs::canonical(library, error);
      if (!seen.insert(error ? library : real).second) continue;
      try {
        PluginDescription plugin = describe_library(library, describe);
        check_abi(plugin);
        plugin.library = library;
        catalogue.plugins_.push_back(std::move(plugin));
      } catch (const std::exception& failure) {
        catalogue.broken_.push_back({library, failure.what(), library.stem().string()});
      }
    }
  }
  std::sort(catalogue.plugins_.begin(), catalogue.plugins_.end(), by_kind_and_name);
  catalogue.plugins_ = without_duplicates(std::move(catalogue.plugins_), catalogue.broken_);
  return catalogue;
}

Catalogue Catalogue::of(std::vector<PluginDescription> plugins) {
  Catalogue catalogue;
  std::sort(plugins.begin(), plugins.end(), by_kind_and_name);
  catalogue.plugins_ = without_duplicates(std::move(plugins), catalogue.broken_);
  return catalogue;
}

const PluginDescription& Catalogue::find(PluginKind kind, const std::string& name) const {
  std::vector<std::string> known;
  const PluginDescription* other_kind = nullptr;
  for (const PluginDescription& plugin : plugins_) {
    if (plugin.kind == kind) {
      if (plugin.name == name) return plugin;
      known.push_back(plugin.name);
    } else if (plugin.name == name) {
      other_kind = &plugin;
    }
  }
  const std::string wanted = std::string(to_string(kind)) + " plugin \"" + name + "\"";
  for (const BrokenPlugin& broken : broken_) {
    if (broken.name != name) continue;
    throw InputError(wanted + " cannot be used: " + broken.library.string() + ": " + broken.reason);
  }
  if (other_kind != nullptr) {
    throw InputError("\"" + name + "\" is a plugin of kind " + to_string(other_kind->kind) +
                     ", expected kind " + to_string(kind) + suggestion(name, known));
  }
  std::vector<std::string> folders;
  for (const fs::path& folder : search_path_) folders.push_back(folder.string());
  throw InputError("unknown " + wanted + suggestion(name, known) +
                   (folders.empty() ? "" : " (searched " + join(folders, ", ") + ")"));
}

std::vector<fs::path> plugin_search_path(const std::vector<std::string>& option) {
  std::vector<fs::path> path;
  const auto add = [&path](const std::string& folders) {
    for (const std::string& folder : split(folders, ':')) {
      if (!folder.empty()) path.emplace_back(folder);
    }
  };
  for (const std::string& folders : option) {
    const std::size_t known = path.size();
    add(folders);
    for (std::size_t i = known; i < path.size(); ++i) {
      if (fs::is_directory(path[i])) continue;
      throw InputError(std::string("--plugin-path: expected a folder of plugins, found ") +
                       (fs::exists(path[i]) ? "a file: " : "nothing at ") + path[i].string());
    }
  }
  if (const char* folders = std::getenv("LABHOST_PLUGIN_PATH")) add(folders);
  path.push_back((executable_path().parent_path() / "../lib/labhost/plugins").lexically_normal());
  return path;
}

}  // namespace labhost
