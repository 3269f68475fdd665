// OMAR's search and its policy's loss, composed as in plugins/algorithms/iomar.
#pragma once

#include "plugins/algorithms/iomar/losses.hpp"
#include "tests/golden/td3_learner.hpp"

namespace labhost::golden {

inline constexpr std::int64_t kElites = 5;
inline constexpr double kAboveZero = 1e-6;  // added to deviations: the released code and ours

struct OmarOptions {
  double coefficient, alpha, initial_deviation;
  double above_zero = kAboveZero;
};

/// As Iomar::search(), from draws [iterations, samples, B, A]. `above_zero` is what deviations get
/// on top: nothing in the official code.
struct Found {
  Found(const Td3Learner& learner, const Tensor& h, const Tensor& action, const Tensor& draws,
        double deviation, double above_zero = kAboveZero)
      : search(0, deviation, action) {
    const torch::NoGradGuard no_grad;
    const auto values = [&](const Tensor& actions) {
      return fan_values(learner.q, h, actions, 1)[0];
    };
    for (std::int64_t i = 0; i < draws.size(0); ++i) {
      means.push_back(search.mean[0]);
      deviations.push_back(search.deviation[0]);
      search.iterate(draws[i].transpose(0, 1).unsqueeze(0), kElites, Tensor(), values);
      search.deviation = search.deviation + (above_zero - kAboveZero);
    }
    target = search.target(action, values(action.unsqueeze(2)).squeeze(2));
  }

  omar::Search search;
  std::vector<Tensor> means, deviations;  // [B, A] that each iteration draws with
  Tensor target;                          // [1, B, A]
};

struct OmarLoss {
  Tensor lambda, value, cloning, regression, total;
};

/// As Iomar::improve_policies().
inline OmarLoss omar_loss(const Td3Learner& learner, const Tensor& draws,
                          const OmarOptions& options) {
  const Tensor h = learner.sight.now();
  const Tensor action = learner.policy.forward(h);
  const Found found(learner, h.detach(), action.detach(), draws, options.initial_deviation,
                    options.above_zero);
  const Tensor components = learner.policy.layout().sizes();
  const Tensor q = learner.q.first_fixed(h, action);
  const bool clones = options.alpha > 0;
  OmarLoss loss;
  loss.lambda = clones ? td3::value_scale(q, options.alpha) : torch::ones_like(components);
  loss.value = td3::value_objective(q, torch::ones_like(loss.lambda));
  loss.cloning = clones ? td3::cloning_error(action, learner.action()) : torch::zeros({});
  loss.regression = omar::regression(action, found.target, components, options.coefficient);
  loss.total = loss.regression + td3::value_objective(q, (1 - options.coefficient) * loss.lambda) +
               loss.cloning;
  return loss;
}

}  // namespace labhost::golden
