// A small experiment in a temporary folder, and made-up plugins to plan it with.
#pragma once

#include <string>
#include <vector>

#include "core/experiment/plan.hpp"
#include "tests/base/scratch_folder.hpp"
#include "tests/plugins/made_up_plugins.hpp"

namespace labhost::testing {

// Tests name its lines: keep each where it is.
inline constexpr char kExperiment[] = R"(# line 1
[experiment]
title = "A small table"
tasks = ["favorable", "neutral"]
algorithms = ["maiql", "moma-ppo"]
seeds = 3

[task.favorable]
label = "fav."
environment = { plugin = "game", rounds = 10 }
dataset = { plugin = "coordination", behaviour = "favorable" }

[task.neutral]
environment = { plugin = "game" }
dataset = { plugin = "coordination", behaviour = "neutral" }

[algorithm.maiql]
label = "MAIQL"
steps = 1000
expectile = 0.7

[algorithm.moma-ppo]
steps = 200

[algorithm.world-model]
steps = 500

[evaluation]
episodes = 100

[profile.smoke]
experiment = { seeds = 2 }
[profile.smoke.algorithm.maiql]
steps = 50
)";

inline std::vector<PluginDescription> made_up_plugins() {
  using Type = ParamType;
  PluginDescription online = plugin(PluginKind::kAlgorithm, "ppo");
  online.online = true;
  PluginDescription collected =
      plugin(PluginKind::kDataset, "collected",
             {param("limit", Type::kInteger, "0"), param("recorded", Type::kFlag, "false")},
             {{"run", "", "recorded"}});
  return {
      plugin(PluginKind::kEnvironment, "game",
             {bounded(param("rounds", Type::kInteger, "10"), 1, 1000),
              param("payoff", Type::kReal, "1")}),
      plugin(PluginKind::kEnvironment, "reacher", {param("pairing", Type::kText, "text")}),
      plugin(PluginKind::kDataset, "coordination",
             {among(param("behaviour", Type::kText, "neutral"), {"favorable", "neutral"}),
              bounded(param("size", Type::kInteger, "1000"), 1, std::nullopt),
              param("seed", Type::kInteger, "0")}),
      plugin(PluginKind::kDataset, "hdf5",
             {param("file", Type::kFile, ""), param("name", Type::kData, "")}),
      plugin(PluginKind::kAlgorithm, "maiql",
             {bounded(param("expectile", Type::kReal, "0.5"), 0, 1),
              param("action_aware_mixer", Type::kFlag, "true"),
              bounded(param("layers", Type::kInteger, "2"), 1, 9)}),
      plugin(PluginKind::kAlgorithm, "ibc"),
      plugin(PluginKind::kAlgorithm, "moma-ppo",
             {param("lambda_g", Type::kReal, "0.1"), param("ground_truth", Type::kFlag, "false")},
             {{"model", "world-model", "ground_truth"}}),
      plugin(PluginKind::kAlgorithm, "world-model",
             {param("members", Type::kInteger, "7"), param("weights", Type::kFile, "")}),
      plugin(PluginKind::kAlgorithm, "egg", {}, {{"parent", "hen"}}),
      plugin(PluginKind::kAlgorithm, "hen", {}, {{"child", "egg"}}),
      online,
      collected,
      plugin(PluginKind::kAlgorithm, "collect",
             {param("policies", Type::kFiles, ""),
              bounded(param("shares", Type::kReals, ""), 0, std::nullopt)}),
  };
}

inline const Catalogue& made_up_catalogue() {
  static const Catalogue catalogue = Catalogue::of(made_up_plugins());
  return catalogue;
}

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("the text has no \"" + from + "\"");
  return text.replace(at, from.size(), to);
}

/// Plans an experiment text as FOLDER/table.toml.
class Experiment {
 public:
  explicit Experiment(const std::string& text = kExperiment) { write(text); }

  void write(const std::string& text) { file = folder.write("table.toml", text); }
  Plan plan(const PlanOptions& options = {}) const {
    return make_plan(file, options, made_up_catalogue());
  }
  /// The error without the folder's name: "table.toml:4: ...".
  std::string error(const PlanOptions& options = {}) const {
    std::string message = input_error([&] { plan(options); });
    const std::string prefix = folder.path().string() + "/";
    for (std::size_t at = 0; (at = message.find(prefix)) != std::string::npos;) {
      message.erase(at, prefix.size());
    }
    return message;
  }

  ScratchFolder folder;
  std::filesystem::path file;
};

/// The error of the experiment with one part replaced.
inline std::string error_with(const std::string& from, const std::string& to) {
  return Experiment(replaced(kExperiment, from, to)).error();
}

inline std::vector<const RunSpec*> runs_of(const Plan& plan, const std::string& algorithm) {
  std::vector<const RunSpec*> runs;
  for (const RunSpec& run : plan.runs) {
    if (run.algorithm == algorithm) runs.push_back(&run);
  }
  return runs;
}

inline PlanOptions with_set(std::vector<std::string> set) {
  PlanOptions options;
  options.set = std::move(set);
  return options;
}

inline PlanOptions with_only(std::vector<std::string> only) {
  PlanOptions options;
  options.only = std::move(only);
  return options;
}

inline PlanOptions with_profile(const std::string& profile) {
  PlanOptions options;
  options.profile = profile;
  return options;
}

}  // namespace labhost::testing
