// Who owns a run: identity of processes and machines.
#pragma once

#include <cstdint>
#include <string>

namespace labhost {

/// A process, so that another process can tell later whether it still lives.
struct ProcessId {
  std::string host;  ///< host name plus boot id: a rebooted machine is another host
  std::int64_t pid = 0;
  std::int64_t start = 0;  ///< start time in clock ticks since boot: guards against reused pids
};

/// This process (read anew at each call: a fork changes it).
ProcessId this_process();

/// The identity of a process on this machine; start = 0 when it does not exist.
ProcessId local_process(std::int64_t pid);

enum class Liveness { kAlive, kDead, kUnknown };

/// kUnknown for processes of other hosts.
Liveness liveness(const ProcessId& process);

/// Seconds since the epoch.
double now_seconds();

}  // namespace labhost
