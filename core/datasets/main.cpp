// Reads a dataset as its task says and describes it, or writes it anew in the canonical layout.
#include <algorithm>
#include <cstdio>

#include "core/base/hash.hpp"
#include "core/base/text.hpp"
#include "core/d4rl/writer.hpp"
#include "core/datasets/entry.hpp"
#include "core/datasets/replay.hpp"
#include "core/datasets/request.hpp"
#include "core/datasets/statistics.hpp"
#include "core/plugins/loader.hpp"

namespace labhost {

namespace {

using nlohmann::json;

constexpr std::int64_t kAntColumns = 111;  // D4RL's: 27 of state, then contact forces

class StderrLogger final : public Logger {
 public:
  void info(const std::string&) override {}
  void warn(const std::string& message) override {
    std::fprintf(stderr, "labhost: %s\n", message.c_str());
  }
};

/// The key of `environments` that the file belongs to.
std::string environment_of(const DatasetRequest& request) {
  if (!request.environment.empty()) return request.environment;
  const D4rlOutline outline = outline_d4rl(request.file);
  const auto attribute = outline.attributes.find("task");
  std::string name = attribute == outline.attributes.end() ? "" : attribute->second;
  if (name.empty() && outline.observation_columns == kAntColumns) name = "ant";
  if (request.environments.count(name) != 0) return name;
  std::vector<std::string> known;
  for (const auto& [key, choice] : request.environments) known.push_back(key);
  const std::string found =
      name.empty() ? "none, and " + std::to_string(outline.observation_columns) + " columns"
                   : "'" + name + "'";
  throw InputError(request.file + ": expected an attribute 'task' that names an environment, or " +
                   std::to_string(kAntColumns) + " columns of ant's observations, found " + found +
                   "; give --env (known: " + join(known, ", ") + ")");
}

TaskSpec task_of(const EnvironmentChoice& choice) {
  StderrLogger logger;
  const Params params(choice.params);
  const LoadedPlugin plugin = LoadedPlugin::load(choice.library);
  const auto environment =
      plugin.make(EnvironmentContext{params, /*copies=*/1, /*seed=*/0, /*threads=*/1, logger});
  TaskSpec task = environment->task();
  if (task.discrete()) {
    throw InputError("datasets: expected a task with continuous actions, found '" + task.name +
                     "'");
  }
  return task;
}

json column_values(const Tensor& values) {
  const Tensor reals = values.to(torch::kFloat64).contiguous();
  return std::vector<double>(reals.data_ptr<double>(), reals.data_ptr<double>() + reals.numel());
}

/// Least and largest value of each column of [T, C].
json ranges(const Tensor& values) {
  return {{"min", column_values(std::get<0>(values.min(0)))},
          {"max", column_values(std::get<0>(values.max(0)))}};
}

void describe_returns(const TaskSpec& task, const Episodes& episodes, json& answer) {
  if (episodes.returns.empty()) return;
  const Summary summary = summarise(episodes.returns);
  answer["ret_min"] = summary.min;
  answer["ret_mean"] = summary.mean;
  answer["ret_median"] = summary.median;
  answer["ret_max"] = summary.max;
  answer["ret_std"] = summary.deviation;
  answer["len_mean"] = episodes.length_mean;
  answer["norm_score_min"] = 100 * task.score(summary.min);
  answer["norm_score_mean"] = 100 * task.score(summary.mean);
  answer["norm_score_median"] = 100 * task.score(summary.median);
  answer["norm_score_max"] = 100 * task.score(summary.max);
}

json describe(const DatasetRequest& request, const TaskSpec& task, const D4rlData& data) {
  const Episodes episodes = find_episodes(data.record, task.horizon);
  json answer = {
      {"file", request.file},
      {"bytes", std::filesystem::file_size(request.file)},
      {"sha256", sha256_file(request.file)},
      {"task", task.name},
      {"horizon", task.horizon},
      {"layout", data.layout},
      {"rows", data.rows},
      {"dropped_rows", data.dropped},
      {"unwritten_rows", data.unwritten},
      {"kept", kept_text(data)},
      {"notes", data.notes},
      {"transitions", data.transitions.size()},
      {"next_states", data.next_states_stored ? "stored" : "taken from the following rows"},
      {"timeout_flags",
       data.timeouts_stored ? "stored" : "set after " + std::to_string(task.horizon) + " steps"},
      {"complete_episodes", episodes.returns.size()},
      {"cut_episodes", episodes.cut},
      {"partial_tail_steps", episodes.tail_steps},
      {"terminals", data.record.terminal.sum().item<std::int64_t>()},
      {"timeouts", data.record.timeout.sum().item<std::int64_t>()},
      {"reward_mean_per_step", data.record.reward.to(torch::kFloat64).mean().item<double>()},
      {"action_at_bound_frac", share_at_bounds(data.transitions.action)},
      {"state", ranges(data.transitions.state)},
      {"action", ranges(data.transitions.action)},
      {"attributes", data.attributes},
      {"random_return", task.random_return},
      {"expert_return", task.expert_return},
      {"returns", episodes.returns}};
  describe_returns(task, episodes, answer);
  return answer;
}

/// The variant with which fewer rows are off than with the environment as it is set, or with which
/// they are off by less; empty: none.
std::string best_variant(const json& result) {
  const auto misfit = [](const json& replayed) {
    return std::make_pair(replayed.at("misfits").get<double>(),
                          replayed.at("next_state").at("q99").get<double>());
  };
  std::string best;
  auto least = misfit(result);
  for (const auto& [setting, replayed] : result.at("variants").items()) {
    if (misfit(replayed) >= least) continue;
    least = misfit(replayed);
    best = setting;
  }
  return best;
}

/// The rows in the simulator, as it is set and with one parameter set otherwise at a time.
json check(const DatasetRequest& request, const std::string& name, const D4rlData& data) {
  constexpr std::int64_t kMostCopies = 1000, kThreads = 2;
  const EnvironmentChoice& choice = request.environments.at(name);
  const Transitions rows = rows_to_replay(data, request.check_rows);
  if (rows.size() == 0) throw InputError(request.file + ": no row of it has a next state");
  const std::int64_t copies = std::min(kMostCopies, rows.size());
  const LoadedPlugin plugin = LoadedPlugin::load(choice.library);
  StderrLogger logger;
  const auto replay_with = [&](const std::map<std::string, std::string>& values) {
    const Params params(values);
    const auto environment = plugin.make(EnvironmentContext{params, copies, 0, kThreads, logger});
    return to_json(replay(*environment, copies, rows));
  };
  json result = replay_with(choice.params);
  result["file"] = request.file;
  result["task"] = name;
  result["rows"] = data.transitions.size();
  result["replayed"] = rows.size();
  result["tolerance"] = kReplayTolerance;
  result["reward_tolerance"] = kReplayRewards;
  result["variants"] = json::object();
  for (const auto& [setting, values] : choice.variants) {
    try {
      result["variants"][setting] = replay_with(values);
    } catch (const InputError&) {
      continue;  // a setting that does not go with the others
    }
  }
  result["best"] = best_variant(result);
  return result;
}

json answer(const DatasetRequest& request) {
  const std::string name = environment_of(request);
  const TaskSpec task = task_of(request.environments.at(name));
  D4rlOptions options{task.state_width, task.joint_width(), task.horizon};
  options.keep_record = request.rewrite.empty();
  D4rlData data = read_d4rl(request.file, options);
  if (request.check) return check(request, name, data);
  if (request.rewrite.empty()) return describe(request, task, data);
  data.attributes.emplace("task", name);  // so that the file says itself what it belongs to
  write_d4rl(request.rewrite, data.transitions, data.attributes);
  return {
      {"file", request.rewrite}, {"transitions", data.transitions.size()}, {"notes", data.notes}};
}

}  // namespace

}  // namespace labhost

extern "C" __attribute__((visibility("default"))) void labhost_datasets_main(
    const std::string& request, std::string& answer) {
  torch::set_num_threads(1);
  using nlohmann::json;
  // A file's name may be any bytes, JSON is UTF-8.
  answer = labhost::answer(labhost::request_of(request))
               .dump(-1, ' ', false, json::error_handler_t::replace);
}
