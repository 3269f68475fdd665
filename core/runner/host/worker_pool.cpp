#include "core/runner/host/worker_pool.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include "core/base/files.hpp"
#include "core/runner/host/worker_environment.hpp"

namespace labhost {

WorkerPool::WorkerPool(std::int64_t threads_per_worker) : threads_(threads_per_worker) {}

WorkerPool::~WorkerPool() {
  if (socket_ < 0) return;
  close(socket_);  // the server stops its workers and ends
  while (waitpid(server_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void WorkerPool::start_server() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  const int buffer = 1 << 20;
  for (const int end : ends) setsockopt(end, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  const std::string self = executable_path().string();
  const pid_t host = getpid();
  server_ = fork();
  if (server_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (server_ == 0) {
    // Its own process group: a Ctrl-C reaches the host alone, which then stops workers in order.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != host) _exit(1);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    const int kept = dup(ends[1]);  // without close-on-exec
    set_worker_environment(threads_);
    const std::string number = std::to_string(kept);
    execl(self.c_str(), self.c_str(), "worker", "serve", number.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  socket_ = ends[0];
  heard_ = false;
}

void WorkerPool::start(const Job& job) {
  if (socket_ < 0) start_server();
  const std::string text = job.to_text();
  workers_[job.run_id] = 0;
  // A server that died is noticed by the next wait(), which reports this run as lost.
  (void)send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
}

std::vector<WorkerPool::Exit> WorkerPool::server_lost() {
  std::vector<Exit> exits;
  for (const auto& [run_id, pid] : workers_) exits.push_back({run_id, kLost});
  workers_.clear();
  close(socket_);
  socket_ = -1;
  while (waitpid(server_, nullptr, 0) < 0 && errno == EINTR) {
  }
  // One that never spoke would die again and again.
  if (!heard_) {
    throw std::runtime_error(
        "the parent process of the workers could not be started; its own "
        "message stands above");
  }
  return exits;
}

std::vector<WorkerPool::Exit> WorkerPool::wait(double seconds) {
  std::vector<Exit> exits;
  pollfd watched = {socket_, POLLIN, 0};
  int timeout = static_cast<int>(seconds * 1000);
  while (poll(&watched, socket_ < 0 ? 0 : 1, timeout) > 0) {
    char packet[256];
    const ssize_t size = recv(socket_, packet, sizeof packet, MSG_DONTWAIT);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size <= 0) {
      const std::vector<Exit> lost = server_lost();
      exits.insert(exits.end(), lost.begin(), lost.end());
      return exits;
    }
    std::istringstream message(std::string(packet, static_cast<std::size_t>(size)));
    std::string what;
    std::int64_t run_id = 0;
    int value = 0;
    message >> what >> run_id >> value;
    heard_ = true;
    if (what == "started") {
      workers_[run_id] = value;
    } else if (what == "exited") {
      workers_.erase(run_id);
      exits.push_back({run_id, value});
      timeout = 0;  // take what else is there, without waiting
    }
  }
  return exits;
}

void WorkerPool::signal_all(int signal) {
  for (const auto& [run_id, pid] : workers_) {
    if (pid > 0) kill(pid, signal);
  }
}

}  // namespace labhost
