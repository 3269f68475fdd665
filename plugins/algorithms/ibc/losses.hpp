// Losses of independent behavioural cloning: tensors in, loss out.
#pragma once

#include <torch/torch.h>

namespace labhost::ibc {

/// Negative log-likelihood of the dataset's actions, averaged over the batch and summed over the
/// (independent) agents. log_prob [N, B].
inline torch::Tensor negative_log_likelihood(const torch::Tensor& log_prob) {
  return -log_prob.mean(1).sum();
}

}  // namespace labhost::ibc
