// A task with its simulator and data from a file, and what an algorithm scores on it.
#pragma once

#include <string>

#include "core/runner/worker/evaluation.hpp"
#include "tests/algorithms/trained_plugin.hpp"

namespace labhost::testing {

class LearningTask {
 public:
  LearningTask(const std::string& environment, const Overrides& params, const std::string& file)
      : plugin_(built_plugin(environment)), params_(params_of(plugin_, params)) {
    task_ = simulator(1)->task();
    const LoadedPlugin reader = built_plugin("d4rl");
    const Params of_file = params_of(reader, {{"file", file}});
    data_ = reader.make(DatasetContext{task_, of_file, logger_, {}})->load();
  }

  const TaskSpec& task() const { return task_; }

  /// Mean normalised score of the greedy team after `updates`.
  double score(const std::string& algorithm, const Overrides& params, std::int64_t updates,
               std::int64_t episodes) const {
    const auto environments = [this](std::int64_t copies) { return simulator(copies); };
    TrainedPlugin plugin(task_, data_, {algorithm, params, updates, 1, {}, environments});
    plugin.update(updates);
    const auto policy = plugin->policy(/*greedy=*/true, Streams(1).get("evaluation"));
    const auto environment = simulator(episodes);
    return task_.score(evaluate(*environment, *policy, episodes).mean_return());
  }

 private:
  std::unique_ptr<Environment> simulator(std::int64_t copies) const {
    return plugin_.make(EnvironmentContext{params_, copies, 1, 1, logger_});
  }

  mutable SilentLogger logger_;
  LoadedPlugin plugin_;
  Params params_;
  TaskSpec task_;
  Transitions data_;
};

}  // namespace labhost::testing
