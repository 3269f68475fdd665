#include "core/experiment/expansion.hpp"

#include <algorithm>

#include "core/base/hash.hpp"

namespace labhost {
namespace {

constexpr std::size_t kMostRuns = 1'000'000;

}  // namespace

std::size_t Expansion::add(const std::string& task, const std::string& algorithm, std::int64_t seed,
                           bool reported) {
  const auto label = std::make_tuple(task, algorithm, seed);
  if (const auto known = by_label_.find(label); known != by_label_.end()) {
    if (reported) runs_[known->second].reported = true;
    return known->second;
  }
  const ResolvedMethod& method = method_of(algorithm, task);
  RunSpec run = base_run(task, algorithm, method);
  run.reported = reported;
  run.seed = seed;
  nlohmann::json settings = run.identity();  // of all seeds alike
  settings["seed"] = 0;
  under_way_.push_back(label);
  for (const ResolvedNeed& need : method.needs) add_need(need, need.role, run, settings);
  if (!method.online) {
    for (const ResolvedNeed& need : task_of(task).dataset_needs) {
      add_need(need, kDatasetRole + need.role, run, settings);
    }
  }
  under_way_.pop_back();
  run.settings = sha256(settings.dump());
  run.run_key = sha256(run.identity().dump());
  check_distinct(run);
  if (runs_.size() == kMostRuns) throw InputError("the plan has more than a million runs");
  by_key_[run.run_key] = runs_.size();
  by_label_[label] = runs_.size();
  runs_.push_back(std::move(run));
  return runs_.size() - 1;
}

// Adds the run that `run` needs in this role; what is needed enters both of its hashes.
void Expansion::add_need(const ResolvedNeed& need, const std::string& role, RunSpec& run,
                         nlohmann::json& settings) {
  const std::string task = need.task.empty() ? run.task : need.task;
  if (!resolver_.algorithm_table(need.algorithm)) {  // as declared: names in the file are known
    throw need.location.error("algorithm \"" + run.algorithm + "\" needs \"" + need.algorithm +
                              "\" (as its " + need.role + "), but there is no [algorithm." +
                              need.algorithm + "]; add it with its steps");
  }
  std::optional<std::int64_t> shared = need.seed;
  if (!shared && !need.own_seed) shared = method_of(need.algorithm, task).shared_seed;
  const Label label(task, need.algorithm, shared.value_or(run.seed));
  check_circle(need, label);
  const std::size_t needed = add(task, need.algorithm, shared.value_or(run.seed), false);
  run.needs.push_back({role, runs_[needed].run_key});
  settings["needs"][role] = {runs_[needed].settings, shared ? std::to_string(*shared) : "run"};
}

// A circle that the plugins' declarations close is told by its algorithms, one that the file
// closes by the line to mend.
void Expansion::check_circle(const ResolvedNeed& need, const Label& label) const {
  auto member = std::find(under_way_.begin(), under_way_.end(), label);
  if (member == under_way_.end()) return;
  if (need.in_file) {
    throw need.location.error("circular need: the run of \"" + need.algorithm + "\" on task \"" +
                              std::get<0>(label) + "\" needs itself");
  }
  std::string circle;
  for (; member != under_way_.end(); ++member) circle += std::get<1>(*member) + " -> ";
  throw resolver_.algorithm_table(need.algorithm)
      ->node()
      .location.error("circular need: " + circle + need.algorithm);
}

const ResolvedMethod& Expansion::method_of(const std::string& algorithm, const std::string& task) {
  const auto key = std::make_pair(algorithm, task);
  const auto known = methods_.find(key);
  if (known != methods_.end()) return known->second;
  return methods_.emplace(key, resolver_.method(algorithm, task)).first->second;
}

const ResolvedTask& Expansion::task_of(const std::string& task) {
  const auto known = tasks_.find(task);
  if (known != tasks_.end()) return known->second;
  return tasks_.emplace(task, resolver_.task(task)).first->second;
}

RunSpec Expansion::base_run(const std::string& task, const std::string& algorithm,
                            const ResolvedMethod& method) {
  const ResolvedTask& parts = task_of(task);
  RunSpec run;
  run.task = task;
  run.algorithm = algorithm;
  run.environment = parts.environment;
  if (!method.online) {
    if (!parts.dataset) {
      throw resolver_.task_table(task)->node().location.error(
          "task \"" + task + "\" has no dataset, from which algorithm \"" + algorithm +
          "\" learns; add dataset = { plugin = \"...\" }");
    }
    run.dataset = *parts.dataset;
  }
  run.method = method.use;
  run.total_steps = method.steps;
  run.log_every = method.log_every;
  run.evaluation = method.evaluation;
  return run;
}

// A run has one task and one algorithm label in an experiment; two would share its row.
void Expansion::check_distinct(const RunSpec& run) const {
  const auto known = by_key_.find(run.run_key);
  if (known == by_key_.end()) return;
  const RunSpec& other = runs_[known->second];
  const auto name = [](const RunSpec& spec) {
    return "algorithm \"" + spec.algorithm + "\" on task \"" + spec.task + "\"";
  };
  const Location location = resolver_.algorithm_table(run.algorithm)->node().location;
  throw location.error(name(run) + " is the same run as " + name(other) +
                       ": plugins, parameters, steps and evaluation are equal; "
                       "drop one or set them apart");
}

}  // namespace labhost
