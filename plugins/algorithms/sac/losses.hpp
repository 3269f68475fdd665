// Losses of SAC (Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications"): tensors
// in, loss out. B batch, W joint action; the critics are twins.
#pragma once

#include <torch/torch.h>

#include <cmath>

namespace labhost::sac {

struct Action {
  torch::Tensor action;    ///< [.., W] in (-1, 1)
  torch::Tensor log_prob;  ///< [..], of the action
};

/// a = tanh(u), u = mean + exp(log_std) noise, and its log-density (their Appendix C, Eq. 26).
/// log(1 - tanh(u)^2) is taken as 2 (log 2 - u - softplus(-2 u)), which is finite and has a
/// gradient however far out u is.
inline Action squash(const torch::Tensor& mean, const torch::Tensor& log_std,
                     const torch::Tensor& noise) {
  const torch::Tensor u = mean + log_std.exp() * noise;
  const torch::Tensor normal = -0.5 * noise.square() - log_std - 0.5 * std::log(2 * std::acos(-1));
  const torch::Tensor slope = 2 * (std::log(2.0) - u - torch::softplus(-2 * u));
  return {torch::tanh(u), (normal - slope).sum(-1)};
}

/// What both critics are drawn towards [B] (Eq. 2 and 3): the reward and, unless the next state is
/// terminal (mask 0), the discounted soft value of the next one: the smaller of the twin targets
/// [2, B] at an action of the policy, less the temperature times its log-probability [B].
inline torch::Tensor target_value(const torch::Tensor& reward, const torch::Tensor& mask,
                                  const torch::Tensor& next_value,
                                  const torch::Tensor& next_log_prob,
                                  const torch::Tensor& temperature, double discount) {
  const torch::Tensor soft = torch::minimum(next_value[0], next_value[1]);
  return reward + discount * mask * (soft - temperature * next_log_prob);
}

/// Half the mean squared error of each twin [2, B], added (Eq. 5).
inline torch::Tensor critic_loss(const torch::Tensor& value, const torch::Tensor& target) {
  return 0.5 * (value - target).square().mean(-1).sum();
}

/// The temperature times the log-probability, less the smaller of the twins [2, B] (Eq. 7).
inline torch::Tensor policy_loss(const torch::Tensor& value, const torch::Tensor& log_prob,
                                 const torch::Tensor& temperature) {
  return (temperature * log_prob - torch::minimum(value[0], value[1])).mean();
}

/// Its gradient raises the temperature while the entropy, -log_prob, is below the target (Eq. 18;
/// with respect to the logarithm, so that the temperature stays positive).
inline torch::Tensor temperature_loss(const torch::Tensor& log_temperature,
                                      const torch::Tensor& log_prob, double target_entropy) {
  return -(log_temperature.exp() * (log_prob + target_entropy).mean()).sum();
}

}  // namespace labhost::sac
