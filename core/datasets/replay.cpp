#include "core/datasets/replay.hpp"

#include <algorithm>

namespace labhost {

namespace {

Transitions select(const Transitions& data, const Tensor& index) {
  return {data.state.index_select(0, index),    data.action.index_select(0, index),
          data.reward.index_select(0, index),   data.next_state.index_select(0, index),
          data.terminal.index_select(0, index), data.timeout.index_select(0, index)};
}

nlohmann::json quantiles(const Tensor& values) {
  const Tensor sorted = std::get<0>(values.sort());
  const auto at = [&sorted](double share) {
    const auto last = static_cast<double>(sorted.size(0) - 1);
    return sorted[static_cast<std::int64_t>(share * last + 0.5)].item<double>();
  };
  return {{"median", at(0.5)}, {"q90", at(0.9)}, {"q99", at(0.99)}, {"max", at(1)}};
}

}  // namespace

Transitions rows_to_replay(const D4rlData& data, std::int64_t count) {
  Tensor usable = torch::arange(data.transitions.size(), torch::kLong);
  if (!data.next_states_stored) {
    usable = usable.masked_select(data.transitions.terminal.logical_not());
  }
  const std::int64_t all = usable.size(0);
  if (count == 0 || count >= all) return select(data.transitions, usable);
  const Tensor place = torch::arange(count, torch::kFloat64) *
                       (static_cast<double>(all) / static_cast<double>(count));
  return select(data.transitions, usable.index_select(0, place.floor().to(torch::kLong)));
}

double Replay::misfits() const {
  // NaN compares false: a next state that is none does not fit.
  const Tensor off = next_state.le(kReplayTolerance).logical_not() | terminal;
  return off.to(torch::kFloat64).mean().item<double>();
}

bool Replay::fits() const {
  return misfits() <= kReplayMisfits && reward.median().item<double>() <= kReplayRewards;
}

Replay replay(Environment& environment, std::int64_t copies, const Transitions& rows) {
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> states, rewards, terminals;
  for (std::int64_t first = 0; first < rows.size(); first += copies) {
    const std::int64_t count = std::min(copies, rows.size() - first);
    const auto part = [&](const Tensor& field) { return field.narrow(0, first, count); };
    const Tensor index = torch::arange(count, torch::kLong);
    environment.set_state(index, part(rows.state));
    const StepResult step = environment.step(index, part(rows.action));
    const auto difference = [&](const Tensor& found, const Tensor& recorded) {
      return (found.to(torch::kFloat64) - part(recorded).to(torch::kFloat64)).abs();
    };
    states.push_back(difference(step.next_state, rows.next_state).amax(1));
    rewards.push_back(difference(step.reward, rows.reward));
    terminals.push_back(step.terminal.ne(part(rows.terminal)));
  }
  return {torch::cat(states), torch::cat(rewards), torch::cat(terminals)};
}

nlohmann::json to_json(const Replay& replay) {
  return {{"next_state", quantiles(replay.next_state)},
          {"reward", quantiles(replay.reward)},
          {"terminals_differ", replay.terminal.sum().item<std::int64_t>()},
          {"misfits", replay.misfits()},
          {"fits", replay.fits()}};
}

}  // namespace labhost
