// OMAR's search and the policy's losses against the released and the official code; whole updates
// in the order of Iomar::update().  08, 08b, 08c.
#include "plugins/algorithms/iomar/losses.hpp"

#include "tests/golden/td3_learner.hpp"

namespace labhost::golden {

namespace {

constexpr std::int64_t kElites = 5;
constexpr double kAboveZero = 1e-6;  // added to deviations: the released code and ours

struct Options {
  double coefficient, alpha, initial_deviation;
  double above_zero = kAboveZero;
};

/// As Iomar::search(), from the file's draws [iterations, samples, B, A]. `above_zero` is part of
/// the deviation: 0 for the official code, which ours is not told.
struct Found {
  Found(const Td3Learner& learner, const Tensor& h, const Tensor& action, double deviation,
        double above_zero = kAboveZero)
      : search(0, deviation, action) {
    const torch::NoGradGuard no_grad;
    const auto values = [&](const Tensor& actions) {
      return fan_values(learner.q, h, actions, 1)[0];
    };
    const Tensor draws = learner.file.tensor("/inputs/eps_omar");
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

struct ActorLoss {
  Tensor lambda, value, cloning, regression, total;
};

/// As Iomar::improve_policies().
ActorLoss actor_loss(const Td3Learner& learner, const Options& options) {
  const Tensor h = learner.sight.now();
  const Tensor action = learner.policy.forward(h);
  const Found found(learner, h.detach(), action.detach(), options.initial_deviation,
                    options.above_zero);
  const Tensor components = learner.policy.layout().sizes();
  const Tensor q = learner.q.first_fixed(h, action);
  const bool clones = options.alpha > 0;
  ActorLoss loss;
  loss.lambda = clones ? td3::value_scale(q, options.alpha) : torch::ones_like(components);
  loss.value = td3::value_objective(q, torch::ones_like(loss.lambda));
  loss.cloning = clones ? td3::cloning_error(action, learner.action) : torch::zeros({});
  loss.regression = omar::regression(action, found.target, components, options.coefficient);
  loss.total = loss.regression + td3::value_objective(q, (1 - options.coefficient) * loss.lambda) +
               loss.cloning;
  return loss;
}

void check_setting(Td3Learner& learner, const std::string& section) {
  const GoldenFile& file = learner.file;
  const Options options{file.number(section + "/omar_coeff"), file.number(section + "/bc_coeff"),
                        file.number(section + "/init_sigma")};
  const Tensor h = learner.sight.now().detach();
  const Tensor action = learner.policy.forward(h).detach();
  const Found found(learner, h, action, options.initial_deviation);
  check_close(action[0], file.tensor(section + "/policy_actions"), section + " policy's action");
  check_close(torch::stack(found.means), file.tensor(section + "/mu_per_iteration"),
              section + " means");
  check_close(torch::stack(found.deviations), file.tensor(section + "/sigma_per_iteration"),
              section + " deviations");
  check_close(found.search.mean[0], file.tensor(section + "/final_mu"), section + " last mean");
  check_close(found.search.deviation[0], file.tensor(section + "/final_sigma"),
              section + " last deviation");
  check_close(found.target[0], file.tensor(section + "/target_actions"), section + " target");

  const ActorLoss loss = actor_loss(learner, options);
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
  const Options options{file.number("/settings/td3_omar_coeff"),
                        file.number("/settings/td3_bc_coeff"),
                        file.number("/settings/td3_init_omar_sigma")};
  check_close(learner.step_policy(actor_loss(learner, options).total), losses[2], "actor loss");
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
  check_close(Found(learner, h, action, deviation, 0).target[0],
              file.tensor(section + "/target_actions"), section + " target");
  const Tensor policy =
      actor_loss(learner, {file.number(section + "/omar_coe"), 0, deviation, 0}).total;
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
