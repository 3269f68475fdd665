// MAIQL's team with a golden file's weights, composed as in plugins/algorithms/maiql.
#pragma once

#include <array>

#include "core/nn/iql_losses.hpp"
#include "core/nn/mixer.hpp"
#include "core/nn/policy.hpp"
#include "core/nn/values.hpp"
#include "tests/golden/golden_memory.hpp"

namespace labhost::golden {

struct MaiqlLearner {
  explicit MaiqlLearner(const GoldenFile& golden)
      : file(golden),
        task(team_task(/*discrete=*/false, 2, 2)),
        clip(file.number("/settings/grad_clip_norm")),
        sight(file, task, Clip::kPerCopy, clip),
        batch(batch_of(file, task)),
        action_aware(file.at("/settings/action_aware_mixer").get<bool>()),
        v(task, sight.width(), 8, torch::kCPU, any_generator()),
        q(task, sight.width(), 8, torch::kCPU, any_generator()),
        q_target(task, sight.width(), 8, torch::kCPU, any_generator()),
        mixer_v(2, 8, 8, torch::kCPU, any_generator()),
        mixer_q(2, q_mixer_input().size(1), 8, torch::kCPU, any_generator()),
        mixer_q_target(2, q_mixer_input().size(1), 8, torch::kCPU, any_generator()),
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
    const Tensor own = std::get<0>(q_target.forward(sight.now_as_target(), batch.action).min(0));
    return mixer_q_target.forward(q_mixer_input(), own);
  }
  Tensor mixed_v() const { return mixer_v.forward(batch.state, v.forward(sight.now())); }
  /// What the losses of policies and critics ask: the online V fed with the target memory.
  Tensor mixed_v_of_target() const { return value(sight.now_as_target(), batch.state); }
  Tensor mixed_next_v() const { return value(sight.next_as_target(), batch.next_state); }
  Tensor weight() const {
    return iql::awr_weight(mixed_target_q(), mixed_v_of_target(),
                           file.number("/settings/awr_temperature"),
                           file.number("/settings/awr_weight_max"));
  }
  Tensor log_prob() const { return policy.log_prob(sight.now(), batch.action); }  // [N, B]
  Tensor twin_q() const {
    return Mixer::mix(mixer_q.weights(q_mixer_input()), q.forward(sight.now(), batch.action));
  }

  Tensor value_loss() const {
    return iql::expectile_loss(mixed_target_q(), mixed_v(), file.number("/settings/expectile"));
  }
  Tensor policy_loss() const { return iql::team_awr_loss(weight(), log_prob()); }
  Tensor critic_loss() const {
    const Tensor target =
        batch.reward + file.number("/settings/discount_factor") * batch.mask * mixed_next_v();
    return iql::critic_loss(twin_q(), target);
  }

  // --- update -----------------------------------------------------------------------------------

  /// The losses of V, policies and Q.
  std::array<Tensor, 3> update() {
    const Tensor v_loss = minimise(value_loss(), {&v_optimiser, sight.optimiser()});
    const Tensor pi_loss = minimise(policy_loss(), {&policy_optimiser, sight.optimiser()});
    const Tensor q_loss = minimise(critic_loss(), {&q_optimiser, sight.optimiser()});
    const double rate = file.number("/settings/target_update_coef");
    q_target.polyak(q, rate);
    mixer_q_target.polyak(mixer_q, rate);
    sight.polyak(rate);
    return {v_loss, pi_loss, q_loss};
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
  Tensor q_mixer_input() const {
    return action_aware ? torch::cat({batch.state, batch.action}, 1) : batch.state;
  }
  Tensor value(const Tensor& h, const Tensor& state) const {
    const torch::NoGradGuard no_grad;
    return mixer_v.forward(state, v.forward(h));
  }

  const GoldenFile& file;
  TaskSpec task;
  double clip;
  Sight sight;
  Batch batch;
  bool action_aware;
  StateValue v;
  TwinQ q, q_target;
  Mixer mixer_v, mixer_q, mixer_q_target;
  TeamPolicy policy;
  Adam v_optimiser, q_optimiser, policy_optimiser;
};

}  // namespace labhost::golden
