// Synthetic rollouts: from dataset states, with the current policies, through the world model, for
// at most k steps.  Section 3.2, Algorithm 1, Figure 2.
#pragma once

#include "core/nn/policy.hpp"
#include "core/nn/world_model.hpp"
#include "core/sdk/types.hpp"

namespace labhost::moma_ppo {

struct RolloutOptions {
  std::int64_t horizon = 10;        ///< k
  std::int64_t transitions = 2000;  ///< to collect per epoch, at least
  double lambda_r = 0.05, lambda_g = 0.1;
  bool aleatoric = false;  ///< MOPO's penalty in the place of eps_r and eps_g
  double lambda_aleatoric = 1.0;
  WorldModelOptions model;
};

/// T transitions, one rollout after the other, each in the order of time. The last of a rollout has
/// timeout (its k-th step, or an unreliable model) or terminal set.
struct Rollouts {
  Tensor state, next_state;  ///< [T, S]
  Tensor action;             ///< [T, W]
  Tensor log_prob;           ///< of each agent when the action was drawn [N, T]
  Tensor reward;             ///< [T] penalised: r~ = r - lambda_r eps_r - lambda_g eps_g
  Tensor raw_reward;         ///< [T]
  Tensor terminal, timeout;  ///< [T] bool
  Tensor eps_r, eps_g;       ///< [T]
  double mean_length = 0;    ///< of rollouts
};

inline Tensor penalty(const WorldModel::Step& step, const RolloutOptions& options) {
  if (options.aleatoric) return options.lambda_aleatoric * step.aleatoric;
  return options.lambda_r * step.eps_r + options.lambda_g * step.eps_g;
}

/// Fields of transitions as they are collected, time step after time step.
struct Collected {
  std::vector<Tensor> rollout, state, next_state, action, log_prob, reward, raw_reward, terminal,
      timeout, eps_r, eps_g;
};

/// Rolls `count` rollouts in one batch; finished ones leave it. Returns the number of transitions.
inline std::int64_t roll(const TaskSpec& task, const Transitions& data, const WorldModel& model,
                         const TeamPolicy& policy, const Observer& observe,
                         const RolloutOptions& options, std::int64_t first_id, std::int64_t count,
                         at::Generator generator, Collected& out) {
  const auto device = data.state.device();
  const Tensor rows = torch::randint(data.size(), {count}, generator, torch::kLong).to(device);
  Tensor state = data.state.index_select(0, rows);
  Tensor id = torch::arange(first_id, first_id + count, torch::kLong).to(device);
  std::int64_t transitions = 0;
  for (std::int64_t t = 0; t < options.horizon && state.size(0) > 0; ++t) {
    const TeamPolicy::Sample drawn = policy.sample(observe(state), generator);
    const WorldModel::Step step = model.step(state, encode_actions(task, drawn.action),
                                             task.discrete(), options.model, generator);
    const Tensor timeout =
        t + 1 == options.horizon ? torch::ones_like(step.unreliable) : step.unreliable;
    out.rollout.push_back(id);
    out.state.push_back(state);
    out.next_state.push_back(step.next_state);
    out.action.push_back(drawn.action);
    out.log_prob.push_back(drawn.log_prob.t());  // [b, N], so that rows are transitions
    out.reward.push_back(step.reward - penalty(step, options));
    out.raw_reward.push_back(step.reward);
    out.terminal.push_back(step.terminal);
    out.timeout.push_back(timeout);
    out.eps_r.push_back(step.eps_r);
    out.eps_g.push_back(step.eps_g);
    transitions += state.size(0);
    const Tensor going = (step.terminal | timeout).logical_not().nonzero().squeeze(1);
    state = step.next_state.index_select(0, going);
    id = id.index_select(0, going);
  }
  return transitions;
}

/// Collects until there are options.transitions; waves are needed when rollouts stop early.
inline Rollouts collect(const TaskSpec& task, const Transitions& data, const WorldModel& model,
                        const TeamPolicy& policy, const Observer& observe,
                        const RolloutOptions& options, at::Generator generator) {
  const torch::NoGradGuard no_grad;
  Collected collected;
  std::int64_t transitions = 0, rollouts = 0;
  while (transitions < options.transitions) {
    const std::int64_t missing = options.transitions - transitions;
    const std::int64_t count = (missing + options.horizon - 1) / options.horizon;
    transitions +=
        roll(task, data, model, policy, observe, options, rollouts, count, generator, collected);
    rollouts += count;
  }
  // Collected step by step over all rollouts; wanted rollout by rollout. The sort is stable, so
  // steps of a rollout stay in the order of time.
  const Tensor order = std::get<1>(torch::cat(collected.rollout).sort(/*stable=*/true, 0, false));
  const auto arrange = [&order](const std::vector<Tensor>& parts) {
    return torch::cat(parts).index_select(0, order);
  };
  Rollouts result;
  result.state = arrange(collected.state);
  result.next_state = arrange(collected.next_state);
  result.action = arrange(collected.action);
  result.log_prob = arrange(collected.log_prob).t().contiguous();
  result.reward = arrange(collected.reward);
  result.raw_reward = arrange(collected.raw_reward);
  result.terminal = arrange(collected.terminal);
  result.timeout = arrange(collected.timeout);
  result.eps_r = arrange(collected.eps_r);
  result.eps_g = arrange(collected.eps_g);
  result.mean_length = static_cast<double>(transitions) / static_cast<double>(rollouts);
  return result;
}

}  // namespace labhost::moma_ppo
