// MAIQL with Gaussian policies, with and without memories, against the reference: each loss with
// its gradients, and whole updates in the order of Maiql::update().  04a, 04b, 04c.
#include <map>

#include "tests/golden/maiql_learner.hpp"

namespace labhost::golden {

namespace {

/// The gradients of a loss that is stepped with `networks` and the memories, and their norms.
void check_step(const GoldenFile& file, const std::string& section, Sight& sight,
                const std::vector<Network>& networks, const Tensor& loss) {
  check_close(loss, file.tensor(section + "/loss"), section + " loss");
  check_gradients(file, section + "/grads", networks, loss);
  sight.check_memory_gradients(file, section + "/grads", loss);
  std::map<std::string, double> norms;
  for (const Network& network : networks) {
    norms[network.prefix] = gradient_norm(*network.module, network.copy, loss);
  }
  for (const Memory& memory : sight.memories()) {
    norms[memory.prefix] = gradient_norm(*memory.module, memory.copy, loss);
  }
  const json& order = file.at(section + "/grad_norm_order");
  REQUIRE(order.size() == norms.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto name = order[i].get<std::string>();
    check_close(norms.at(name),
                file.number(section + "/grad_norms_before_clip/" + std::to_string(i)),
                section + " norm of " + name);
  }
}

void check_losses(const std::string& name) {
  CAPTURE(name);
  const GoldenFile file(name);
  MaiqlLearner learner(file);
  check_close(learner.mixed_target_q(), file.column("/outputs/v/mixed_target_q"), "target Q");
  check_close(learner.mixed_v(), file.column("/outputs/v/mixed_v"), "V");
  check_step(file, "/outputs/v", learner.sight, learner.value_networks(), learner.value_loss());

  check_close(learner.mixed_target_q(), file.column("/outputs/pi/mixed_target_q"), "target Q");
  check_close(learner.mixed_v_of_target(), file.column("/outputs/pi/mixed_v"), "V of the target");
  check_close(learner.weight(), file.column("/outputs/pi/weight"), "regression weight");
  check_close(learner.log_prob().t(), file.tensor("/outputs/pi/log_probs"), "log probability");
  check_step(file, "/outputs/pi", learner.sight, learner.policy_networks(), learner.policy_loss());

  check_close(learner.mixed_next_v(), file.column("/outputs/q/mixed_next_v"), "next V");
  check_close(learner.twin_q()[0], file.column("/outputs/q/mixed_q1"), "Q1");
  check_close(learner.twin_q()[1], file.column("/outputs/q/mixed_q2"), "Q2");
  check_step(file, "/outputs/q", learner.sight, learner.critic_networks(), learner.critic_loss());
}

void check_updates(const std::string& name) {
  CAPTURE(name);
  const GoldenFile file(name);
  MaiqlLearner learner(file);
  const std::size_t updates = file.at("/outputs/losses_per_update").size();
  for (std::size_t update = 1; update <= updates; ++update) {
    const std::string losses = "/outputs/losses_per_update/" + std::to_string(update - 1);
    const auto [v_loss, pi_loss, q_loss] = learner.update();
    check_close(v_loss, file.tensor(losses + "/loss_v/0"), losses + " V loss");
    check_close(pi_loss, file.tensor(losses + "/loss_pi/0"), losses + " policy loss");
    check_close(q_loss, file.tensor(losses + "/loss_q/0"), losses + " Q loss");
    const std::string after = "/outputs/params_after_" + std::to_string(update) + "_update";
    if (update == 2) continue;  // not stored
    check_networks(file, after, learner.all_networks());
    learner.sight.check_parameters(file, after);
  }
}

}  // namespace

TEST_CASE("04a: MAIQL without memories") {
  const DoublePrecision doubles;
  check_losses("04a_maiql_nomem");
  check_updates("04a_maiql_nomem");
}

TEST_CASE("04b: MAIQL with memories") {
  const DoublePrecision doubles;
  check_losses("04b_maiql_mem");
  check_updates("04b_maiql_mem");
}

TEST_CASE("04c: MAIQL with memories and a mixer of Q that sees the state alone") {
  const DoublePrecision doubles;
  check_losses("04c_maiql_mem_stateonly_mixer");
  check_updates("04c_maiql_mem_stateonly_mixer");
}

}  // namespace labhost::golden
