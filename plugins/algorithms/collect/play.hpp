// Play and its record.  C copies, T steps per copy, S state, W joint action.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "core/sdk/algorithm.hpp"

namespace labhost::collect {

/// What one team did.
struct Play {
  Transitions data;
  std::vector<double> returns;                   ///< of the episodes that are whole, in order
  std::map<std::string, double> positive_share;  ///< by measure: states in which it is above 0
};

/// Noise on actions; none without a generator.
struct ActionNoise {
  double deviation = 0;
  at::Generator generator;

  Tensor added(const Tensor& action) {
    if (!generator.defined()) return action;
    return action + deviation * torch::randn(action.sizes(), generator, action.options());
  }
};

/// Plays T steps in each copy, from new episodes on. The rows are one copy after the other, each in
/// the order of time; a copy's last row has timeout set, because the next row is another copy's.
inline Play play(Environment& environment, Policy& policy, std::int64_t copies, std::int64_t steps,
                 ActionNoise noise = {}) {
  const torch::NoGradGuard no_grad;
  Play result;
  std::vector<Tensor> states, actions, rewards, next_states, terminals, timeouts;
  std::vector<std::vector<double>> finished(static_cast<std::size_t>(copies));
  const Tensor all = torch::arange(copies, torch::kLong);
  Tensor state = environment.reset(all);
  Tensor returns = torch::zeros({copies}, torch::kFloat64);
  policy.begin(all);
  for (std::int64_t t = 0; t < steps; ++t) {
    for (const auto& [name, value] : environment.measure(state)) {
      result.positive_share[name] +=
          value.gt(0).to(torch::kFloat64).mean().item<double>() / static_cast<double>(steps);
    }
    // What the simulator does with an action outside of its bounds is what the data holds.
    Tensor action = noise.added(policy.act(all, state));
    if (!environment.task().discrete()) action = action.clamp(-1, 1);
    const StepResult step = environment.step(all, action);
    const bool last = t + 1 == steps;
    states.push_back(state);
    actions.push_back(action);
    rewards.push_back(step.reward);
    next_states.push_back(step.next_state);
    terminals.push_back(step.terminal);
    timeouts.push_back(last ? torch::ones_like(step.timeout) & step.terminal.logical_not()
                            : step.timeout);
    returns += step.reward;
    state = step.next_state.clone();
    const Tensor ended = (step.terminal | step.timeout).nonzero().squeeze(1);
    if (ended.size(0) == 0) continue;
    for (std::int64_t k = 0; k < ended.size(0); ++k) {
      const std::int64_t copy = ended[k].item<std::int64_t>();
      finished[static_cast<std::size_t>(copy)].push_back(returns[copy].item<double>());
    }
    returns.index_fill_(0, ended, 0);
    if (last) continue;
    state.index_copy_(0, ended, environment.reset(ended));
    policy.begin(ended);
  }
  const auto by_copy = [](const std::vector<Tensor>& parts) {  // T x [C, ..] -> [C T, ..]
    return torch::stack(parts, 1).flatten(0, 1).contiguous();
  };
  result.data = {by_copy(states),      by_copy(actions),   by_copy(rewards),
                 by_copy(next_states), by_copy(terminals), by_copy(timeouts)};
  for (const auto& of_copy : finished) {
    result.returns.insert(result.returns.end(), of_copy.begin(), of_copy.end());
  }
  return result;
}

/// What a run itself collected: its last episode may be a part of one.
inline Play replayed(const Transitions& data) {
  Play result;
  result.data = data;
  const Tensor reward = data.reward.to(torch::kFloat64).contiguous();
  const Tensor end = (data.terminal | data.timeout).contiguous();
  double sum = 0;
  for (std::int64_t t = 0; t < data.size(); ++t) {
    sum += reward.data_ptr<double>()[t];
    if (!end.data_ptr<bool>()[t]) continue;
    result.returns.push_back(sum);
    sum = 0;
  }
  if (!end[-1].item<bool>()) {
    result.data.timeout = data.timeout.clone();
    result.data.timeout[-1] = true;
  }
  return result;
}

/// score_min, score_mean, score_median, score_max of normalised returns; nothing without any.
inline std::map<std::string, double> score_distribution(const TaskSpec& task,
                                                        std::vector<double> returns) {
  if (returns.empty()) return {};
  std::sort(returns.begin(), returns.end());
  const std::size_t count = returns.size();
  double sum = 0;
  for (const double value : returns) sum += value;
  return {{"score_min", task.score(returns.front())},
          {"score_mean", task.score(sum / static_cast<double>(count))},
          {"score_median", task.score((returns[(count - 1) / 2] + returns[count / 2]) / 2)},
          {"score_max", task.score(returns.back())}};
}

inline void write(Archive& archive, const std::string& prefix, const Transitions& data) {
  archive.write(prefix + "/state", data.state);
  archive.write(prefix + "/action", data.action);
  archive.write(prefix + "/reward", data.reward);
  archive.write(prefix + "/next_state", data.next_state);
  archive.write(prefix + "/terminal", data.terminal);
  archive.write(prefix + "/timeout", data.timeout);
}

inline Transitions read(const Archive& archive, const std::string& prefix) {
  return {archive.tensor(prefix + "/state"),    archive.tensor(prefix + "/action"),
          archive.tensor(prefix + "/reward"),   archive.tensor(prefix + "/next_state"),
          archive.tensor(prefix + "/terminal"), archive.tensor(prefix + "/timeout")};
}

}  // namespace labhost::collect
