// Other programs, run to their end.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace labhost {

struct ProgramEnd {
  int wait_status = 0;  ///< as of waitpid()
  std::string out, err;

  bool succeeded() const { return wait_status == 0; }
};

/// Runs `command` (looked up in PATH) with empty input and keeps what it says. Exit code 127: there
/// is no such program. Throws std::system_error where no process can be started.
ProgramEnd run_to_end(const std::vector<std::string>& command);

}  // namespace labhost
