// The host's end of the fork server: starts workers and hears of their ends.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <vector>

#include "core/runner/job.hpp"

namespace labhost {

/// Single-threaded, like its owner the scheduler. The server is started with the first worker.
class WorkerPool {
 public:
  explicit WorkerPool(std::int64_t threads_per_worker);
  /// Asks running workers to checkpoint and stop, and waits for them.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;

  void start(const Job& job);

  struct Exit {
    std::int64_t run_id;
    int wait_status;  ///< as of waitpid(); kLost when the server itself died
  };
  static constexpr int kLost = -1;
  /// Ends that became known within `seconds` (returns at the first).
  std::vector<Exit> wait(double seconds);

  std::size_t running() const { return workers_.size(); }
  void signal_all(int signal);

 private:
  void start_server();
  std::vector<Exit> server_lost();

  std::int64_t threads_;
  int socket_ = -1;
  pid_t server_ = 0;
  bool heard_ = false;                     ///< the server has said something
  std::map<std::int64_t, pid_t> workers_;  // by run id; pid 0 until the server has said it
};

}  // namespace labhost
