// What every plugin promises, checked on the built library: `labhost plugins check FILE`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/plugins/loader.hpp"

namespace labhost {

struct Property {
  std::string name;
  bool holds = false;
  std::string detail;  ///< why not, or a measured figure
};

/// Loads the library and checks the contract of its kind:
///   algorithm    one update on a synthetic task gives finite metrics; same seed, same bits; a run
///                that was saved and loaded goes on with the same bits; actions fit the task;
///                nothing drawn from the global generator. An InputError of its constructor means
///                that it refuses that kind of task, which is in order as long as it accepts
///                another
///   environment  shapes and types; same seed, same bits, whatever the thread count; episodes end
///   at
///                the horizon; set_state then step is repeatable; saved and loaded goes on the same
///   dataset      transitions fit the task of an environment beside it; loading twice is the same;
///                where a file must be given: without one, and without that file, it says so
/// Of all kinds: instances do not depend on each other (no static state), leave no thread behind
/// and write nothing to standard output; the time of a call is told. An algorithm that needs
/// artifacts gets them from the plugins beside it or the host's, briefly trained.
LABHOST_API std::vector<Property> check_contract(const std::filesystem::path& library);

/// Prints one line per property; returns an exit code (0: all hold, 1: some do not).
int check_plugin(const std::filesystem::path& library);

}  // namespace labhost
