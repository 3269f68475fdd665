#include "core/base/process.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <sstream>
#include <string>

namespace labhost {
namespace {

/// "name:1a2b3c4d": the boot id tells a machine from itself before a reboot, when all its
/// processes died, and containers of one name on different machines from each other.
std::string this_host() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) name[0] = '\0';
  std::string boot_id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot_id;
  return std::string(name.data()) + ':' + boot_id.substr(0, 8);
}

}  // namespace

ProcessId this_process() { return local_process(getpid()); }

ProcessId local_process(std::int64_t pid) {
  ProcessId process{this_host(), pid, 0};
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (pid <= 0 || !std::getline(file, line)) return process;

  // "PID (COMMAND) STATE ...": the command may hold blanks and parentheses, so count from the last
  // one. STATE is field 3, the start time field 22.
  const std::size_t command_end = line.rfind(')');
  if (command_end == std::string::npos) return process;
  std::istringstream fields(line.substr(command_end + 1));
  std::string field;
  fields >> field;
  // A zombie does no more work; where nobody reaps it (containers), it would stay for ever.
  if (field == "Z" || field == "X") return process;
  for (int i = 4; i <= 22; ++i) fields >> field;
  if (fields) process.start = std::stoll(field);
  return process;
}

Liveness liveness(const ProcessId& process) {
  const ProcessId now = local_process(process.pid);
  if (process.host != now.host) return Liveness::kUnknown;
  return now.start != 0 && now.start == process.start ? Liveness::kAlive : Liveness::kDead;
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace labhost
