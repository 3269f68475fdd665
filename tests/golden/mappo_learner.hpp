// MAPPO's team, composed as in plugins/algorithms/moma-ppo: what golden files confirm and the
// plugin is compared with.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "core/nn/adam.hpp"
#include "core/nn/gae.hpp"
#include "core/nn/mixer.hpp"
#include "core/nn/perception.hpp"
#include "core/nn/ppo_losses.hpp"
#include "core/nn/values.hpp"
#include "tests/algorithms/trained_plugin.hpp"
#include "tests/golden/golden_memory.hpp"

namespace labhost::golden {

struct MappoSettings {
  std::int64_t memory_length = 0;  ///< 0: no memory
  double discount = 0.99, lambda = 0.98, clip = 0.2, critic_weight = 0.5, entropy_rate = 0.001,
         entropy_target = -4, action_penalty = 1, learning_rate = 5e-5, memory_rate = 1e-4,
         gradient_clip = 1;
  bool scale_inputs = false;

  static MappoSettings of(const GoldenFile& file) {
    const auto number = [&file](const std::string& name) {
      return file.number("/settings/" + name);
    };
    MappoSettings s;
    s.memory_length = file.at("/settings").value("memory_len", 0);
    s.discount = number("discount_factor");
    s.lambda = number("ppo_lamda");
    s.clip = number("ppo_update_clip_param");
    s.critic_weight = number("ppo_critic_loss_coeff");
    s.entropy_rate = number("ppo_entropy_bonus_coeff");
    s.entropy_target = number("ppo_entropy_target");
    s.action_penalty = number("ppo_action_penalty_coeff");
    s.learning_rate = number("lr_pi");
    s.memory_rate = file.at("/settings").value("lr_memory", 0.0);
    s.gradient_clip = number("grad_clip_norm");
    return s;
  }
};

struct MappoLearner {
  /// Transitions in the order of time. T transitions.
  struct Rows {
    View seen, next_seen;      ///< [N, T, ...]
    Tensor state, next_state;  ///< [T, S]
    Tensor action;             ///< [T, W]
    Tensor reward;             ///< [T]
    Tensor terminal, timeout;  ///< [T] bool
  };
  /// What is known of them before the passes.
  struct Prepared {
    View seen;
    Tensor state, action, log_prob;                ///< [T, S] scaled, [T, W], [N, T]
    Tensor value, next_value, returns, advantage;  ///< [T]
  };
  struct Losses {
    Tensor value, actor, critic, entropy, bound_error, total;
  };

  /// `on`: the dataset that histories would come from.
  MappoLearner(const TaskSpec& of, const Transitions& on, const MappoSettings& with)
      : task(of),
        data(on),
        settings(with),
        params({{"memory", with.memory_length > 0 ? "on" : "off"},
                {"memory_length", std::to_string(with.memory_length)},
                {"memory_width", "8"}}),
        perception({task, data, params, streams, torch::kCPU, 1, logger, nullptr, nullptr}, task,
                   data, SteppedByTheAlgorithm{with.scale_inputs}),
        policy(task, Distribution::kGaussian, perception.width(), 8, torch::kCPU, any_generator()),
        v(task, perception.width(), 8, torch::kCPU, any_generator()),
        mixer(2, task.state_width, 8, torch::kCPU, any_generator()),
        optimiser(trained(), with.learning_rate, Clip::kGlobal, with.gradient_clip) {
    set_learning_rates(1);
  }
  MappoLearner(const MappoLearner&) = delete;
  MappoLearner& operator=(const MappoLearner&) = delete;

  std::vector<FlatModule*> trained() {
    std::vector<FlatModule*> modules = {&policy, &v, &mixer};
    if (perception.remembers()) modules.push_back(perception.memory());
    return modules;
  }
  void set_learning_rates(double share) {
    optimiser.set_learning_rate(share * settings.learning_rate);
    if (perception.remembers()) optimiser.set_learning_rate(3, share * settings.memory_rate);
  }

  // --- an update --------------------------------------------------------------------------------

  Tensor team_value(const Tensor& scaled_state, const View& view) const {
    return mixer.forward(scaled_state, v.forward(perception.see(view)));
  }

  /// Every next state's value from that state itself.
  Prepared prepare(const Rows& rows) const {
    const torch::NoGradGuard no_grad;
    const ScaledObserver& observer = perception.observer();
    Prepared p;
    p.seen = rows.seen;
    p.state = observer.scale(rows.state);
    p.action = rows.action;
    p.log_prob = policy.log_prob(perception.see(rows.seen), rows.action);
    p.value = team_value(p.state, rows.seen);
    p.next_value = team_value(observer.scale(rows.next_state), rows.next_seen);
    const Advantages gae = generalised_advantages(rows.reward, p.value, p.next_value, rows.terminal,
                                                  rows.timeout, settings.discount, settings.lambda);
    p.returns = gae.returns;
    p.advantage = standardise(gae.advantages);
    return p;
  }

  static Prepared pick(const Prepared& all, const Tensor& rows) {
    const auto of_agents = [&rows](const Tensor& x) {
      return x.defined() ? x.index_select(1, rows) : x;
    };
    const auto of = [&rows](const Tensor& x) { return x.index_select(0, rows); };
    return {{of_agents(all.seen.observation), of_agents(all.seen.history)},
            of(all.state),
            of(all.action),
            of_agents(all.log_prob),
            of(all.value),
            of(all.next_value),
            of(all.returns),
            of(all.advantage)};
  }

  /// Of one mini-batch; moves the entropy's weight.
  Losses losses_of(const Prepared& batch) {
    const Tensor h = perception.see(batch.seen);
    const Tensor log_prob = policy.log_prob(h, batch.action);
    const Tensor ratio = ppo::team_ratio(log_prob, batch.log_prob);
    Losses losses;
    losses.value = mixer.forward(batch.state, v.forward(h));
    losses.actor = ppo::actor_loss(ratio, batch.advantage, settings.clip);
    losses.critic = ppo::critic_loss(losses.value, batch.value, batch.returns, settings.clip);
    losses.entropy = ppo::entropy(ratio, log_prob.sum(0), settings.clip);
    losses.bound_error = ppo::action_bound_error(ratio, policy.gaussian(h).mean, settings.clip);
    entropy_weight = std::max(
        0.0, entropy_weight +
                 settings.entropy_rate * (settings.entropy_target - losses.entropy.item<double>()));
    losses.total = losses.actor + settings.critic_weight * losses.critic -
                   entropy_weight * losses.entropy + settings.action_penalty * losses.bound_error;
    return losses;
  }

  // --- networks ---------------------------------------------------------------------------------

  std::vector<Network> networks() {
    return {{&policy, 0, "agent0.policy", kGaussianHeads, first_layer_rows(0)},
            {&policy, 1, "agent1.policy", kGaussianHeads, first_layer_rows(1)},
            {&v, 0, "agent0.v", kThreeLayers, first_layer_rows(0)},
            {&v, 1, "agent1.v", kThreeLayers, first_layer_rows(1)},
            {&mixer, 0, "mixer_v"}};
  }
  std::vector<Memory> memories() {
    return perception.remembers() ? memories_of(task, *memory(), "memory") : std::vector<Memory>();
  }
  MemoryEncoder* memory() { return dynamic_cast<MemoryEncoder*>(perception.memory()); }
  /// (Embedding, observation): the padding comes last.
  std::vector<std::int64_t> first_layer_rows(std::size_t agent) const {
    std::vector<std::int64_t> rows;
    const std::int64_t padding = task.observation_width() - own_observation(task, agent);
    for (std::int64_t i = 0; i < perception.width() - padding; ++i) rows.push_back(i);
    return rows;
  }
  /// Over everything that learns.
  double norm_of_gradient(const Tensor& loss) {
    double squares = 0;
    for (const FlatModule* module : trained()) {
      for (std::int64_t copy = 0; copy < module->copies(); ++copy) {
        squares += std::pow(gradient_norm(*module, copy, loss), 2);
      }
    }
    return std::sqrt(squares);
  }

  TaskSpec task;
  Transitions data;
  MappoSettings settings;
  Params params;
  Streams streams{1};
  testing::SilentLogger logger;
  Perception perception;
  TeamPolicy policy;
  StateValue v;
  Mixer mixer;
  Adam optimiser;
  double entropy_weight = 0;
};

}  // namespace labhost::golden
