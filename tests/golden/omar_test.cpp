// OMAR's search and the policy's losses against the released and the official code; whole updates
// in the order of Iomar::update().  08, 08b, 08c.
#include "tests/golden/omar_learner.hpp"

namespace labhost::golden {

namespace {

Tensor omar_draws(const GoldenFile& file) { return file.tensor("/inputs/eps_omar"); }

void check_setting(Td3Learner& learner, const std::string& section) {
  const GoldenFile& file = learner.file;
  const OmarOptions options{file.number(section + "/omar_coeff"),
                            file.number(section + "/bc_coeff"),
                            file.number(section + "/init_sigma")};
  const Tensor h = learner.sight.now().detach();
  const Tensor action = learner.policy.forward(h).detach();
  const Found found(learner, h, action, omar_draws(file), options.initial_deviation);
  check_close(action[0], file.tensor(section + "/policy_actions"), section + " policy's action");
  check_close(torch::stack(found.means), file.tensor(section + "/mu_per_iteration"),
              section + " means");
  check_close(torch::stack(found.deviations), file.tensor(section + "/sigma_per_iteration"),
              section + " deviations");
  check_close(found.search.mean[0], file.tensor(section + "/final_mu"), section + " last mean");
  check_close(found.search.deviation[0], file.tensor(section + "/final_sigma"),
              section + " last deviation");
  check_close(found.target[0], file.tensor(section + "/target_actions"), section + " target");

  const OmarLoss loss = omar_loss(learner, omar_draws(file), options);
  check_close(loss.lambda[0], file.tensor(section + "/lambda"), section + " lambda");
  check_close(loss.value, file.tensor(section + "/loss_td3"), section + " value part");
  check_close(loss.cloning, file.tensor(section + "/loss_bc"), section + " cloning part");
  check_close(loss.regression, file.tensor(section + "/loss_omar"), section + " regression");
  check_close(loss.total, file.tensor(section + "/loss"), section + " loss");
  learner.check_gradients_of(loss.total, learner.policy_networks(), section + "/grads");
}

/// Two calls: the critics twice, with the conservative term, and the policy after them.
void check_calls(Td3Learner& learner) {
  const GoldenFile& file = learner.file;
  const double cql = file.number("/settings/td3_omar_cql_alpha"),
               temperature = file.number("/settings/td3_omar_cql_lse_temp");
  const Tensor losses = file.tensor("/outputs/losses_two_calls");
  for (int call = 0; call < 2; ++call) {
    const Td3Learner::CqlDraws draws{file.tensor("/inputs/random_actions")[call],
                                     file.tensor("/inputs/eps_current")[call],
                                     file.tensor("/inputs/eps_next")[call]};
    const Tensor loss = learner.critic_loss(file.tensor("/inputs/noise")[call]) +
                        cql * learner.conservative_term(draws, temperature);
    check_close(learner.step_critics(loss), losses[call], "critic loss");
  }
  const OmarOptions options{file.number("/settings/td3_omar_coeff"),
                            file.number("/settings/td3_bc_coeff"),
                            file.number("/settings/td3_init_omar_sigma")};
  check_close(learner.step_policy(omar_loss(learner, omar_draws(file), options).total), losses[2],
              "actor loss");
  learner.move_targets();
  learner.check_parameters("/outputs/params_after_2_calls");
}

void check_released(const std::string& name) {
  const GoldenFile file(name);
  REQUIRE(file.number("/settings/td3_omar_num_elites") == kElites);
  REQUIRE(file.number("/settings/td3_init_omar_mu") == 0);
  Td3Learner learner(file, Td3Settings::released(file));
  for (const std::string setting : {"coeff1", "coeff0.7", "coeff0.7_bc", "coeff1_sigma0.05"}) {
    check_setting(learner, "/outputs/" + setting);
  }
  check_calls(learner);
}

/// The official code has no noise on target actions, adds nothing to deviations and clips both
/// critics together; its targets move elsewhere.
void check_official(const GoldenFile& file, const std::string& section) {
  const double rate = file.number("/settings/lr");
  Td3Learner learner(file, {file.number("/settings/gamma"), 0, 0, 1, rate, rate, kThreeLayers},
                     Clip::kGlobal, file.number("/settings/grad_clip"));
  const Td3Learner::CqlDraws draws{file.tensor("/inputs/random_actions"),
                                   file.tensor("/inputs/eps_current"),
                                   file.tensor("/inputs/eps_next")};
  const Tensor critic = learner.critic_loss(torch::zeros({6, 2})) +
                        file.number("/settings/cql_alpha") *
                            learner.conservative_term(draws, file.number("/settings/lse_temp"));
  check_close(critic, file.tensor(section + "/critic_loss"), section + " critic loss");
  learner.check_gradients_of(critic, learner.critic_networks(), section + "/critic_grads");
  learner.step_critics(critic);

  const double deviation = file.number("/settings/omar_sigma");
  const Tensor h = learner.sight.now();
  const Tensor action = learner.policy.forward(h).detach();
  check_close(Found(learner, h, action, omar_draws(file), deviation, 0).target[0],
              file.tensor(section + "/target_actions"), section + " target");
  const Tensor policy =
      omar_loss(learner, omar_draws(file), {file.number(section + "/omar_coe"), 0, deviation, 0})
          .total;
  check_close(policy, file.tensor(section + "/policy_loss"), section + " policy loss");
  learner.check_gradients_of(policy, learner.policy_networks(), section + "/policy_grads");
  learner.step_policy(policy);
  learner.check_parameters(section + "/params_after_1_update");
}

}  // namespace

TEST_CASE("08: OMAR without a memory") {
  const DoublePrecision doubles;
  check_released("08_omar_nomem");
}

TEST_CASE("08b: OMAR with a memory") {
  const DoublePrecision doubles;
  check_released("08b_omar_mem");
}

TEST_CASE("08c: the official OMAR") {
  const DoublePrecision doubles;
  const GoldenFile file("08c_omar_official");
  check_official(file, "/outputs/coe1");
  check_official(file, "/outputs/coe0.7");
}

}  // namespace labhost::golden
