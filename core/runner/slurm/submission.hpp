// What a job array is given: slurm/NAME/ beside the store, with
//   plan.sqlite  the rows that its tasks start from, never written again: any machine can read it
//   tasks.json   which run task i computes, and how
//   script.sh    what Slurm starts: the worker, in place of the shell
//   I.out        what task i said before it opened its run's own log
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/runner/job.hpp"
#include "core/store/store.hpp"

namespace labhost {

struct SubmittedTask {
  std::string uuid, run_key;
  /// Key and UUID of the runs that it needs.
  std::vector<std::pair<std::string, std::string>> needs;
};

/// tasks.json.
struct Submission {
  /// Without a run: store (the main one), libraries, runner settings, command line.
  Job job;
  std::int64_t max_attempts = 3;
  ProcessId submitter;  ///< who waits for sbatch's answer
  std::vector<SubmittedTask> tasks;

  std::string to_text() const;
  static Submission from_text(const std::string& text);
};

std::filesystem::path submission_folder(const Store& store, const std::string& name);

/// Writes the folder; tasks.json last, so that a folder with it is whole. `setup`: shell lines.
void write_submission(Store& store, const std::string& name, const Submission& submission,
                      const std::vector<std::string>& setup);

/// Takes in what the run's shard has: everything once its attempt has ended, else how far it is.
/// Returns the shard's row, if there is a shard with the run.
std::optional<RunRow> take_shard(Store& store, const std::string& uuid, const std::string& run_key);

/// Removes the folders of submissions of which no run is with Slurm any more, and their shards.
/// A task that Slurm starts again after that finds nothing to do.
void wind_up_submissions(Store& store);

}  // namespace labhost
