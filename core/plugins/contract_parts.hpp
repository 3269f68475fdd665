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

/// A dataset plugin, beside which `folder` holds others: the environments that it may be for, and
/// `collect`, which makes it a file where it reads one that a run has left.
std::vector<Property> check_dataset(const LoadedPlugin& plugin,
                                    const std::filesystem::path& folder);

}  // namespace labhost
