// Losses of PPO for a team (MAPPO), as MOMA-PPO and mappo use it: tensors in, loss and diagnostics
// out. B batch, N agents.
#pragma once

#include <torch/torch.h>

namespace labhost::ppo {

/// exp(sum_i log pi_i - sum_i log pi_i_old) [B] from log-probabilities [N, B]; the exponent is
/// capped at 10 (released code).
inline torch::Tensor team_ratio(const torch::Tensor& log_prob, const torch::Tensor& old_log_prob) {
  return (log_prob - old_log_prob).sum(0).clamp_max(10.0).exp();
}

/// PPO's clipped surrogate, to be minimised.
inline torch::Tensor actor_loss(const torch::Tensor& ratio, const torch::Tensor& advantage,
                                double clip) {
  return -torch::minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean();
}

/// max of the clipped and the unclipped mean squared error (released code: of batch means).
inline torch::Tensor critic_loss(const torch::Tensor& value, const torch::Tensor& old_value,
                                 const torch::Tensor& returns, double clip) {
  const torch::Tensor clipped = old_value + (value - old_value).clamp(-clip, clip);
  return torch::maximum((returns - value).square().mean(), (returns - clipped).square().mean());
}

/// Sampled entropy E[-pi log pi] under the old policy, corrected by the ratio; the smaller of the
/// clipped and the unclipped batch mean.  Appendix A, listing "entropy bonus".
inline torch::Tensor entropy(const torch::Tensor& ratio, const torch::Tensor& team_log_prob,
                             double clip) {
  return torch::minimum(-(ratio * team_log_prob).mean(),
                        -(ratio.clamp(1 - clip, 1 + clip) * team_log_prob).mean());
}

/// Squared excess of actions [N, B, A] over [-1, 1], summed over agents and components, weighted by
/// the ratio; the larger of both batch means.  Appendix A, listing "action penalty".
inline torch::Tensor action_bound_error(const torch::Tensor& ratio, const torch::Tensor& action,
                                        double clip) {
  const torch::Tensor excess = (action.abs() - 1).clamp_min(0).square().sum(-1).sum(0);  // [B]
  return torch::maximum((ratio * excess).mean(), (ratio.clamp(1 - clip, 1 + clip) * excess).mean());
}

}  // namespace labhost::ppo
