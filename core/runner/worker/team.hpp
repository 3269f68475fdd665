// The team that a recorded run has trained, for commands that watch it or hand it on.
#pragma once

#include <cstdint>

#include "core/runner/worker/assembly.hpp"

namespace labhost {

/// Warnings go to standard error, what is only interesting nowhere.
class StderrLogger : public Logger {
 public:
  void info(const std::string&) override {}
  void warn(const std::string& message) override;
};

/// Loads what the run left, or the last checkpoint of one that is not complete, into the algorithm
/// of `parts`; returns the step at which that was. Throws InputError where there is neither.
std::int64_t load_team(Store& store, const RunRow& run, Assembly& parts);

}  // namespace labhost
