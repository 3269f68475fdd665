#include "core/plugins/contract.hpp"

#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>

#include "core/plugins/contract_parts.hpp"
#include "core/plugins/contract_tasks.hpp"
#include "core/runner/worker/evaluation.hpp"

namespace labhost {

namespace {

constexpr std::int64_t kUpdates = 3;
constexpr std::int64_t kSeed = 7;

void require_equal(const Archive& a, const Archive& b) {
  require(a.tensors().size() == b.tensors().size(), "the saved states have other tensors");
  for (const auto& [name, tensor] : a.tensors()) {
    require(b.contains(name) && torch::equal(tensor, b.tensor(name)),
            "'" + name + "' of the saved state differs");
  }
}

/// Default parameters, with those that only make networks and collections large cut down (where the
/// table allows it), so that a check takes seconds.
Params small_values(const PluginDescription& plugin) {
  ParamValues values = default_values(plugin);
  for (const auto& [name, value] :
       {std::pair("hidden", 32), std::pair("transitions", 256), std::pair("steps_per_update", 64),
        std::pair("start_steps", 32), std::pair("batch_size", 64), std::pair("memory_width", 32)}) {
    const ParamDescription* param = plugin.find_param(name);
    if (param == nullptr || param->type != ParamType::kInteger) continue;
    if (param->minimum && *param->minimum > value) continue;
    values[name] = std::to_string(value);
  }
  return Params(values);
}

/// An algorithm on a synthetic task, with all that it needs.
class Bench {
 public:
  Bench(const LoadedPlugin& plugin, const SyntheticTask& synthetic,
        const std::map<std::string, Archive>& artifacts)
      : params_(small_values(plugin.description())), streams_(kSeed) {
    const auto environments = [&synthetic](std::int64_t copies, const std::string&) {
      return synthetic.environment(copies);
    };
    const auto artifact = [&artifacts](const std::string& role) { return artifacts.at(role); };
    algorithm_ =
        plugin.make(AlgorithmContext{synthetic.task, synthetic.data, params_, streams_, torch::kCPU,
                                     2 * kUpdates, logger_, environments, artifact});
  }

  Algorithm& algorithm() { return *algorithm_; }
  std::vector<double> update(std::int64_t count) {
    std::vector<double> values;
    for (std::int64_t i = 0; i < count; ++i) {
      const Metrics metrics = algorithm_->update();
      for (const auto& [name, tensor] : metrics.values()) {
        values.push_back(tensor.item<double>());
        require(std::isfinite(values.back()), "metric '" + name + "' is not finite");
      }
    }
    return values;
  }
  Archive saved() const {
    Archive archive;
    algorithm_->save(archive);
    streams_.save(archive);
    return archive;
  }
  void load(const Archive& archive) {
    algorithm_->load(archive);
    streams_.load(archive);
  }

 private:
  QuietLogger logger_;
  Params params_;
  Streams streams_;
  std::unique_ptr<Algorithm> algorithm_;
};

void check_actions(const TaskSpec& task, const Tensor& action) {
  require(action.dim() == 2 && action.size(1) == task.joint_width(), "actions have another shape");
  require(torch::isfinite(action).all().item<bool>(), "an action is not finite");
  for (std::int64_t i = 0; task.discrete() && i < task.agent_count(); ++i) {
    const Tensor column = action.select(1, i);
    const auto choices = static_cast<double>(task.agents[static_cast<std::size_t>(i)].action.size);
    require((column.ge(0) & column.lt(choices) & column.eq(column.round())).all().item<bool>(),
            "an action is not one of the agent's choices");
  }
}

std::map<std::string, Archive> train_needs(const LoadedPlugin& plugin, const SyntheticTask& task,
                                           const std::filesystem::path& folder) {
  std::map<std::string, Archive> artifacts;
  for (const NeedDescription& need : plugin.description().needs) {
    const LoadedPlugin needed = LoadedPlugin::load(folder / (need.algorithm + ".so"));
    Bench bench(needed, task, {});
    bench.update(2 * kUpdates);
    Archive archive;
    bench.algorithm().save(archive);
    artifacts.emplace(need.role, archive);
  }
  return artifacts;
}

/// Why the algorithm does not take the task (an InputError of its constructor); nothing where it
/// does. A constructor that fails in another way is broken.
std::optional<std::string> refusal(const LoadedPlugin& plugin, const SyntheticTask& task,
                                   const std::map<std::string, Archive>& artifacts) {
  try {
    Bench(plugin, task, artifacts);
  } catch (const PluginRefusal& error) {
    return error.what();
  }
  return std::nullopt;
}

std::vector<Property> check_accepted(const LoadedPlugin& plugin, const SyntheticTask& task,
                                     const std::map<std::string, Archive>& artifacts) {
  const std::string on = " (" + task.task.name + ")";
  std::vector<Property> results;
  results.push_back(property("updates with finite metrics" + on, [&] {
    return std::to_string(Bench(plugin, task, artifacts).update(kUpdates).size()) + " values";
  }));
  if (!results.back().holds) return results;
  results.push_back(property("same seed, same bits" + on, [&] {
    Bench a(plugin, task, artifacts), b(plugin, task, artifacts);
    require(a.update(kUpdates) == b.update(kUpdates), "metrics differ");
    require_equal(a.saved(), b.saved());
    return std::string();
  }));
  results.push_back(property("saved and loaded, it goes on with the same bits" + on, [&] {
    Bench whole(plugin, task, artifacts), first(plugin, task, artifacts);
    whole.update(kUpdates);
    first.update(kUpdates);
    Bench second(plugin, task, artifacts);
    second.load(first.saved());
    require(whole.update(kUpdates) == second.update(kUpdates), "metrics differ");
    require_equal(whole.saved(), second.saved());
    return std::string();
  }));
  results.push_back(property("no use of the global generator" + on, [&] {
    const Tensor before = at::globalContext().defaultGenerator(torch::kCPU).get_state();
    Bench(plugin, task, artifacts).update(kUpdates);
    require(torch::equal(before, at::globalContext().defaultGenerator(torch::kCPU).get_state()),
            "it draws from LibTorch's global generator; pass a generator of context.streams");
    return std::string();
  }));
  results.push_back(property("actions fit the task" + on, [&] {
    Bench bench(plugin, task, artifacts);
    bench.update(1);
    for (const bool greedy : {true, false}) {
      const auto policy = bench.algorithm().policy(greedy, Streams(kSeed).get("check"));
      if (!policy) return std::string("no policy");
      const Tensor index = torch::arange(5);
      policy->begin(index);
      check_actions(task.task, policy->act(index, task.data.state.narrow(0, 0, 5)));
    }
    return std::string();
  }));
  return results;
}

/// An algorithm may refuse tasks of one kind, but not all of them.
std::vector<Property> check_algorithm(const LoadedPlugin& plugin,
                                      const std::filesystem::path& folder) {
  std::vector<Property> results;
  std::int64_t refused = 0;
  const std::vector<SyntheticTask> tasks = synthetic_tasks();
  for (const SyntheticTask& task : tasks) {
    const std::string on = " (" + task.task.name + ")";
    std::map<std::string, Archive> artifacts;
    std::optional<std::string> reason;
    const Property built = property("is built" + on, [&] {
      artifacts = train_needs(plugin, task, folder);
      reason = refusal(plugin, task, artifacts);
      return std::string();
    });
    if (reason) {
      results.push_back({"refuses the task" + on, true, *reason});
      ++refused;
    } else if (built.holds) {
      const std::vector<Property> more = check_accepted(plugin, task, artifacts);
      results.insert(results.end(), more.begin(), more.end());
    } else {
      results.push_back(built);
    }
  }
  if (refused == static_cast<std::int64_t>(tasks.size())) {
    results.push_back({"accepts a task", false, "it refuses tasks of every kind"});
  }
  return results;
}

using EnvironmentMaker =
    std::function<std::unique_ptr<Environment>(std::int64_t copies, std::int64_t threads)>;

/// Random actions of `task` for `copies`.
Tensor random_actions(const TaskSpec& task, std::int64_t copies, at::Generator generator) {
  std::vector<Tensor> columns;
  for (const AgentSpec& agent : task.agents) {
    if (agent.action.discrete) {
      columns.push_back(
          torch::randint(agent.action.size, {copies, 1}, generator).to(torch::get_default_dtype()));
    } else {
      columns.push_back(torch::rand({copies, agent.action.size}, generator) * 2 - 1);
    }
  }
  return torch::cat(columns, 1);
}

/// All rewards and states of a few random steps, as one tensor.
Tensor trace(Environment& environment, std::int64_t copies, std::int64_t steps) {
  const TaskSpec& task = environment.task();
  at::Generator generator = Streams(kSeed).get("actions");
  Tensor active = torch::arange(copies);
  std::vector<Tensor> parts = {environment.reset(active).flatten()};
  for (std::int64_t t = 0; t < steps && active.size(0) > 0; ++t) {
    const StepResult step =
        environment.step(active, random_actions(task, active.size(0), generator));
    require(step.next_state.sizes() == torch::IntArrayRef({active.size(0), task.state_width}),
            "next_state has another shape");
    require(step.reward.dim() == 1 && step.terminal.scalar_type() == torch::kBool &&
                step.timeout.scalar_type() == torch::kBool,
            "reward, terminal or timeout has another shape or type");
    parts.push_back(step.next_state.flatten());
    parts.push_back(step.reward);
    active =
        active.index_select(0, (step.terminal | step.timeout).logical_not().nonzero().squeeze(1));
  }
  return torch::cat(parts);
}

std::vector<Property> check_environment(const EnvironmentMaker& make) {
  std::vector<Property> results;
  constexpr std::int64_t kCopies = 5;
  results.push_back(property("its task is consistent", [&] {
    const auto environment = make(1, 1);
    environment->task().validate();
    return environment->task().name;
  }));
  if (!results.back().holds) return results;
  results.push_back(property("same seed, same bits, at one thread and at two", [&] {
    const Tensor once = trace(*make(kCopies, 1), kCopies, 20);
    require(torch::equal(once, trace(*make(kCopies, 1), kCopies, 20)), "a second run differs");
    require(torch::equal(once, trace(*make(kCopies, 2), kCopies, 20)), "two threads differ");
    return std::string();
  }));
  results.push_back(property("episodes end at the horizon at the latest", [&] {
    const auto environment = make(kCopies, 1);
    const TaskSpec& task = environment->task();
    at::Generator generator = Streams(kSeed).get("actions");
    Tensor active = torch::arange(kCopies);
    environment->reset(active);
    std::int64_t steps = 0;
    for (; active.size(0) > 0 && steps <= task.horizon; ++steps) {
      const StepResult step =
          environment->step(active, random_actions(task, active.size(0), generator));
      const Tensor ended = step.terminal | step.timeout;
      active = active.index_select(0, ended.logical_not().nonzero().squeeze(1));
    }
    require(active.size(0) == 0, "an episode is longer than the horizon");
    return "longest " + std::to_string(steps);
  }));
  results.push_back(property("placed into a state, it steps repeatably", [&] {
    const auto environment = make(kCopies, 1);
    at::Generator generator = Streams(kSeed).get("actions");
    const Tensor all = torch::arange(kCopies);
    const Tensor state = environment->reset(all);
    const Tensor action = random_actions(environment->task(), kCopies, generator);
    std::vector<Tensor> seen;
    for (int time = 0; time < 2; ++time) {
      environment->set_state(all, state);
      const StepResult step = environment->step(all, action);
      seen.push_back(torch::cat({step.next_state.flatten(), step.reward}));
    }
    require(torch::equal(seen[0], seen[1]), "the same action from the same state leads elsewhere");
    return std::string();
  }));
  results.push_back(property("saved and loaded, it goes on with the same bits", [&] {
    const auto whole = make(kCopies, 1), second = make(kCopies, 1);
    trace(*whole, kCopies, 3);
    Archive archive;
    whole->save(archive, "environment");
    second->load(archive, "environment");
    require(torch::equal(trace(*whole, kCopies, 5), trace(*second, kCopies, 5)), "steps differ");
    return std::string();
  }));
  return results;
}

}  // namespace

Property property(const std::string& name, const std::function<std::string()>& check) {
  Property result;
  result.name = name;
  try {
    result.detail = check();
    result.holds = true;
  } catch (const c10::Error& error) {
    result.detail = error.what_without_backtrace();
  } catch (const std::exception& error) {
    result.detail = error.what();
  }
  return result;
}

std::vector<Property> check_contract(const std::filesystem::path& library) {
  std::vector<Property> results;
  LoadedPlugin plugin;
  results.push_back(property("loads", [&] {
    plugin = LoadedPlugin::load(library);
    const PluginDescription description = plugin.description();
    return std::string(to_string(description.kind)) + " " + description.name + " " +
           description.version;
  }));
  if (!results.back().holds) return results;
  const std::filesystem::path folder = std::filesystem::absolute(library).parent_path();
  const auto append = [&results](const std::vector<Property>& more) {
    results.insert(results.end(), more.begin(), more.end());
  };
  QuietLogger logger;
  const Params defaults(default_values(plugin.description()));
  switch (plugin.description().kind) {
    case PluginKind::kAlgorithm:
      append(check_algorithm(plugin, folder));
      break;
    case PluginKind::kEnvironment:
      append(check_environment([&](std::int64_t copies, std::int64_t threads) {
        return plugin.make(EnvironmentContext{defaults, copies, kSeed, threads, logger});
      }));
      break;
    case PluginKind::kDataset:
      append(check_dataset(plugin, folder));
      break;
  }
  return results;
}

int check_plugin(const std::filesystem::path& library) {
  bool all = true;
  for (const Property& property : check_contract(library)) {
    all = all && property.holds;
    std::printf("%s  %s%s%s\n", property.holds ? "holds" : "FAILS", property.name.c_str(),
                property.detail.empty() ? "" : ": ", property.detail.c_str());
  }
  return all ? 0 : 1;
}

}  // namespace labhost
