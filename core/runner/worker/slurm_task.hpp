// What a Slurm task runs: one run of a submission, in a store of its own.
#pragma once

#include <filesystem>

namespace labhost {

/// Computes task SLURM_ARRAY_TASK_ID of the submission. Its rows go to the run's shard, where the
/// run is claimed: of two tasks for one run the second waits, and computes what the first left.
/// A task that is told of its time limit (SIGUSR1) writes a checkpoint and asks Slurm to queue it
/// again. Returns an exit code: 0 the run is completed, 1 it failed, 3 it goes on another time.
int run_slurm_task(const std::filesystem::path& submission);

}  // namespace labhost
