// IQL's learner and behavioural cloning with a golden file's weights, composed as in
// plugins/algorithms/iql and ibc.
#pragma once

#include "core/nn/iql_losses.hpp"
#include "core/nn/policy.hpp"
#include "core/nn/values.hpp"
#include "plugins/algorithms/ibc/losses.hpp"
#include "tests/golden/golden_memory.hpp"

namespace labhost::golden {

struct IqlLearner {
  explicit IqlLearner(const GoldenFile& golden)
      : file(golden),
        task(single_task(/*discrete=*/false, 2)),
        sight(file, task),
        batch(batch_of(file, task)),
        v(task, sight.width(), 8, torch::kCPU, any_generator()),
        q(task, sight.width(), 8, torch::kCPU, any_generator()),
        q_target(task, sight.width(), 8, torch::kCPU, any_generator()),
        policy(task, Distribution::kSquashedGaussian, sight.width(), 8, torch::kCPU,
               any_generator()),
        v_optimiser({&v}, file.number("/settings/lr_v"), Clip::kNone),
        q_optimiser({&q}, file.number("/settings/lr_q"), Clip::kNone),
        policy_optimiser({&policy}, file.number("/settings/lr_pi"), Clip::kNone) {
    load_networks(file, "/weights", all_networks());
  }

  // --- losses -----------------------------------------------------------------------------------

  Tensor min_target_q() const {
    const torch::NoGradGuard no_grad;
    return std::get<0>(q_target.forward(sight.now_as_target(), batch.action).min(0)).squeeze(0);
  }
  Tensor value(const Tensor& s) const {
    const torch::NoGradGuard no_grad;
    return v.forward(s).squeeze(0);
  }
  Tensor log_prob() const { return policy.log_prob(sight.now(), batch.action); }  // [1, B]

  Tensor value_loss() const {
    return iql::expectile_loss(min_target_q(), v.forward(sight.now()).squeeze(0),
                               file.number("/settings/expectile"));
  }
  Tensor policy_loss() const {
    const Tensor weight = iql::awr_weight(min_target_q(), value(sight.now_as_target()),
                                          file.number("/settings/awr_temperature"),
                                          file.number("/settings/awr_weight_max"));
    return iql::awr_loss(weight, log_prob().squeeze(0));
  }
  Tensor critic_loss() const {
    const Tensor target = batch.reward + file.number("/settings/discount_factor") * batch.mask *
                                             value(sight.next_as_target());
    return iql::critic_loss(q.forward(sight.now(), batch.action).squeeze(1), target);
  }
  Tensor cloning_loss() const { return ibc::negative_log_likelihood(log_prob()); }

  // --- updates ----------------------------------------------------------------------------------

  /// The losses of V, policy and Q.
  Tensor update() {
    const Tensor v_loss = minimise(value_loss(), {&v_optimiser, sight.optimiser()});
    const Tensor pi_loss = minimise(policy_loss(), {&policy_optimiser, sight.optimiser()});
    const Tensor q_loss = minimise(critic_loss(), {&q_optimiser, sight.optimiser()});
    polyak();
    return torch::stack({v_loss, pi_loss, q_loss});
  }
  /// The loss of the policy.
  Tensor clone() {
    const Tensor loss = minimise(cloning_loss(), {&policy_optimiser, sight.optimiser()});
    polyak();
    return loss.unsqueeze(0);
  }
  void polyak() {
    q_target.polyak(q, file.number("/settings/target_update_coef"));
    sight.polyak(file.number("/settings/target_update_coef"));
  }

  // --- networks ---------------------------------------------------------------------------------

  std::vector<Network> value_networks() { return {{&v, 0, "v"}}; }
  std::vector<Network> critic_networks() { return {{&q, 0, "q1"}, {&q, 1, "q2"}}; }
  std::vector<Network> policy_networks() { return {{&policy, 0, "policy", kGaussianHeads}}; }
  std::vector<Network> all_networks() {
    return {{&v, 0, "v"},
            {&q, 0, "q1"},
            {&q, 1, "q2"},
            {&q_target, 0, "q1_target"},
            {&q_target, 1, "q2_target"},
            {&policy, 0, "policy", kGaussianHeads}};
  }

  const GoldenFile& file;
  TaskSpec task;
  Sight sight;
  Batch batch;
  StateValue v;
  TwinQ q, q_target;
  TeamPolicy policy;
  Adam v_optimiser, q_optimiser, policy_optimiser;
};

}  // namespace labhost::golden
