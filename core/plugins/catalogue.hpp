// Discovery: the plugins on the search path, described without loading them.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/plugins/description.hpp"

namespace labhost {

/// A library on the search path that is not a usable plugin, and why.
struct BrokenPlugin {
  std::filesystem::path library;
  std::string reason;
  std::string name;  ///< the plugin's where it is known, else the library's file name without ".so"
};

class Catalogue {
 public:
  /// Describes a library by loading it in a child process and returns its JSON text; throws
  /// InputError with the reason when the library is refused. Used where a description is missing
  /// or older than its library.
  using Describe = std::function<std::string(const std::filesystem::path& library)>;

  /// Scans each folder of `search_path` in order for `*.so`. A folder that does not exist is
  /// skipped. A description is taken from the library's fresh `NAME.so.json`, else from the cache
  /// (`$XDG_CACHE_HOME/labhost/plugins/<sha256 of the library>.json`), else from `describe`, whose
  /// answer goes into the cache. One bad library never fails the discovery: it goes to broken().
  /// Two plugins of one kind and name: the error names both files and is kept for both.
  static Catalogue discover(std::vector<std::filesystem::path> search_path,
                            const Describe& describe);

  /// Throws InputError: unknown name (nearest one suggested, search path listed), a broken library
  /// of that file name (its reason), or a duplicate.
  const PluginDescription& find(PluginKind kind, const std::string& name) const;

  const std::vector<PluginDescription>& plugins() const { return plugins_; }
  const std::vector<BrokenPlugin>& broken() const { return broken_; }
  const std::vector<std::filesystem::path>& search_path() const { return search_path_; }

  /// For tests and tools: a catalogue of given descriptions.
  static Catalogue of(std::vector<PluginDescription> plugins);

 private:
  std::vector<PluginDescription> plugins_;  // sorted by kind, name
  std::vector<BrokenPlugin> broken_;
  std::vector<std::filesystem::path> search_path_;
};

/// `--plugin-path` (first), LABHOST_PLUGIN_PATH (colon separated), then `../lib/labhost/plugins`
/// beside the executable (build tree and installation have the same layout).
std::vector<std::filesystem::path> plugin_search_path(const std::vector<std::string>& option);

}  // namespace labhost
