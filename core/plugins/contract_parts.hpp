// What the checks of the contract share; one file per kind of plugin where they are long.
#pragma once

#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/plugins/contract.hpp"

namespace labhost {

class QuietLogger : public Logger {
 public:
  void info(const std::string&) override {}
  void warn(const std::string&) override {}
};

/// Runs one check; what it throws is why the property does not hold.
Property property(const std::string& name, const std::function<std::string()>& check);

inline void require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

/// Where the plugins lie that a checked one may need: its own folder, then the host's.
using Folders = std::vector<std::filesystem::path>;
Folders folders_beside(const std::filesystem::path& library);
/// The library of a plugin. Throws std::runtime_error where no folder has it.
std::filesystem::path library_of(const Folders& folders, const std::string& name);

/// A dataset plugin, beside which others lie: the environments that it may be for, and `collect`,
/// which makes it a file where it reads one that a run has left.
std::vector<Property> check_dataset(const LoadedPlugin& plugin, const Folders& folders);

using EnvironmentMaker =
    std::function<std::unique_ptr<Environment>(std::int64_t copies, std::int64_t threads)>;
std::vector<Property> check_environment(const EnvironmentMaker& make);

/// Threads of this process.
std::int64_t thread_count();
/// Throws when there are more than `before`, also after a moment in which they could have ended.
void require_no_more_threads(std::int64_t before);

/// Catches what is written to standard output, from its construction to stop() or its end.
class OutputWatch {
 public:
  OutputWatch();
  ~OutputWatch();
  OutputWatch(const OutputWatch&) = delete;
  OutputWatch& operator=(const OutputWatch&) = delete;
  /// What was written; from now on output goes where it went before.
  std::string stop();

 private:
  int saved_ = -1, caught_ = -1;
};

}  // namespace labhost
