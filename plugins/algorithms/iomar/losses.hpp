// OMAR (Pan et al., 2022): a cross-entropy search for better actions, and the policies' losses
// towards what it finds.  Appendix A.2.
//
// N agents, B batch, A action components, M samples, E elites. A mask [N, 1, A] is 1 where an agent
// has the component; undefined where all do.
#pragma once

#include <torch/torch.h>

#include <functional>

namespace labhost::omar {

using torch::Tensor;

/// Values of many actions per state: [N, B, M, A] -> [N, B, M].
using Values = std::function<Tensor(const Tensor& actions)>;

struct Search {
  Tensor mean, deviation;  ///< [N, B, A] of the next draws
  Tensor elites;           ///< [N, B, E, A], best first
  Tensor elite_values;     ///< [N, B, E]

  /// Before the first iteration: no elites.
  Search(double initial_mean, double initial_deviation, const Tensor& like)
      : mean(torch::full_like(like, initial_mean)),
        deviation(torch::full_like(like, initial_deviation)) {}

  /// One iteration from standard normal draws [N, B, M, A]: samples join the elites so far, the
  /// best `count` stay, and the next draws are fitted to them. Their deviation (with E - 1) is kept
  /// 1e-6 above zero (released code).
  void iterate(const Tensor& draws, std::int64_t count, const Tensor& mask, const Values& values) {
    Tensor pool = (mean.unsqueeze(2) + deviation.unsqueeze(2) * draws).clamp(-1, 1);
    if (mask.defined()) pool = pool * mask.unsqueeze(2);
    Tensor pool_values = values(pool);
    if (elites.defined()) {
      pool = torch::cat({pool, elites}, 2);
      pool_values = torch::cat({pool_values, elite_values}, 2);
    }
    Tensor best;
    std::tie(elite_values, best) = pool_values.topk(count, -1);
    elites = pool.gather(2, best.unsqueeze(3).expand({-1, -1, -1, pool.size(3)}));
    mean = elites.mean(2);
    deviation = elites.std(2, /*unbiased=*/true) + 1e-6;
  }

  /// The best that was found, or the policy's own action [N, B, A] of `own_value` [N, B] where that
  /// is as good.
  Tensor target(const Tensor& own_action, const Tensor& own_value) const {
    const Tensor better = elite_values.select(2, 0).gt(own_value).unsqueeze(2);
    return torch::where(better, elites.select(2, 0), own_action);
  }
};

/// Mean squared distance to the targets plus 1e-3 times the mean square of the actions (official
/// and released code), summed over agents. Actions [N, B, A], components [N]: how many each has.
inline Tensor regression(const Tensor& action, const Tensor& target, const Tensor& components,
                         double coefficient) {
  const Tensor distance = (action - target).square().sum(-1).mean(-1) / components,
               size = action.square().sum(-1).mean(-1) / components;
  return (coefficient * distance + 1e-3 * size).sum();
}

}  // namespace labhost::omar
