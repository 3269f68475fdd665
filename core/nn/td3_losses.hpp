// Losses of TD3 and TD3+BC (Fujimoto et al., 2018; Fujimoto and Gu, 2021) for independent agents:
// tensors in, loss out. N agents, B batch, A action components; sums run over agents, who share
// nothing.
#pragma once

#include <torch/torch.h>

namespace labhost::td3 {

/// What is added to a target action [..]: `scale` times standard normal draws, at most `limit`
/// away.
inline torch::Tensor target_noise(const torch::Tensor& standard_normal, double scale,
                                  double limit) {
  return (scale * standard_normal).clamp(-limit, limit);
}

/// r + discount * mask * min over both critics of Q'(s', a'); reward and mask [B], next_q [2, ..,
/// B].
inline torch::Tensor target_value(const torch::Tensor& reward, const torch::Tensor& mask,
                                  const torch::Tensor& next_q, double discount) {
  return reward + discount * mask * next_q.amin(0);
}

/// Mean squared error over the batch, summed over critics and agents: q [2, .., B], target [.., B].
inline torch::Tensor critic_loss(const torch::Tensor& q, const torch::Tensor& target) {
  return (target - q).square().mean(-1).sum();
}

/// lambda = alpha / mean |Q|, a constant: q [.., B] -> [..].
inline torch::Tensor value_scale(const torch::Tensor& q, double alpha) {
  return alpha / q.detach().abs().mean(-1);
}

/// -sum over agents of lambda mean Q; q [.., B], lambda [..].
inline torch::Tensor value_objective(const torch::Tensor& q, const torch::Tensor& lambda) {
  return -(lambda * q.mean(-1)).sum();
}

/// Squared distance to the dataset's actions [N, B, A], averaged over the batch, summed over agents
/// and components (released code), or averaged over components too (official TD3+BC):
/// `components` [N] are how many each agent has.
inline torch::Tensor cloning_error(const torch::Tensor& action, const torch::Tensor& data) {
  return (action - data).square().sum(-1).mean(-1).sum();
}
inline torch::Tensor mean_cloning_error(const torch::Tensor& action, const torch::Tensor& data,
                                        const torch::Tensor& components) {
  return ((action - data).square().sum(-1).mean(-1) / components).sum();
}

}  // namespace labhost::td3
