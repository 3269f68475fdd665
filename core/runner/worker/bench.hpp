// The part of `labhost bench` that needs LibTorch: updates beside their arithmetic floor,
// environments beside their simulators.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace labhost {

/// Environments beside their bare simulators; `libraries` are of environment plugins. Those that
/// have no simulator apart are left out.
int bench_environments(const std::vector<std::string>& libraries);

/// Batches and histories of data in the shapes of an environment (ant.so), beside an update
/// (ibc.so).
int bench_data(const std::filesystem::path& environment, const std::filesystem::path& algorithm);

/// Updates of algorithms on the coordination game and the four-agent Ant, fully and partially
/// observed, beside their arithmetic floor. Arguments: libraries of algorithm plugins, and
/// "parameter=value" for what differs from their defaults.
int bench_algorithms(const std::vector<std::string>& arguments);

/// A world model's update, and the rollouts and PPO of an epoch of MOMA-PPO, on the four-agent Ant
/// in the paper's sizes. Arguments: the libraries of world-model and moma-ppo, and
/// "parameter=value" for what differs from their defaults.
int bench_moma(const std::vector<std::string>& arguments);

/// Arguments: "data" and two libraries; "env" and the libraries of environment plugins; "algo" and
/// the arguments of bench_algorithms(); "moma" and those of bench_moma(); or "load", which returns
/// at once (the cost of loading LibTorch). Returns an exit code.
int bench_in_worker(const std::vector<std::string>& arguments);

}  // namespace labhost
