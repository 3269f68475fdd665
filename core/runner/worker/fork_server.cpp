#include "core/runner/worker/fork_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/files.hpp"
#include "core/runner/job.hpp"
#include "core/runner/worker/entry.hpp"
#include "core/runner/worker/run_job.hpp"

namespace labhost {

namespace {

void say(int socket, const std::string& message) {
  // A host that is gone is noticed by poll(); nothing is lost that the store does not have.
  (void)send(socket, message.data(), message.size(), MSG_NOSIGNAL);
}

bool single_threaded() {
  int threads = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    (void)entry;
    ++threads;
  }
  return threads == 1;
}

void redirect_output(const std::filesystem::path& log) {
  std::error_code ignored;
  std::filesystem::create_directories(log.parent_path(), ignored);
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;  // the run goes on without a log
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  close(file);
}

[[noreturn]] void be_worker(const Job& job, const std::string& text, pid_t server,
                            bool same_process) {
  // The worker stops (with a checkpoint) when its parent is gone, and the parent when the host is.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  install_stop_signals();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (getppid() != server) _exit(kWorkerInterrupted);
  redirect_output(job.log);
  if (same_process) {
    const int code = run_job(job);
    std::fflush(nullptr);
    // Not exit(): destructors of LibTorch's statics belong to the parent.
    _exit(code);
  }
  const std::string self = executable_path().string();
  execl(self.c_str(), self.c_str(), "worker", "run", text.c_str(), nullptr);
  _exit(127);
}

class Server {
 public:
  explicit Server(int socket) : socket_(socket), pid_(getpid()) {
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigprocmask(SIG_BLOCK, &watched, nullptr);
    signals_ = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  }

  int loop() {
    std::vector<char> packet(1 << 20);
    while (true) {
      pollfd watched[2] = {{socket_, POLLIN, 0}, {signals_, POLLIN, 0}};
      if (poll(watched, 2, -1) < 0) continue;  // EINTR
      if (watched[1].revents != 0) reap();
      if (watched[0].revents == 0) continue;
      const ssize_t size = recv(socket_, packet.data(), packet.size(), 0);
      if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (size <= 0) break;
      start(std::string(packet.data(), static_cast<std::size_t>(size)));
    }
    for (const auto& [pid, run_id] : workers_) kill(pid, SIGTERM);
    while (waitpid(-1, nullptr, 0) > 0) {
    }
    return 0;
  }

 private:
  void start(const std::string& text) {
    const Job job = Job::from_text(text);
    const bool same_process = single_threaded();
    const pid_t pid = fork();
    if (pid == 0) {
      close(signals_);
      close(socket_);
      be_worker(job, text, pid_, same_process);
    }
    if (pid < 0) {
      say(socket_, "exited " + std::to_string(job.run_id) + " " + std::to_string(127 << 8));
      return;
    }
    workers_[pid] = job.run_id;
    say(socket_, "started " + std::to_string(job.run_id) + " " + std::to_string(pid));
  }

  void reap() {
    signalfd_siginfo info{};
    while (read(signals_, &info, sizeof info) > 0) {
    }
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto found = workers_.find(pid);
      if (found == workers_.end()) continue;
      say(socket_, "exited " + std::to_string(found->second) + " " + std::to_string(status));
      workers_.erase(found);
    }
  }

  int socket_, signals_ = -1;
  pid_t pid_;
  std::map<pid_t, std::int64_t> workers_;
};

}  // namespace

int serve(int socket) { return Server(socket).loop(); }

}  // namespace labhost
