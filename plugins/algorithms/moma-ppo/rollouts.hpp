// Synthetic rollouts: from dataset states with their real histories, with the current policies, for
// at most k steps.  Section 3.2, Algorithm 1, Figure 2.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/nn/perception.hpp"
#include "core/nn/policy.hpp"
#include "plugins/algorithms/moma-ppo/stages.hpp"

namespace labhost::moma_ppo {

struct RolloutOptions {
  std::int64_t horizon = 10;        ///< k
  std::int64_t transitions = 2000;  ///< to collect per epoch, at least
  double lambda_r = 0.05, lambda_g = 0.1;
  bool aleatoric = false;  ///< MOPO's penalty in the place of eps_r and eps_g
  double lambda_aleatoric = 1.0;

  /// Rollouts that are begun at once, at most.
  std::int64_t rollouts() const { return (transitions + horizon - 1) / horizon; }
};

/// T transitions, one rollout after the other, each in the order of time. The last of a rollout has
/// timeout (its k-th step, or an unreliable model) or terminal set; every other one's next state is
/// the following row's state.
struct Rollouts {
  Tensor state, next_state;  ///< [T, S]
  View seen;                 ///< what the agents saw there, [N, T, ...]
  Tensor action;             ///< [T, W]
  Tensor log_prob;           ///< of each agent when the action was drawn [N, T]
  Tensor reward;             ///< [T] penalised: r~ = r - lambda_r eps_r - lambda_g eps_g
  Tensor raw_reward;         ///< [T]
  Tensor terminal, timeout;  ///< [T] bool
  /// [T] bool: why the rollout stops before its k-th step: the model's uncertainty reached the
  /// threshold, or (in the simulator) the simulator's horizon is reached.
  Tensor unreliable;
  Tensor eps_r, eps_g;     ///< [T]
  Tensor aleatoric;        ///< [T]
  double mean_length = 0;  ///< of rollouts
};

inline Tensor penalty(const WorldModel::Step& step, const RolloutOptions& options) {
  if (options.aleatoric) return options.lambda_aleatoric * step.aleatoric;
  return options.lambda_r * step.eps_r + options.lambda_g * step.eps_g;
}

/// Fields of transitions as they are collected, time step after time step.
struct Collected {
  std::vector<Tensor> rollout, state, next_state, history, action, log_prob, reward, raw_reward,
      terminal, timeout, unreliable, eps_r, eps_g, aleatoric;
};

/// Who rolls out, and from where.
struct Cast {
  const Transitions& data;
  const Perception& perception;
  const TeamPolicy& policy;
};

/// Rolls `count` rollouts in one batch; finished ones leave it. Returns the number of transitions.
inline std::int64_t roll(Stage& stage, const Cast& cast, const RolloutOptions& options,
                         std::int64_t first_id, std::int64_t count, at::Generator generator,
                         Collected& out) {
  const auto device = cast.data.state.device();
  const bool remembers = cast.perception.remembers();
  const Tensor rows = torch::randint(cast.data.size(), {count}, generator, torch::kLong).to(device);
  Tensor state = cast.data.state.index_select(0, rows);
  Tensor history = remembers ? cast.perception.histories().before(rows) : Tensor();
  Tensor id = torch::arange(first_id, first_id + count, torch::kLong).to(device);
  stage.begin(state);
  std::int64_t transitions = 0;
  for (std::int64_t t = 0; t < options.horizon && state.size(0) > 0; ++t) {
    const View view = {cast.perception.observer()(state), history};
    const TeamPolicy::Sample drawn = cast.policy.sample(cast.perception.see(view), generator);
    const WorldModel::Step step = stage.step(state, drawn.action, generator);
    const Tensor timeout =
        t + 1 == options.horizon ? torch::ones_like(step.unreliable) : step.unreliable;
    out.rollout.push_back(id);
    out.state.push_back(state);
    out.next_state.push_back(step.next_state);
    if (remembers) out.history.push_back(history);
    out.action.push_back(drawn.action);
    out.log_prob.push_back(drawn.log_prob);
    out.reward.push_back(step.reward - penalty(step, options));
    out.raw_reward.push_back(step.reward);
    out.terminal.push_back(step.terminal);
    out.timeout.push_back(timeout);
    out.unreliable.push_back(step.unreliable);
    out.eps_r.push_back(step.eps_r);
    out.eps_g.push_back(step.eps_g);
    out.aleatoric.push_back(step.aleatoric);
    transitions += state.size(0);
    const Tensor going = (step.terminal | timeout).logical_not().nonzero().squeeze(1);
    if (remembers) {
      history = cast.perception.histories().append(history.index_select(1, going),
                                                   view.observation.index_select(1, going),
                                                   drawn.action.index_select(0, going));
    }
    state = step.next_state.index_select(0, going);
    id = id.index_select(0, going);
    stage.keep(going);
  }
  return transitions;
}

/// Collects until there are options.transitions; waves are needed when rollouts stop early. A wave
/// is as large as the lengths so far make it promising.
inline Rollouts collect(Stage& stage, const Cast& cast, const RolloutOptions& options,
                        at::Generator generator) {
  const torch::NoGradGuard no_grad;
  Collected collected;
  std::int64_t transitions = 0, rollouts = 0;
  while (transitions < options.transitions) {
    const double length = rollouts == 0
                              ? static_cast<double>(options.horizon)
                              : static_cast<double>(transitions) / static_cast<double>(rollouts);
    const double missing = static_cast<double>(options.transitions - transitions);
    const std::int64_t count =
        std::min(options.rollouts(), static_cast<std::int64_t>(std::ceil(missing / length)));
    transitions += roll(stage, cast, options, rollouts, count, generator, collected);
    rollouts += count;
  }
  // Collected step by step over all rollouts; wanted rollout by rollout. The sort is stable, so
  // steps of a rollout stay in the order of time.
  const Tensor order = std::get<1>(torch::cat(collected.rollout).sort(/*stable=*/true, 0, false));
  const auto arrange = [&order](const std::vector<Tensor>& parts, std::int64_t dim = 0) {
    return torch::cat(parts, dim).index_select(dim, order);
  };
  Rollouts result;
  result.state = arrange(collected.state);
  result.next_state = arrange(collected.next_state);
  result.seen.observation = cast.perception.observer()(result.state);
  if (cast.perception.remembers()) result.seen.history = arrange(collected.history, 1);
  result.action = arrange(collected.action);
  result.log_prob = arrange(collected.log_prob, 1);
  result.reward = arrange(collected.reward);
  result.raw_reward = arrange(collected.raw_reward);
  result.terminal = arrange(collected.terminal);
  result.timeout = arrange(collected.timeout);
  result.unreliable = arrange(collected.unreliable);
  result.eps_r = arrange(collected.eps_r);
  result.eps_g = arrange(collected.eps_g);
  result.aleatoric = arrange(collected.aleatoric);
  result.mean_length = static_cast<double>(transitions) / static_cast<double>(rollouts);
  return result;
}

}  // namespace labhost::moma_ppo
