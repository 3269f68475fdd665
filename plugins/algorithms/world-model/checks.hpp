// How far a trained ensemble can be trusted: do its uncertainties rank its errors, and how fast
// does a rollout leave the truth?
//
// B rows, S state, W joint action, K steps, R rollouts.
#pragma once

#include <algorithm>
#include <optional>

#include "core/nn/world_model.hpp"
#include "core/sdk/environment.hpp"

namespace labhost::world_model {

/// Ranks of x [n] from 1; ties share the mean of theirs.
inline Tensor ranks(const Tensor& x) {
  const auto [values, place, counts] = at::_unique2(x, /*sorted=*/true, true, true);
  const Tensor middle = counts.cumsum(0).to(torch::kFloat64) - 0.5 * (counts - 1);
  return middle.index_select(0, place);
}

/// Spearman's rank correlation of a and b [n]; 0 where one of them is the same everywhere.
inline double rank_correlation(const Tensor& a, const Tensor& b) {
  const Tensor x = ranks(a) - ranks(a).mean(), y = ranks(b) - ranks(b).mean();
  const double norms = (x.norm() * y.norm()).item<double>();
  return norms > 0 ? (x * y).sum().item<double>() / norms : 0;
}

/// What the simulator does from states of the dataset under the actions that the dataset took
/// there: the truth that open-loop predictions are compared with.
struct TrueRollouts {
  Tensor state;   ///< [K + 1, R, S]
  Tensor action;  ///< [K, R, W]
  Tensor valid;   ///< [K, R] bool: the simulator was still in the episode when it took the step
};

/// Rows from which `steps` rows of the same episode follow, among `allowed` [n]; int64.
inline Tensor window_starts(const Transitions& data, const Tensor& allowed, std::int64_t steps) {
  const Tensor ended = (data.terminal | data.timeout).to(torch::kLong);
  const Tensor before = torch::constant_pad_nd(ended.cumsum(0), {1, 0});  // [T + 1]
  const Tensor inside = allowed.masked_select(allowed.le(data.size() - steps));
  const Tensor ends = before.index_select(0, inside + steps - 1) - before.index_select(0, inside);
  return inside.masked_select(ends.eq(0));
}

/// Plays the dataset's actions in the simulator from the rows `starts` [R] for `steps` steps.
inline TrueRollouts play(Environment& environment, const Transitions& data, const Tensor& starts,
                         std::int64_t steps) {
  const auto device = data.state.device();
  const std::int64_t rollouts = starts.size(0);
  Tensor going = torch::arange(rollouts, torch::kLong);
  Tensor state = data.state.index_select(0, starts).to(torch::kCPU).clone();
  environment.set_state(going, state);
  std::vector<Tensor> states = {state}, actions, valid;
  for (std::int64_t t = 0; t < steps; ++t) {
    const Tensor action = data.action.index_select(0, starts + t).to(torch::kCPU);
    Tensor next = state.clone(), there = torch::zeros({rollouts}, torch::kBool);
    if (going.size(0) > 0) {
      const StepResult step = environment.step(going, action.index_select(0, going));
      next.index_copy_(0, going, step.next_state);
      there.index_fill_(0, going, true);
      const Tensor on = (step.terminal | step.timeout).logical_not().nonzero().squeeze(1);
      going = going.index_select(0, on);
    }
    states.push_back(next);
    actions.push_back(action);
    valid.push_back(there);
    state = next;
  }
  return {torch::stack(states).to(device), torch::stack(actions).to(device),
          torch::stack(valid).to(device)};
}

/// Mean distance of the states after each step from the truth, and of the truth from where it
/// began, over what is valid: both [K].
struct OpenLoopError {
  Tensor error, change;
};

/// Predicts all steps one from the other, as rollouts do: a member drawn for each step.
inline OpenLoopError open_loop_error(const WorldModel& model, const TaskSpec& task,
                                     const TrueRollouts& truth, at::Generator generator) {
  const torch::NoGradGuard no_grad;
  Tensor state = truth.state[0];
  std::vector<Tensor> errors, changes;
  for (std::int64_t t = 0; t < truth.action.size(0); ++t) {
    state = model.step(state, encode_actions(task, truth.action[t]), task.discrete(), {}, generator)
                .next_state;
    const Tensor valid = truth.valid[t].to(state.scalar_type());
    const auto mean = [&valid](const Tensor& x) {
      return (x.norm(2, {-1}) * valid).sum() / valid.sum().clamp_min(1);
    };
    errors.push_back(mean(state - truth.state[t + 1]));
    changes.push_back(mean(truth.state[t + 1] - truth.state[0]));
  }
  return {torch::stack(errors), torch::stack(changes)};
}

}  // namespace labhost::world_model
