// Executes a plan on a Slurm cluster: submits what is ready as job arrays, follows them, takes in
// what they have computed.
//
// Nothing is remembered outside of the store: whoever calls it next, after a kill or --detach,
// follows the same jobs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/experiment/plan.hpp"
#include "core/runner/host/progress.hpp"
#include "core/runner/host/scheduler.hpp"
#include "core/runner/slurm/client.hpp"
#include "core/runner/slurm/submission.hpp"
#include "core/store/slurm_tasks.hpp"
#include "core/store/store.hpp"

namespace labhost {

class SlurmEngine {
 public:
  /// The plan must be recorded in the store. `options.jobs` bounds the tasks of an array that run
  /// at a time; 0: as the plan says.
  SlurmEngine(const Plan& plan, Store& store, const Catalogue& catalogue, ScheduleOptions options);

  /// Submits and follows until every run has ended. SIGINT and its like end the following, not the
  /// jobs.
  ScheduleResult follow();
  /// Submits all that can be submitted, and returns: runs that need others wait for them at Slurm.
  ScheduleResult detach();

 private:
  enum class State { kPending, kAtSlurm, kElsewhere, kDone, kFailed, kBlocked, kCancelled };
  struct Entry {
    const RunSpec* spec = nullptr;
    State state = State::kPending;
    RunRow row;
    SlurmTask task;  ///< while kAtSlurm
    std::string reason;
    double seen_at = 0;  ///< when its step began to be watched
    std::int64_t first_step = 0;
  };
  using Queue = std::map<std::string, SlurmJob>;  // by id

  bool look();
  void tell(const std::string& trouble);
  void restart(Entry& entry, const std::string& damage);
  void look_at(Entry& entry, const Queue& queue);
  bool adopt(Entry& entry, const Queue& queue);
  void finish(Entry& entry);
  void lose(Entry& entry, const std::optional<RunRow>& shard_row);
  std::string why_lost(const Entry& entry) const;
  void settle(Entry& entry);

  void submit_ready();
  bool submit(const std::vector<Entry*>& group, const std::vector<std::string>& after);
  std::vector<std::string> sbatch_arguments(const std::vector<Entry*>& runs,
                                            const std::string& name,
                                            const std::vector<std::string>& after) const;
  Submission submission_of(const std::vector<Entry*>& runs) const;
  void block_dependents();

  bool finished() const;
  void wait();
  void show_progress();
  ScheduleResult result() const;

  const Plan& plan_;
  Store& store_;
  const Catalogue& catalogue_;
  ScheduleOptions options_;
  SlurmTasks tasks_;
  SlurmClient client_;
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t> by_key_;
  Progress progress_;
  std::int64_t completed_ = 0;
  std::int64_t array_limit_ = 0;  ///< tasks of one array; 0: not known yet
  double pause_ = 0;              ///< until the next question to Slurm
  bool moved_ = false;            ///< something has changed since the last question
  std::string trouble_;           ///< of Slurm's, that has been told
};

}  // namespace labhost
