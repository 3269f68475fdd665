// What commands other than `run` do with runs that are with Slurm.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/store/slurm_tasks.hpp"
#include "core/store/store.hpp"

namespace labhost {

/// "Slurm: 4 RUNNING, 80 PENDING"; empty without tasks.
std::string counted_states(const std::vector<SlurmTask>& tasks);

/// Ends the jobs of an experiment's runs, or of all: they write checkpoints, and are interrupted.
/// Returns how many there were.
std::int64_t cancel_slurm_tasks(Store& store, const std::optional<std::string>& experiment);

/// For commands that show a store: takes in what the shards of its runs at Slurm have by now.
/// Returns Slurm's own counts, "4 RUNNING, 80 PENDING"; empty where nothing is with Slurm.
std::string refresh_from_shards(Store& store);

}  // namespace labhost
