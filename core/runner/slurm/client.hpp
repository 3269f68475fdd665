// Slurm's own commands: sbatch, squeue, scontrol, scancel. Nothing here asks slurmdbd.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace labhost {

/// A command of Slurm that failed, with what it said. It may be well again in a moment (slurmctld
/// restarts), or not.
class SlurmError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A job, or one task of an array, as squeue shows it. Ended ones stay for some minutes
/// (MinJobAge).
struct SlurmJob {
  std::string id;  ///< "17_4" in an array
  std::string name, state, reason;
};

/// Whether a job in this state will run, runs, or is being wound up; a requeued one waits again.
bool is_live(const std::string& state);

/// How a job ended, from scontrol, else from the file that jobcomp/filetxt writes.
struct SlurmEnd {
  std::string state;   ///< OUT_OF_MEMORY, TIMEOUT, CANCELLED, NODE_FAIL, ...
  std::string reason;  ///< NonZeroExitCode, ...
  std::string nodes;
  int exit_code = 0, signal = 0;

  /// "OUT_OF_MEMORY (reason), killed by SIGKILL, on n1".
  std::string text() const;
};

class SlurmClient {
 public:
  /// Throws InputError where Slurm's commands are not. Asks no daemon.
  void require_commands() const;
  /// Submits; returns the job's number. `arguments` are sbatch's, the script last.
  std::string submit(const std::vector<std::string>& arguments) const;
  /// All jobs of this user that Slurm still knows.
  std::vector<SlurmJob> queue() const;
  /// Nothing where Slurm knows the job no more.
  std::optional<SlurmEnd> end_of(const std::string& job) const;
  void cancel(const std::vector<std::string>& jobs) const;
  void requeue(const std::string& job) const;
  /// The most tasks that one array can have.
  std::int64_t max_array_tasks() const;
};

/// The fields "Name=value" of one line of scontrol or of the completion log.
std::optional<SlurmEnd> parse_end(const std::string& line);
/// Lines of `squeue -o %i|%j|%T|%r`.
std::vector<SlurmJob> parse_queue(const std::string& text);

}  // namespace labhost
