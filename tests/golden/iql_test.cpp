// Centralised IQL with a categorical policy against the reference: each loss with its gradients,
// and whole updates in the order of Iql::update().
#include "core/nn/adam.hpp"
#include "core/nn/iql_losses.hpp"
#include "core/nn/policy.hpp"
#include "core/nn/values.hpp"
#include "tests/golden/golden_file.hpp"
#include "tests/golden/legal_moves.hpp"

namespace labhost::golden {

namespace {

struct Learner {
  explicit Learner(const TaskSpec& task)
      : v(task, 5, 8, torch::kCPU, any_generator()),
        q(task, 5, 8, torch::kCPU, any_generator()),
        q_target(task, 5, 8, torch::kCPU, any_generator()),
        policy(task, Distribution::kSquashedGaussian, 5, 8, torch::kCPU, any_generator()) {}

  std::vector<Network> value_networks() { return {{&v, 0, "v"}}; }
  std::vector<Network> critic_networks() { return {{&q, 0, "q1"}, {&q, 1, "q2"}}; }
  std::vector<Network> policy_networks() { return {{&policy, 0, "policy", kCategorical}}; }
  std::vector<Network> all_networks() {
    return {{&v, 0, "v"},
            {&q, 0, "q1"},
            {&q, 1, "q2"},
            {&q_target, 0, "q1_target"},
            {&q_target, 1, "q2_target"},
            {&policy, 0, "policy", kCategorical}};
  }

  StateValue v;
  TwinQ q, q_target;
  TeamPolicy policy;
};

struct Rows {
  explicit Rows(const GoldenFile& file)
      : s(file.tensor("/inputs/observations").unsqueeze(0)),
        s_next(file.tensor("/inputs/next_observations").unsqueeze(0)),
        action(file.tensor("/inputs/actions")),
        reward(file.column("/inputs/rewards")),
        mask(file.column("/inputs/masks")),
        legal(legal_moves({file.tensor("/inputs/legal_moves")})) {}
  Tensor s, s_next, action, reward, mask, legal;
};

Tensor target_q(const Learner& learner, const Rows& rows) {
  const torch::NoGradGuard no_grad;
  return std::get<0>(learner.q_target.forward(rows.s, rows.action).min(0)).squeeze(0);
}

Tensor value_loss(const Learner& learner, const Rows& rows, const GoldenFile& file) {
  return iql::expectile_loss(target_q(learner, rows), learner.v.forward(rows.s).squeeze(0),
                             file.number("/settings/expectile"));
}

Tensor policy_loss(const Learner& learner, const Rows& rows, const GoldenFile& file) {
  const Tensor weight = iql::awr_weight(
      target_q(learner, rows), learner.v.forward(rows.s).squeeze(0).detach(),
      file.number("/settings/awr_temperature"), file.number("/settings/awr_weight_max"));
  return iql::awr_loss(weight,
                       legal_log_prob(learner.policy, rows.s, rows.action, rows.legal).squeeze(0));
}

Tensor critic_loss(const Learner& learner, const Rows& rows, const GoldenFile& file) {
  const Tensor next = learner.v.forward(rows.s_next).squeeze(0).detach();
  const Tensor target = rows.reward + file.number("/settings/discount_factor") * rows.mask * next;
  return iql::critic_loss(learner.q.forward(rows.s, rows.action).squeeze(1), target);
}

}  // namespace

TEST_CASE("IQL's losses and gradients are the reference's") {
  const DoublePrecision precision;
  const GoldenFile file("13b_iql_discrete");
  Learner learner(single_task(/*discrete=*/true, 3));
  load_networks(file, "/weights", learner.all_networks());
  const Rows rows(file);

  const Tensor v_loss = value_loss(learner, rows, file);
  check_close(v_loss, file.tensor("/outputs/v/loss"), "V loss");
  check_gradients(file, "/outputs/v/grads", learner.value_networks(), v_loss);
  const Tensor pi_loss = policy_loss(learner, rows, file);
  check_close(pi_loss, file.tensor("/outputs/pi/loss"), "policy loss");
  check_gradients(file, "/outputs/pi/grads", learner.policy_networks(), pi_loss);
  const Tensor q_loss = critic_loss(learner, rows, file);
  check_close(q_loss, file.tensor("/outputs/q/loss"), "Q loss");
  check_gradients(file, "/outputs/q/grads", learner.critic_networks(), q_loss);
  check_close(learner.policy.log_prob(rows.s, rows.action).t(),
              file.tensor("/outputs/categorical/log_probs_unmasked"), "log probability");
}

TEST_CASE("one and three whole updates of IQL end at the reference's parameters") {
  const DoublePrecision precision;
  const GoldenFile file("13b_iql_discrete");
  Learner learner(single_task(/*discrete=*/true, 3));
  load_networks(file, "/weights", learner.all_networks());
  const Rows rows(file);
  Adam v_optimiser({&learner.v}, file.number("/settings/lr_v"), Clip::kNone);
  Adam policy_optimiser({&learner.policy}, file.number("/settings/lr_pi"), Clip::kNone);
  Adam q_optimiser({&learner.q}, file.number("/settings/lr_q"), Clip::kNone);
  for (int update = 0; update < 3; ++update) {
    const Tensor expected = file.tensor("/outputs/losses_per_update/" + std::to_string(update));
    check_close(v_optimiser.minimise(value_loss(learner, rows, file)), expected[0], "V loss");
    check_close(policy_optimiser.minimise(policy_loss(learner, rows, file)), expected[1],
                "policy loss");
    check_close(q_optimiser.minimise(critic_loss(learner, rows, file)), expected[2], "Q loss");
    learner.q_target.polyak(learner.q, file.number("/settings/target_update_coef"));
    if (update == 0) {
      check_networks(file, "/outputs/params_after_1_update", learner.all_networks());
    }
  }
  check_networks(file, "/outputs/params_after_3_update", learner.all_networks());
}

}  // namespace labhost::golden
