// One minibatch of MAPPO against the reference, composed as in MomaPpo::train().
#include <algorithm>

#include "core/nn/adam.hpp"
#include "core/nn/mixer.hpp"
#include "core/nn/policy.hpp"
#include "core/nn/ppo_losses.hpp"
#include "core/nn/values.hpp"
#include "tests/golden/golden_file.hpp"

namespace labhost::golden {

namespace {

struct Team {
  explicit Team(const TaskSpec& task)
      : policy(task, Distribution::kGaussian, 5, 8, torch::kCPU, any_generator()),
        v(task, 5, 8, torch::kCPU, any_generator()),
        mixer(2, 8, 8, torch::kCPU, any_generator()) {}

  std::vector<Network> networks() {
    return {{&policy, 0, "agent0.policy", kGaussianHeads},
            {&policy, 1, "agent1.policy", kGaussianHeads},
            {&v, 0, "agent0.v"},
            {&v, 1, "agent1.v"},
            {&mixer, 0, "mixer_v"}};
  }

  TeamPolicy policy;
  StateValue v;
  Mixer mixer;
};

struct Losses {
  Tensor value, actor, critic, entropy, bound_error, total;
  double entropy_weight = 0;
};

Losses losses_of(const Team& team, const TaskSpec& task, const GoldenFile& file) {
  const double clip = file.number("/settings/ppo_update_clip_param");
  const Tensor state = of_both_agents(file, "observations");
  const Tensor action = of_both_agents(file, "actions");
  const Tensor h = Observer(task, torch::kCPU)(state);
  const Tensor log_prob = team.policy.log_prob(h, action);
  const Tensor ratio = ppo::team_ratio(log_prob, file.tensor("/inputs/old_log_probs").t());
  Losses losses;
  losses.value = team.mixer.forward(state, team.v.forward(h));
  losses.actor = ppo::actor_loss(ratio, file.column("/inputs/advantages"), clip);
  losses.critic = ppo::critic_loss(losses.value, file.column("/inputs/old_values"),
                                   file.column("/inputs/returns"), clip);
  losses.entropy = ppo::entropy(ratio, log_prob.sum(0), clip);
  losses.entropy_weight = std::max(
      0.0, file.number("/settings/entropy_alpha_before") +
               file.number("/settings/ppo_entropy_bonus_coeff") *
                   (file.number("/settings/ppo_entropy_target") - losses.entropy.item<double>()));
  losses.bound_error = ppo::action_bound_error(ratio, team.policy.gaussian(h).mean, clip);
  losses.total = losses.actor + file.number("/settings/ppo_critic_loss_coeff") * losses.critic -
                 losses.entropy_weight * losses.entropy +
                 file.number("/settings/ppo_action_penalty_coeff") * losses.bound_error;
  return losses;
}

void check_minibatch(const std::string& name) {
  const GoldenFile file(name);
  const TaskSpec task = team_task(/*discrete=*/false, 2, 2);
  Team team(task);
  load_networks(file, "/weights", team.networks());
  const Losses losses = losses_of(team, task, file);
  check_close(losses.value, file.column("/outputs/values"), "value");
  check_close(losses.actor, file.tensor("/outputs/actor_loss"), "actor loss");
  check_close(0.5 * losses.critic, file.tensor("/outputs/critic_weighted_loss"), "critic loss");
  check_close(losses.entropy_weight, file.number("/outputs/entropy_alpha"), "entropy weight");
  check_close(-losses.entropy_weight * losses.entropy, file.tensor("/outputs/entropy_bonus"),
              "entropy bonus");
  check_close(losses.bound_error, file.tensor("/outputs/action_bound_error"), "bound error");
  check_close(losses.total, file.tensor("/outputs/loss"), "loss");
  check_gradients(file, "/outputs/grads", team.networks(), losses.total);

  Adam optimiser({&team.policy, &team.v, &team.mixer}, file.number("/settings/lr_pi"),
                 Clip::kGlobal, file.number("/settings/grad_clip_norm"));
  optimiser.minimise(losses.total);
  check_networks(file, "/outputs/params_after_step", team.networks());
}

}  // namespace

TEST_CASE("a minibatch of MAPPO is the reference's") {
  const DoublePrecision precision;
  check_minibatch("09a_mappo_minibatch_nomem");
}

TEST_CASE("a minibatch of MAPPO that exceeds the cap of the log-ratio is the reference's") {
  const DoublePrecision precision;
  check_minibatch("09d_mappo_minibatch_ratio_cap");
}

}  // namespace labhost::golden
