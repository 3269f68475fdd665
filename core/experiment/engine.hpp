// [engine.slurm]: what a sweep asks of a cluster. No part of a run's identity.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace labhost {

class TableView;

/// What one task asks for; empty or 0: as the cluster gives by itself.
struct SlurmResources {
  std::string time;       ///< limit in Slurm's spelling: "90", "4:00:00", "1-12"
  std::string mem;        ///< "4G"
  std::string gres;       ///< "gpu:1"
  std::int64_t cpus = 0;  ///< 0: run.threads
};

struct SlurmSettings {
  std::string partition, account, qos, constraint;
  SlurmResources resources;
  std::map<std::string, SlurmResources> algorithms;  ///< by label, complete
  std::int64_t limit = 0;            ///< tasks of an array that run at a time; 0: no limit
  std::int64_t max_attempts = 3;     ///< attempts that may be lost before a run has failed
  std::int64_t signal_seconds = 60;  ///< before the time limit, to write a checkpoint and requeue
  double poll_seconds = 10;          ///< between questions to Slurm, at most
  std::vector<std::string> extra;    ///< more options of sbatch
  std::vector<std::string> setup;    ///< shell lines before the worker: module load ...

  const SlurmResources& resources_of(const std::string& algorithm) const;
};

/// Reads `engine.slurm` of an experiment's root table; defaults where it is absent. `algorithms`:
/// the labels that its own `algorithm` table may name. Errors as of make_plan.
SlurmSettings read_slurm(const TableView& top, const std::vector<std::string>& algorithms);

}  // namespace labhost
