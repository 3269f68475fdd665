// Losses of implicit Q-learning, for one agent (iql) and for teams with mixed values (maiql,
// maiql-ft): tensors in, loss out.  B batch, N agents.
#pragma once

#include <torch/torch.h>

namespace labhost::iql {

/// Eq. 1, of one agent's values [B] or of mixed ones: mean |e - 1(Q - V < 0)| (Q - V)^2.
inline torch::Tensor expectile_loss(const torch::Tensor& q, const torch::Tensor& v,
                                    double expectile) {
  const torch::Tensor difference = q - v;
  const torch::Tensor weight = (expectile - difference.lt(0).to(v.scalar_type())).abs();
  return (weight * difference.square()).mean();
}

/// Eq. 2 for twin critics [2, B], mixed ones for a team: the sum of both mean squared errors
/// against one target [B].
inline torch::Tensor critic_loss(const torch::Tensor& twin_q, const torch::Tensor& target) {
  return (target - twin_q).square().mean(-1).sum();
}

/// exp(beta (Q - V)), at most `maximum` (released code: 100). [B] for the team, [N, B] per agent.
inline torch::Tensor awr_weight(const torch::Tensor& q, const torch::Tensor& v, double temperature,
                                double maximum) {
  return (temperature * (q - v)).exp().clamp_max(maximum);
}

/// Eq. 3: -mean of weight * log pi(a | s), all [B].
inline torch::Tensor awr_loss(const torch::Tensor& weight, const torch::Tensor& log_prob) {
  return -(weight * log_prob).mean();
}

/// Eq. 7: -mean over the batch of sum_j weight_j log pi_j(a^j | h^j); weight [B] (one for the team)
/// or [N, B], log_prob [N, B].
inline torch::Tensor team_awr_loss(const torch::Tensor& weight, const torch::Tensor& log_prob) {
  return -(weight * log_prob).sum(0).mean();
}

}  // namespace labhost::iql
