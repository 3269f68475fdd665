// Losses of implicit Q-learning: tensors in, loss out.  All inputs [B] unless said otherwise.
#pragma once

#include <torch/torch.h>

namespace labhost::iql {

/// Eq. 1: mean |e - 1(Q - V < 0)| (Q - V)^2.
inline torch::Tensor expectile_loss(const torch::Tensor& q, const torch::Tensor& v,
                                    double expectile) {
  const torch::Tensor difference = q - v;
  const torch::Tensor weight = (expectile - difference.lt(0).to(v.scalar_type())).abs();
  return (weight * difference.square()).mean();
}

/// Eq. 2 for twin critics [2, B]: the sum of both mean squared errors against one target.
inline torch::Tensor critic_loss(const torch::Tensor& twin_q, const torch::Tensor& target) {
  return (target - twin_q).square().mean(-1).sum();
}

/// exp(beta (Q - V)), at most `maximum` (released code: 100).
inline torch::Tensor awr_weight(const torch::Tensor& q, const torch::Tensor& v, double temperature,
                                double maximum) {
  return (temperature * (q - v)).exp().clamp_max(maximum);
}

/// Eq. 3: -mean of weight * log pi(a | s).
inline torch::Tensor awr_loss(const torch::Tensor& weight, const torch::Tensor& log_prob) {
  return -(weight * log_prob).mean();
}

}  // namespace labhost::iql
