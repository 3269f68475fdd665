#include "core/base/process.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace labhost;

TEST_CASE("this process is alive and has a host, a pid and a start time") {
  const ProcessId self = this_process();
  CHECK(self.pid == getpid());
  CHECK(self.start > 0);
  CHECK(self.host.find(':') == self.host.size() - 9);  // name:8 digits of the boot id
  CHECK(liveness(self) == Liveness::kAlive);
}

TEST_CASE("a reused pid is another process") {
  ProcessId self = this_process();
  ++self.start;
  CHECK(liveness(self) == Liveness::kDead);
}

TEST_CASE("nothing is known of other hosts, even about our own pid") {
  ProcessId other = this_process();
  other.host = "elsewhere:00000000";
  CHECK(liveness(other) == Liveness::kUnknown);
}

TEST_CASE("no process has pid 0 or a negative one") {
  CHECK(local_process(0).start == 0);
  CHECK(local_process(-1).start == 0);
  CHECK(liveness({this_process().host, 0, 0}) == Liveness::kDead);
}

TEST_CASE("a child lives until it is killed, and is dead before anyone reaps it") {
  const pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    for (;;) pause();
  }
  const ProcessId child = local_process(pid);
  CHECK(child.start > 0);
  CHECK(liveness(child) == Liveness::kAlive);
  kill(pid, SIGKILL);
  siginfo_t info{};
  REQUIRE(waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) == 0);  // now a zombie
  CHECK(liveness(child) == Liveness::kDead);
  waitpid(pid, nullptr, 0);
  CHECK(liveness(child) == Liveness::kDead);
}
