// Legal moves per row, which the reference's discrete agents have and tasks here do not: the
// golden policies' log-probabilities with them, from our logits.
#pragma once

#include <vector>

#include "core/nn/policy.hpp"

namespace labhost::golden {

/// [N, B, choices], 0 for a padded choice, from each agent's [B, own choices].
inline Tensor legal_moves(const std::vector<Tensor>& of_agents) {
  std::int64_t widest = 0;
  for (const Tensor& legal : of_agents) widest = std::max(widest, legal.size(1));
  std::vector<Tensor> padded;
  for (const Tensor& legal : of_agents) {
    padded.push_back(torch::constant_pad_nd(legal, {0, widest - legal.size(1)}));
  }
  return torch::stack(padded);
}

/// log pi_i(a^i | h^i) [N, B] where an illegal move has 1e10 subtracted from its logit.
inline Tensor legal_log_prob(const TeamPolicy& policy, const Tensor& h, const Tensor& action,
                             const Tensor& legal) {
  const Tensor logits = policy.forward(h) - 1e10 * (1 - legal);
  const Tensor taken = action.t().unsqueeze(-1).to(torch::kLong);  // [N, B, 1]
  return torch::log_softmax(logits, -1).gather(-1, taken).squeeze(-1);
}

}  // namespace labhost::golden
