// One agent of the TD3 family with a golden file's weights; what the losses of itd3-bc, icql and
// iomar have in common, composed as in those plugins.
#pragma once

#include "core/nn/action_fan.hpp"
#include "core/nn/cql_losses.hpp"
#include "core/nn/policy.hpp"
#include "core/nn/td3_losses.hpp"
#include "core/nn/values.hpp"
#include "tests/golden/golden_memory.hpp"

namespace labhost::golden {

inline const LayerNames kTd3Layers = {{"l1"}, {"l2"}, {"l3"}};

struct Td3Settings {
  double discount, polyak, noise, noise_clip, q_rate, policy_rate;
  LayerNames policy_layers = kTd3Layers;

  /// Of the files that come from the released code.
  static Td3Settings released(const GoldenFile& file) {
    return {file.number("/settings/discount_factor"),
            file.number("/settings/target_update_coef"),
            file.number("/settings/td3_policy_noise"),
            file.number("/settings/td3_noise_clip"),
            file.number("/settings/lr_q"),
            file.number("/settings/lr_pi")};
  }
};

struct Td3Learner {
  Td3Learner(const GoldenFile& golden, const Td3Settings& of, Clip clip = Clip::kNone,
             double max_norm = 1.0)
      : file(golden),
        settings(of),
        task(single_task(/*discrete=*/false, 2)),
        sight(file, task),
        batch(batch_of(file, task)),
        q(task, sight.width(), 8, torch::kCPU, any_generator()),
        q_target(task, sight.width(), 8, torch::kCPU, any_generator()),
        policy(task, "golden", sight.width(), 8, torch::kCPU, any_generator()),
        policy_target(task, "golden", sight.width(), 8, torch::kCPU, any_generator()),
        q_optimiser({&q}, settings.q_rate, clip, max_norm),
        policy_optimiser({&policy}, settings.policy_rate, clip, max_norm) {
    load_networks(file, "/weights", all_networks());
  }

  // --- losses -----------------------------------------------------------------------------------

  Tensor action() const { return batch.action.unsqueeze(0); }  // [1, B, A]
  /// [1, B] from the standard normal draws [B, A] of the target policy's noise.
  Tensor target_value(const Tensor& draws) const {
    const torch::NoGradGuard no_grad;
    const Tensor h = sight.next_as_target();
    const Tensor noise = td3::target_noise(draws, settings.noise, settings.noise_clip);
    const Tensor next =
        q_target.forward_own(h, policy_target.bounded(policy_target.forward(h) + noise));
    return td3::target_value(batch.reward, batch.mask, next, settings.discount);
  }
  Tensor critic_loss(const Tensor& draws) const {
    return td3::critic_loss(q.forward_own(sight.now(), action()), target_value(draws));
  }

  /// Draws of the conservative term [B K, A]; row b K + k belongs to row b of the batch.
  struct CqlDraws {
    Tensor uniform, now, next;
  };
  /// As Icql::draw_samples(): a graph leads from the policy's actions to the memory.
  cql::Samples samples(const Tensor& h, const CqlDraws& draws, bool log_density = false) const {
    const auto per_row = [&](const Tensor& all) {
      return all.view({1, batch.action.size(0), -1, batch.action.size(1)});  // [1, B, K, A]
    };
    const auto near = [&](const Tensor& input) {
      const torch::AutoGradMode graph(sight.remembers() && input.requires_grad());
      return policy.forward(input);
    };
    return cql::samples(per_row(draws.uniform), near(h), per_row(draws.now),
                        near(sight.next_as_target()), per_row(draws.next), 0.2, Tensor(),
                        log_density);
  }
  using SoftMaximum = Tensor (*)(const TwinQ& q, const Tensor& input, const Tensor& actions,
                                 const Tensor& correction, double temperature);
  /// Without its coefficient.
  Tensor conservative_term(const CqlDraws& draws, double temperature,
                           SoftMaximum soft_maximum = fan_logsumexp,
                           bool log_density = false) const {
    const Tensor h = sight.now();
    const cql::Samples all = samples(h, draws, log_density);
    return cql::conservative_term(soft_maximum(q, h, all.action, all.correction, temperature),
                                  q.forward_own(h, action()));
  }

  // --- updates ----------------------------------------------------------------------------------

  Tensor step_critics(const Tensor& loss) {
    return minimise(loss, {&q_optimiser, sight.optimiser()});
  }
  Tensor step_policy(const Tensor& loss) {
    return minimise(loss, {&policy_optimiser, sight.optimiser()});
  }
  void move_targets() {
    q_target.polyak(q, settings.polyak);
    policy_target.polyak(policy, settings.polyak);
    sight.polyak(settings.polyak);
  }

  // --- networks ---------------------------------------------------------------------------------

  std::vector<Network> critic_networks() { return {{&q, 0, "q1"}, {&q, 1, "q2"}}; }
  std::vector<Network> policy_networks() {
    return {{&policy, 0, "policy", settings.policy_layers}};
  }
  std::vector<Network> all_networks() {
    return {{&q, 0, "q1"},
            {&q, 1, "q2"},
            {&q_target, 0, "q1_target"},
            {&q_target, 1, "q2_target"},
            {&policy, 0, "policy", settings.policy_layers},
            {&policy_target, 0, "policy_target", settings.policy_layers}};
  }
  /// The gradients of a loss that is stepped with `networks` and the memory.
  void check_gradients_of(const Tensor& loss, const std::vector<Network>& networks,
                          const std::string& section) {
    check_gradients(file, section, networks, loss);
    sight.check_memory_gradients(file, section, loss);
  }
  void check_parameters(const std::string& section) {
    check_networks(file, section, all_networks());
    sight.check_parameters(file, section);
  }

  const GoldenFile& file;
  Td3Settings settings;
  TaskSpec task;
  Sight sight;
  Batch batch;
  TwinQ q, q_target;
  DeterministicPolicy policy, policy_target;
  Adam q_optimiser, policy_optimiser;
};

}  // namespace labhost::golden
