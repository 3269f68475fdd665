// The conservative term of CQL (Kumar et al., 2020) with importance-corrected samples, for
// independent agents: tensors in, loss out.  Appendix A.2.
//
// N agents, B batch, K samples of each kind, A action components. A mask [N, 1, A] is 1 where an
// agent has the component; undefined where all do.
#pragma once

#include <torch/torch.h>

#include <cmath>

namespace labhost::cql {

/// Actions at which the critics are asked, and what is subtracted from their values there.
struct Samples {
  torch::Tensor action;      ///< [N, B, 3K, A]
  torch::Tensor correction;  ///< [N, B, 3K]
};

/// log density of `scale` times standard normal draws [N, B, K, A] -> [N, B, K].
inline torch::Tensor noise_log_density(const torch::Tensor& draws, double scale,
                                       const torch::Tensor& mask) {
  torch::Tensor log_density =
      -0.5 * draws.square() - std::log(scale * std::sqrt(2 * std::acos(-1.0)));
  if (mask.defined()) log_density = log_density * mask.unsqueeze(2);
  return log_density.sum(-1);
}

/// K actions each: uniform ones (density 1/2 per component), those of the policies at the current
/// states plus noise, those at the next states plus noise; all kept in [-1, 1]. `log_density`: what
/// is subtracted is the logarithm of the noise's density (importance sampling); false: the density
/// itself (released code). policy_now and policy_next [N, B, A], the draws [N, B, K, A].
inline Samples samples(const torch::Tensor& uniform, const torch::Tensor& policy_now,
                       const torch::Tensor& draws_now, const torch::Tensor& policy_next,
                       const torch::Tensor& draws_next, double noise, const torch::Tensor& mask,
                       bool log_density) {
  const torch::Tensor now = (policy_now.unsqueeze(2) + noise * draws_now).clamp(-1, 1),
                      next = (policy_next.unsqueeze(2) + noise * draws_next).clamp(-1, 1);
  const torch::Tensor draws = torch::cat({draws_now, draws_next}, 2);
  torch::Tensor near = noise_log_density(draws, noise, mask);  // [N, B, 2K]
  if (!log_density) near = near.exp();
  torch::Tensor uniform_log_density = torch::full_like(uniform, -std::log(2.0));
  torch::Tensor action = torch::cat({uniform, now, next}, 2);
  if (mask.defined()) {
    uniform_log_density = uniform_log_density * mask.unsqueeze(2);
    action = action * mask.unsqueeze(2);
  }
  return {action, torch::cat({uniform_log_density.sum(-1), near}, 2)};
}

/// Sum over critics and agents of (soft maximum of the values - mean value of the data's actions);
/// soft_maximum [2, N] (fan_logsumexp), q [2, N, B].
inline torch::Tensor conservative_term(const torch::Tensor& soft_maximum, const torch::Tensor& q) {
  return (soft_maximum - q.mean(-1)).sum();
}

}  // namespace labhost::cql
