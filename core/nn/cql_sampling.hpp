// The actions at which CQL presses values down (Kumar et al., 2020): uniform ones, and those of the
// policies in the current and in the next states, with noise.  Appendix A.2.
//
// N agents, B batch, K actions of each kind, I input, A action components.
#pragma once

#include "core/nn/cql_losses.hpp"
#include "core/nn/policy.hpp"
#include "core/sdk/params.hpp"

namespace labhost::cql {

class Sampling {
 public:
  /// The parameters cql_actions (K), cql_noise and importance; `draws` is shared with the caller.
  Sampling(const Params& params, std::int64_t action_size, at::Generator draws)
      : actions_(params.integer("cql_actions")),
        action_size_(action_size),
        noise_(params.real("cql_noise")),
        log_density_(params.text("importance") == "log-density"),
        draws_(std::move(draws)) {}

  /// Inputs [N, B, I] of the current and of the next states. `through_inputs`: gradients reach the
  /// inputs, and the memory behind them, through the policies' actions (released code); the
  /// policies themselves always stay.
  Samples draw(const DeterministicPolicy& policy, const torch::Tensor& h,
               const torch::Tensor& h_next, bool through_inputs) {
    const torch::Tensor uniform =
        torch::rand({h.size(0), h.size(1), actions_, action_size_}, draws_, h.options()) * 2 - 1;
    const auto near = [&](const torch::Tensor& input) {
      const torch::AutoGradMode graph(through_inputs && input.requires_grad());
      return policy.forward(input);
    };
    const torch::Tensor now = near(h), next = near(h_next);
    const torch::Tensor around_now = normal(uniform), around_next = normal(uniform);
    return samples(uniform, now, around_now, next, around_next, noise_, policy.layout().mask(),
                   log_density_);
  }

 private:
  torch::Tensor normal(const torch::Tensor& like) {
    return torch::randn(like.sizes(), draws_, like.options().requires_grad(false));
  }

  std::int64_t actions_, action_size_;
  double noise_;
  bool log_density_;
  at::Generator draws_;
};

}  // namespace labhost::cql
