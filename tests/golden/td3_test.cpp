// TD3 with behavioural cloning against the official and the released code: losses with their
// gradients, and whole updates in the order of Itd3Bc::update().  06a, 06b, 06c.
#include "tests/golden/td3_learner.hpp"

namespace labhost::golden {

namespace {

struct ActorLoss {
  Tensor lambda, value, cloning, total;
};

/// Summed over components (released code), or averaged (official code).
ActorLoss actor_loss(const Td3Learner& learner, double alpha, bool mean_error) {
  const Tensor h = learner.sight.now();
  const Tensor action = learner.policy.forward(h);
  const Tensor q = learner.q.first_fixed(h, action);
  ActorLoss loss;
  loss.lambda = td3::value_scale(q, alpha);
  loss.value = td3::value_objective(q, loss.lambda);
  loss.cloning = mean_error ? td3::mean_cloning_error(action, learner.action(),
                                                      learner.policy.layout().sizes())
                            : td3::cloning_error(action, learner.action());
  loss.total = loss.value + loss.cloning;
  return loss;
}

/// `calls` of update(), each with its noise; policy and targets every second one. The losses in the
/// order in which they were taken.
Tensor update(Td3Learner& learner, int first_call, int calls, double alpha, bool mean_error) {
  std::vector<Tensor> losses;
  for (int call = first_call; call < first_call + calls; ++call) {
    losses.push_back(
        learner.step_critics(learner.critic_loss(learner.file.tensor("/inputs/noise")[call])));
    if (call % 2 == 0) continue;
    losses.push_back(learner.step_policy(actor_loss(learner, alpha, mean_error).total));
    learner.move_targets();
  }
  return torch::stack(losses);
}

void check_released(const std::string& name) {
  const GoldenFile file(name);
  Td3Learner learner(file, Td3Settings::released(file));
  const double alpha = file.number("/settings/td3_bc_coeff");

  const Tensor critic = learner.critic_loss(file.tensor("/inputs/noise")[0]);
  check_close(critic, file.tensor("/outputs/critic/loss"), "critic loss");
  learner.check_gradients_of(critic, learner.critic_networks(), "/outputs/critic/grads");

  const ActorLoss actor = actor_loss(learner, alpha, /*mean_error=*/false);
  check_close(actor.total, file.tensor("/outputs/actor/loss"), "actor loss");
  // The reference's value part has no lambda in it.
  check_close(actor.value / actor.lambda[0], file.tensor("/outputs/actor/loss_td3"), "value part");
  check_close(actor.cloning, file.tensor("/outputs/actor/loss_bc"), "cloning part");
  check_close(actor.lambda[0], file.tensor("/outputs/actor/lambda"), "lambda");
  learner.check_gradients_of(actor.total, learner.policy_networks(), "/outputs/actor/grads");

  const Tensor expected = file.tensor("/outputs/losses_four_calls");
  check_close(update(learner, 0, 2, alpha, false), expected.narrow(0, 0, 3), "calls 1 and 2");
  learner.check_parameters("/outputs/params_after_2_calls");
  check_close(update(learner, 2, 2, alpha, false), expected.narrow(0, 3, 3), "calls 3 and 4");
  learner.check_parameters("/outputs/params_after_4_calls");
}

}  // namespace

TEST_CASE("06a: the official TD3+BC") {
  const DoublePrecision doubles;
  const GoldenFile file("06a_td3bc_official");
  const double rate = file.number("/settings/lr");
  Td3Learner learner(file, {file.number("/settings/discount"), file.number("/settings/tau"),
                            file.number("/settings/policy_noise"),
                            file.number("/settings/noise_clip"), rate, rate});
  const double alpha = file.number("/settings/alpha");

  const Tensor critic = learner.critic_loss(file.tensor("/inputs/noise")[0]);
  check_close(critic, file.tensor("/outputs/critic/loss"), "critic loss");
  learner.check_gradients_of(critic, learner.critic_networks(), "/outputs/critic/grads");
  const Tensor actor = actor_loss(learner, alpha, /*mean_error=*/true).total;
  check_close(actor, file.tensor("/outputs/actor/loss"), "actor loss");
  learner.check_gradients_of(actor, learner.policy_networks(), "/outputs/actor/grads");

  check_close(update(learner, 0, 2, alpha, /*mean_error=*/true),
              file.tensor("/outputs/losses_two_calls"), "losses of two calls");
  learner.check_parameters("/outputs/params_after_2_calls");
}

TEST_CASE("06b: independent TD3+BC without a memory") {
  const DoublePrecision doubles;
  check_released("06b_itd3bc_nomem");
}

TEST_CASE("06c: independent TD3+BC with a memory") {
  const DoublePrecision doubles;
  check_released("06c_itd3bc_mem");
}

}  // namespace labhost::golden
