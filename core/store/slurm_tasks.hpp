// Which runs are with Slurm, and what it last said of them: the table slurm_task.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/store/store.hpp"

namespace labhost {

/// States that are our own; all others are Slurm's words.
inline constexpr const char* kSubmitting = "SUBMITTING";  ///< sbatch has not answered yet
inline constexpr const char* kCancelling =
    "CANCELLING";  ///< `labhost cancel` has asked for the end

struct SlurmTask {
  std::int64_t run_id = 0;
  std::string uuid, run_key;  ///< of the run
  std::string submission;     ///< folder below slurm/, and the job's name
  std::int64_t task = 0;      ///< index in the job array
  std::string job;            ///< "17_4"; empty while it is not known
  std::string state, reason;
};

class SlurmTasks {
 public:
  explicit SlurmTasks(Store& store) : store_(store) {}

  std::vector<SlurmTask> all();
  /// The tasks of one experiment's runs.
  std::vector<SlurmTask> of_experiment(const std::string& experiment);

  /// Hands runs to Slurm in the order given, all as kSubmitting. Those that are completed, alive or
  /// with Slurm already are left out: the answer has the others' ids. One transaction, so that of
  /// two processes one submits a run.
  std::vector<std::int64_t> add(const std::vector<std::int64_t>& run_ids,
                                const std::string& submission, double stale_seconds);
  /// sbatch has answered: task i of the submission is `job`_i. Returns the ids of the tasks that
  /// nobody wants any more: cancelled or given up meanwhile.
  std::vector<std::string> set_job(const std::string& submission, const std::string& job,
                                   std::int64_t tasks);
  void set_state(const SlurmTask& task, const std::string& state, const std::string& reason);
  /// Only while the run is still in this submission: another follower may have made a new one.
  void remove(std::int64_t run_id, const std::string& submission);
  void remove_submission(const std::string& submission);

 private:
  std::vector<SlurmTask> select(const std::string& condition, const std::string& value);

  Store& store_;
};

}  // namespace labhost
