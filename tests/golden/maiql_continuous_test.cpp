// MAIQL with Gaussian policies, with and without memories, against the reference: each loss with
// its gradients, and whole updates in the order of Maiql::update().  04a, 04b, 04c.
#include "core/nn/mixer.hpp"
#include "core/nn/policy.hpp"
#include "core/nn/values.hpp"
#include "plugins/algorithms/maiql/losses.hpp"
#include "tests/golden/golden_memory.hpp"

namespace labhost::golden {

namespace {

struct Learner {
  explicit Learner(const GoldenFile& golden)
      : file(golden),
        task(team_task(/*discrete=*/false, 2, 2)),
        clip(file.number("/settings/grad_clip_norm")),
        sight(file, task, Clip::kPerCopy, clip),
        state(of_both_agents(file, "observations")),
        next_state(of_both_agents(file, "next_observations")),
        action(of_both_agents(file, "actions")),
        q_mixer_input(file.at("/settings/action_aware_mixer").get<bool>()
                          ? torch::cat({state, action}, 1)
                          : state),
        v(task, sight.width(), 8, torch::kCPU, any_generator()),
        q(task, sight.width(), 8, torch::kCPU, any_generator()),
        q_target(task, sight.width(), 8, torch::kCPU, any_generator()),
        mixer_v(2, 8, 8, torch::kCPU, any_generator()),
        mixer_q(2, q_mixer_input.size(1), 8, torch::kCPU, any_generator()),
        mixer_q_target(2, q_mixer_input.size(1), 8, torch::kCPU, any_generator()),
        policy(task, Distribution::kSquashedGaussian, sight.width(), 8, torch::kCPU,
               any_generator()),
        v_optimiser({&v, &mixer_v}, file.number("/settings/lr_v"), Clip::kPerCopy, clip),
        q_optimiser({&q, &mixer_q}, file.number("/settings/lr_q"), Clip::kPerCopy, clip),
        policy_optimiser({&policy}, file.number("/settings/lr_pi"), Clip::kPerCopy, clip) {
    load_networks(file, "/weights", all_networks());
  }

  // --- losses -----------------------------------------------------------------------------------

  Tensor mixed_target_q() const {
    const torch::NoGradGuard no_grad;
    const Tensor own = std::get<0>(q_target.forward(sight.now_as_target(), action).min(0));
    return mixer_q_target.forward(q_mixer_input, own);
  }
  Tensor mixed_v() const { return mixer_v.forward(state, v.forward(sight.now())); }
  /// What the losses of policies and critics ask: the online V fed with the target memory.
  Tensor mixed_v_of_target() const { return value(sight.now_as_target(), state); }
  Tensor mixed_next_v() const { return value(sight.next_as_target(), next_state); }
  Tensor weight() const {
    return maiql::awr_weight(mixed_target_q(), mixed_v_of_target(),
                             file.number("/settings/awr_temperature"),
                             file.number("/settings/awr_weight_max"));
  }
  Tensor log_prob() const { return policy.log_prob(sight.now(), action); }  // [N, B]
  Tensor twin_q() const {
    return Mixer::mix(mixer_q.weights(q_mixer_input), q.forward(sight.now(), action));
  }

  Tensor value_loss() const {
    return maiql::expectile_loss(mixed_target_q(), mixed_v(), file.number("/settings/expectile"));
  }
  Tensor policy_loss() const { return maiql::awr_loss(weight(), log_prob()); }
  Tensor critic_loss() const {
    const Tensor target =
        file.column("/inputs/rewards") +
        file.number("/settings/discount_factor") * file.column("/inputs/masks") * mixed_next_v();
    return maiql::critic_loss(twin_q(), target);
  }

  // --- update -----------------------------------------------------------------------------------

  void update(const std::string& losses) {
    check_close(minimise(value_loss(), {&v_optimiser, sight.optimiser()}),
                file.tensor(losses + "/loss_v/0"), losses + " V loss");
    check_close(minimise(policy_loss(), {&policy_optimiser, sight.optimiser()}),
                file.tensor(losses + "/loss_pi/0"), losses + " policy loss");
    check_close(minimise(critic_loss(), {&q_optimiser, sight.optimiser()}),
                file.tensor(losses + "/loss_q/0"), losses + " Q loss");
    const double rate = file.number("/settings/target_update_coef");
    q_target.polyak(q, rate);
    mixer_q_target.polyak(mixer_q, rate);
    sight.polyak(rate);
  }

  // --- networks ---------------------------------------------------------------------------------

  std::vector<Network> value_networks() {
    return {{&v, 0, "agent0.v", kThreeLayers, sight.rows(0, false)},
            {&v, 1, "agent1.v", kThreeLayers, sight.rows(1, false)},
            {&mixer_v, 0, "mixer_v"}};
  }
  std::vector<Network> critic_networks() { return critics(q, mixer_q, ""); }
  std::vector<Network> policy_networks() {
    return {{&policy, 0, "agent0.policy", kGaussianHeads, sight.rows(0, false)},
            {&policy, 1, "agent1.policy", kGaussianHeads, sight.rows(1, false)}};
  }
  std::vector<Network> all_networks() {
    std::vector<Network> all = value_networks();
    for (const auto& more :
         {critic_networks(), critics(q_target, mixer_q_target, "_target"), policy_networks()}) {
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }

  std::vector<Network> critics(TwinQ& twin, Mixer& mixer, const std::string& ending) {
    return {{&twin, 0, "agent0.q1" + ending, kThreeLayers, sight.rows(0, true)},
            {&twin, 1, "agent1.q1" + ending, kThreeLayers, sight.rows(1, true)},
            {&twin, 2, "agent0.q2" + ending, kThreeLayers, sight.rows(0, true)},
            {&twin, 3, "agent1.q2" + ending, kThreeLayers, sight.rows(1, true)},
            {&mixer, 0, "mixer_q" + ending}};
  }
  Tensor value(const Tensor& h, const Tensor& state) const {
    const torch::NoGradGuard no_grad;
    return mixer_v.forward(state, v.forward(h));
  }

  const GoldenFile& file;
  TaskSpec task;
  double clip;
  Sight sight;
  Tensor state, next_state, action, q_mixer_input;
  StateValue v;
  TwinQ q, q_target;
  Mixer mixer_v, mixer_q, mixer_q_target;
  TeamPolicy policy;
  Adam v_optimiser, q_optimiser, policy_optimiser;
};

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
  Learner learner(file);
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
  Learner learner(file);
  const std::size_t updates = file.at("/outputs/losses_per_update").size();
  for (std::size_t update = 1; update <= updates; ++update) {
    learner.update("/outputs/losses_per_update/" + std::to_string(update - 1));
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
