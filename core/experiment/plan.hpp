// An experiment file as a validated plan: runs, what each needs, and what the report shows.
//
//   experiments/table3.toml --(profile, --set)--> Plan --> RunSpec x (task x algorithm x seed) +
//   needs
//
// Everything is validated here, before anything runs: syntax, keys, types, ranges, plugins, files,
// circular needs. Errors are InputError "FILE:LINE: what was found; what is allowed".
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/experiment/engine.hpp"
#include "core/experiment/layout.hpp"
#include "core/plugins/catalogue.hpp"

namespace labhost {

/// A plugin with all its parameters resolved.
struct PluginUse {
  std::string plugin, version;
  ParamValues params;
  /// SHA-256 of the content of each parameter that names files, by parameter name; of a list a line
  /// each, as the paths are. In the identity the hash stands in the place of the path.
  std::map<std::string, std::string> file_hashes;
};

/// Throws InputError, naming the file and both hashes, when a file is not as it was when the plan
/// was made.
void check_files(const PluginUse& use);

struct EvaluationSpec {
  std::int64_t episodes = 100;        ///< at the end (paper-wide value: section "Evaluation")
  std::int64_t every = 0;             ///< updates between evaluations while training; 0: none
  std::int64_t episodes_during = 10;  ///< episodes of each of those
};

/// Needs of a dataset stand among those of the run under this prefix and the dataset's own role.
inline constexpr const char* kDatasetRole = "dataset.";

struct NeedSpec {
  std::string role;     ///< the name under which the plugin asks for it
  std::string run_key;  ///< the run whose artifact it takes
};

/// One run: what a worker is given. Two experiments that ask for the same thing ask for one run.
struct RunSpec {
  std::string task, algorithm;  ///< labels of the experiment file
  PluginUse environment, method;
  PluginUse dataset;  ///< without a plugin where the algorithm learns online
  std::int64_t seed = 0;
  std::int64_t total_steps = 0;
  std::int64_t log_every = 1;  ///< updates between metric rows
  EvaluationSpec evaluation;
  std::vector<NeedSpec> needs;
  bool reported = true;  ///< false for runs that exist only because others need them
  std::string run_key;   ///< SHA-256 of identity()
  std::string settings;  ///< SHA-256 of all but the seed: equal in runs that one cell may average

  /// What determines the result, canonical (sorted keys): plugins, versions, parameters, file
  /// hashes, steps, logging and evaluation settings, seed, run keys of needs. Labels stay out.
  nlohmann::json identity() const;
  /// identity plus labels and file paths: what the store keeps and the worker reads.
  nlohmann::json config() const;
  static RunSpec from_config(const nlohmann::json& config);
};

/// How workers run; no part of a run's identity.
struct RunnerSettings {
  std::int64_t threads = 1;              ///< compute threads per worker
  double checkpoint_seconds = 30;        ///< time between checkpoints
  double heartbeat_stale_seconds = 120;  ///< silence after which another host's run counts as dead
  std::string device = "cpu";            ///< "cpu", "cuda" or "auto"
  std::string log_level = "info";
};

/// A row and a column of the report's table.
struct CellName {
  std::string task, algorithm;
};

struct PaperCell {
  std::string table_name, task, algorithm;
  std::optional<double> mean, sem;
};

struct Plan {
  std::string experiment, profile;
  std::filesystem::path file;
  ReportLayout layout;
  std::vector<std::int64_t> seeds;
  std::vector<RunSpec> runs;  ///< every run once, needed runs before those that need them
  /// Cells that stay empty, because the algorithm's `tasks` do not name the task.
  std::vector<CellName> left_out;
  std::vector<PaperCell> paper;
  RunnerSettings runner;
  SlurmSettings slurm;
};

struct PlanOptions {
  std::optional<std::string> profile;
  std::vector<std::string>
      set;  ///< "algorithm.moma-ppo.lambda_g=0": a TOML value after the first '='
  std::vector<std::string> only;     ///< "task=favorable,algorithm=iql|maiql": all must hold
  std::optional<std::string> seeds;  ///< "0,1,4" or "0-9"
};

Plan make_plan(const std::filesystem::path& file, const PlanOptions& options,
               const Catalogue& catalogue);

}  // namespace labhost
