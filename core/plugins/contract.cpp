#include "core/plugins/contract.hpp"

#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "core/base/process.hpp"
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
                                           const Folders& folders) {
  std::map<std::string, Archive> artifacts;
  for (const NeedDescription& need : plugin.description().needs) {
    const LoadedPlugin needed = LoadedPlugin::load(library_of(folders, need.algorithm));
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
  results.push_back(property("another instance beside it changes nothing" + on, [&] {
    Bench alone(plugin, task, artifacts), watched(plugin, task, artifacts),
        other(plugin, task, artifacts);
    other.update(1);
    const std::vector<double> expected = alone.update(1), found = watched.update(1);
    other.update(1);
    require(expected == found && alone.update(1) == watched.update(1),
            "its metrics depend on another instance: it keeps static state");
    return std::string();
  }));
  results.push_back(property("data that is not a number shows in its metrics" + on, [&] {
    if (plugin.description().online) return std::string("it reads no data");
    SyntheticTask broken = task;
    broken.data.state = torch::full_like(task.data.state, NAN);
    broken.data.next_state = broken.data.state;
    broken.data.reward = torch::full_like(task.data.reward, NAN);
    try {
      Bench(plugin, broken, artifacts).update(1);
    } catch (const std::exception& error) {
      return "it says so: " + std::string(error.what());
    }
    throw std::runtime_error("it goes on with finite metrics; a diverged run would not be seen");
  }));
  results.push_back(property("it leaves no thread behind" + on, [&] {
    Bench(plugin, task, artifacts).update(1);
    const std::int64_t before = thread_count();
    Bench(plugin, task, artifacts).update(1);
    require_no_more_threads(before);
    return std::string();
  }));
  results.push_back(property("time of an update" + on, [&] {
    Bench bench(plugin, task, artifacts);
    bench.update(1);
    const double started = now_seconds();
    bench.update(kUpdates);
    return std::to_string((now_seconds() - started) * 1000 / kUpdates) + " ms";
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
std::vector<Property> check_algorithm(const LoadedPlugin& plugin, const Folders& folders) {
  std::vector<Property> results;
  std::int64_t refused = 0;
  const std::vector<SyntheticTask> tasks = synthetic_tasks();
  for (const SyntheticTask& task : tasks) {
    const std::string on = " (" + task.task.name + ")";
    std::map<std::string, Archive> artifacts;
    std::optional<std::string> reason;
    const Property built = property("is built" + on, [&] {
      artifacts = train_needs(plugin, task, folders);
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

/// A range or a choice that excludes the default has been refused when the plugin was loaded.
std::string check_parameters(const PluginDescription& plugin) {
  std::set<std::string> names;
  for (const ParamDescription& param : plugin.params) {
    require(names.insert(param.name).second, "'" + param.name + "' stands twice in the table");
    require(!param.meaning.empty(), "'" + param.name + "' does not say what it means");
    require(!param.source.empty(), "'" + param.name + "' does not say where its default is from");
  }
  return std::to_string(names.size()) + " parameters";
}

std::vector<Property> check_contract(const std::filesystem::path& library) {
  std::vector<Property> results;
  OutputWatch output;
  LoadedPlugin plugin;
  results.push_back(property("loads", [&] {
    plugin = LoadedPlugin::load(library);
    const PluginDescription description = plugin.description();
    return std::string(to_string(description.kind)) + " " + description.name + " " +
           description.version;
  }));
  if (!results.back().holds) return results;
  results.push_back(property("every parameter says what it is",
                             [&] { return check_parameters(plugin.description()); }));
  const Folders folders = folders_beside(library);
  const auto append = [&results](const std::vector<Property>& more) {
    results.insert(results.end(), more.begin(), more.end());
  };
  QuietLogger logger;
  const Params defaults(default_values(plugin.description()));
  switch (plugin.description().kind) {
    case PluginKind::kAlgorithm:
      append(check_algorithm(plugin, folders));
      break;
    case PluginKind::kEnvironment:
      append(check_environment([&](std::int64_t copies, std::int64_t threads) {
        return plugin.make(EnvironmentContext{defaults, copies, kSeed, threads, logger});
      }));
      break;
    case PluginKind::kDataset:
      append(check_dataset(plugin, folders));
      break;
  }
  results.push_back(property("writes nothing to standard output", [&] {
    const std::string written = output.stop();
    require(written.empty(), "found \"" + written.substr(0, 200) +
                                 "\"; use the context's logger, the output is the host's");
    return std::string();
  }));
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
