// Executes a plan: claims runs in the store, keeps workers busy, tells how it goes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/experiment/plan.hpp"
#include "core/runner/host/progress.hpp"
#include "core/runner/host/worker_pool.hpp"
#include "core/store/store.hpp"

namespace labhost {

struct ScheduleOptions {
  std::int64_t jobs = 1;
  bool skip_failed = false;  ///< leave runs alone that failed in an earlier call
  std::string command_line;
};

struct ScheduleResult {
  std::int64_t completed = 0;        ///< by this call
  std::int64_t already = 0;          ///< had been completed before, or meanwhile by another process
  std::vector<std::string> failed;   ///< "task algorithm seed 3: reason", one line each
  std::vector<std::string> blocked;  ///< not started because what they need failed
  std::vector<std::string> cancelled;  ///< by `labhost cancel`, while Slurm had them
  bool stopped = false;                ///< by SIGINT or SIGTERM
};

/// "neutral maiql seed 3".
std::string name_of(const RunSpec& spec);

/// The plan must be recorded in the store. Several processes may execute overlapping plans on one
/// store at once: each run is computed by one of them, the others wait for it.
/// SIGINT, SIGTERM and SIGHUP checkpoint all workers and return; a second one kills them.
class Scheduler {
 public:
  Scheduler(const Plan& plan, Store& store, const Catalogue& catalogue, ScheduleOptions options);
  ScheduleResult execute();

 private:
  enum class State { kPending, kActive, kElsewhere, kDone, kFailed, kBlocked };
  struct Entry {
    const RunSpec* spec = nullptr;
    State state = State::kPending;
    RunRow row;
    std::int64_t claimed_attempt = 0;  ///< ours, while kActive
    std::int64_t first_step = 0;       ///< where it began
    double claimed_at = 0;
    std::string reason;
  };

  void read_rows();
  void update_from_row(Entry& entry);
  void start_ready();
  bool try_start(Entry& entry);
  void handle_exit(const WorkerPool::Exit& exit);
  void poll_elsewhere();
  void show_progress(bool force);
  bool finished() const;
  bool ready(const Entry& entry);
  std::string reason_of_exit(const Entry& entry, int wait_status) const;
  std::filesystem::path log_of(const Entry& entry) const;
  ScheduleResult result() const;

  const Plan& plan_;
  Store& store_;
  const Catalogue& catalogue_;
  ScheduleOptions options_;
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t> by_key_;
  std::map<std::int64_t, std::size_t> by_id_;
  WorkerPool pool_;
  Progress progress_;
  std::int64_t completed_ = 0;
  double shown_at_ = 0, polled_at_ = 0;
  bool stopping_ = false;
};

}  // namespace labhost
