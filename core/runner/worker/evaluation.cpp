#include "core/runner/worker/evaluation.hpp"

#include <algorithm>

namespace labhost {

namespace {

template <typename Value>
double mean_over(const std::vector<EpisodeResult>& episodes, Value value) {
  double sum = 0;
  for (const EpisodeResult& episode : episodes) sum += static_cast<double>(value(episode));
  return sum / static_cast<double>(episodes.size());
}

void add_measures(const Environment& environment, const Tensor& state, EvaluationResult& result) {
  for (const auto& [name, values] : environment.measure(state)) {
    Measure& measure = result.measures[name];
    measure.sum += values.sum(torch::kFloat64).item<double>();
    measure.positive += values.gt(0).sum().item<std::int64_t>();
    measure.states += values.size(0);
  }
}

}  // namespace

double EvaluationResult::mean_return() const {
  return mean_over(episodes, [](const EpisodeResult& e) { return e.episode_return; });
}

double EvaluationResult::mean_length() const {
  return mean_over(episodes, [](const EpisodeResult& e) { return e.length; });
}

double EvaluationResult::full_length_share() const {
  return mean_over(episodes, [](const EpisodeResult& e) { return e.full_length ? 1 : 0; });
}

double EvaluationResult::median_return() const {
  std::vector<double> returns;
  for (const EpisodeResult& episode : episodes) returns.push_back(episode.episode_return);
  std::sort(returns.begin(), returns.end());
  const std::size_t middle = returns.size() / 2;
  return returns.size() % 2 == 1 ? returns[middle] : (returns[middle - 1] + returns[middle]) / 2;
}

EvaluationResult evaluate(Environment& environment, Policy& policy, std::int64_t copies) {
  const torch::NoGradGuard no_grad;
  EvaluationResult result;
  result.episodes.resize(static_cast<std::size_t>(copies));
  Tensor active = torch::arange(copies, torch::kLong);
  Tensor state = environment.reset(active);
  policy.begin(active);
  while (active.size(0) > 0) {
    add_measures(environment, state, result);
    const StepResult step = environment.step(active, policy.act(active, state));
    const Tensor reward = step.reward.to(torch::kFloat64).contiguous();
    const Tensor terminal = step.terminal.contiguous(), timeout = step.timeout.contiguous();
    for (std::int64_t k = 0; k < active.size(0); ++k) {
      EpisodeResult& episode =
          result.episodes[static_cast<std::size_t>(active.data_ptr<std::int64_t>()[k])];
      episode.episode_return += reward.data_ptr<double>()[k];
      ++episode.length;
      episode.full_length = timeout.data_ptr<bool>()[k] && !terminal.data_ptr<bool>()[k];
    }
    const Tensor going = (terminal | timeout).logical_not().nonzero().squeeze(1);
    if (going.size(0) == active.size(0)) {
      state = step.next_state;
    } else {
      active = active.index_select(0, going);
      state = step.next_state.index_select(0, going);
    }
  }
  return result;
}

}  // namespace labhost
