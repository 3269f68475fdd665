// Losses of a world-model member.  M members, B batch, D dimensions.
#pragma once

#include <torch/torch.h>

namespace labhost::world_model {

/// Gaussian negative log-likelihood without its constant, averaged over dimensions and batch,
/// summed over the (independent) members: mean, log_std, target [M, B, D].  Section 3.1; released
/// code.
inline torch::Tensor gaussian_loss(const torch::Tensor& mean, const torch::Tensor& log_std,
                                   const torch::Tensor& target) {
  const torch::Tensor z = (target - mean) * torch::exp(-log_std);
  return (log_std + 0.5 * z.square()).mean({1, 2}).sum();
}

/// Binary cross-entropy of the terminal head, averaged over the batch, summed over members [M, B].
inline torch::Tensor terminal_loss(const torch::Tensor& logit, const torch::Tensor& terminal) {
  return torch::binary_cross_entropy_with_logits(logit, terminal, {}, {}, at::Reduction::None)
      .mean(1)
      .sum();
}

/// Mean Euclidean distance of predictions from targets, per member [M].
inline torch::Tensor l2_error(const torch::Tensor& prediction, const torch::Tensor& target) {
  return (prediction - target).norm(2, {-1}).mean(-1);
}

}  // namespace labhost::world_model
