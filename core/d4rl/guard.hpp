// A first look at what may crash.
//
// HDF5 1.10 takes the headers of a file on trust: damaged ones make it read beyond its buffers, or
// go round in circles until the memory is full. Such a file shall be an error like any other.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace labhost {

struct GuardLimits {
  std::uint64_t seconds = 20;       ///< of computing; ten times as many in all
  std::uint64_t bytes = 256 << 20;  ///< of memory, beyond what the process has; not with sanitizers
};

/// Calls `look` in a child process. Throws InputError with the words of an InputError that `look`
/// throws there, or, naming `file`, when the child crashes or needs more than `limits` allow.
/// Does nothing where no process can be made.
void look_in_child(const std::string& file, const std::function<void()>& look,
                   const GuardLimits& limits = {});

}  // namespace labhost
