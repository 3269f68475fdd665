// The built moma-ppo plugin against the composition that the golden files confirm: what it
// collects, what it bootstraps with, what it learns in which order.
#include "plugins/algorithms/moma-ppo/rollouts.hpp"
#include "tests/algorithms/made_up_simulator.hpp"
#include "tests/golden/mappo_learner.hpp"
#include "tests/golden/plugin_rows.hpp"

namespace labhost::golden {

namespace {

using testing::MadeUpSimulator;
using testing::Overrides;
using testing::TrainedPlugin;

constexpr std::uint64_t kSeed = 5;
constexpr std::int64_t kUpdates = 3;

TaskSpec scaled_task() {
  TaskSpec task = team_task(/*discrete=*/false, 2, 2);
  task.state_scale = {0.5, 1, 2, 4, 0.25, 3, 1, 0.5};
  return task;
}

/// An untrained ensemble whose terminal heads are biased.
Archive untrained_model(const Transitions& data, double terminal_bias) {
  WorldModel model({8, 4, 3, 8, 2, 1}, torch::kCPU, Streams(7).get("model"));
  const torch::NoGradGuard no_grad;
  auto* ends = dynamic_cast<Mlp*>(model.modules()[2]);
  REQUIRE(ends != nullptr);
  Tensor bias = ends->bias(1);
  bias.fill_(terminal_bias);
  model.set_box(std::get<0>(data.state.min(0)), std::get<0>(data.state.max(0)), data.reward.min(),
                data.reward.max());
  Archive archive;
  model.save(archive);
  return archive;
}

struct Case {
  bool simulator = false;
  MappoSettings settings = {};
  moma_ppo::RolloutOptions rollouts = {};
  std::int64_t passes = 2, batch_size = 8;
  double final_share = 1, terminal_bias = -0.1, l_eps = 0.6;
  double reward_factor = 1;  // of the data's rewards
  bool scale_values = false, bound_values = false;
};

Overrides params_of(const Case& c) {
  const MappoSettings& s = c.settings;
  return {{"hidden", "8"},
          {"memory", s.memory_length > 0 ? "on" : "off"},
          {"memory_length", std::to_string(std::max<std::int64_t>(s.memory_length, 1))},
          {"memory_width", "8"},
          {"memory_learning_rate", std::to_string(s.memory_rate)},
          {"penalised_action", "mean"},
          {"learning_rate", std::to_string(s.learning_rate)},
          {"final_learning_rate", std::to_string(c.final_share)},
          {"discount", std::to_string(s.discount)},
          {"gae_lambda", std::to_string(s.lambda)},
          {"entropy_rate", std::to_string(s.entropy_rate)},
          {"entropy_target", std::to_string(s.entropy_target)},
          {"scale_inputs", s.scale_inputs ? "true" : "false"},
          {"ground_truth", c.simulator ? "true" : "false"},
          {"passes", std::to_string(c.passes)},
          {"batch_size", std::to_string(c.batch_size)},
          {"k", std::to_string(c.rollouts.horizon)},
          {"transitions", std::to_string(c.rollouts.transitions)},
          {"scale_values", c.scale_values ? "true" : "false"},
          {"bound_values", c.bound_values ? "true" : "false"},
          {"l_eps", std::to_string(c.l_eps)}};
}

/// A plugin and its composition with the same networks, data and draws.
class Pair {
 public:
  explicit Pair(const Case& of)
      : case_(of),
        task_(scaled_task()),
        data_(rows_with(of.reward_factor)),
        learner_(task_, data_, of.settings),
        model_(untrained_model(data_, of.terminal_bias)),
        plugin_(
            task_, data_,
            {"moma-ppo", params_of(of), kUpdates, kSeed, {{"world-model", model_}}, simulators()}),
        generator_(Streams(kSeed).get("rollouts")),
        stage_(make_stage()) {
    std::vector<std::pair<std::string, const FlatModule*>> networks = {
        {"policy", &learner_.policy}, {"v", &learner_.v}, {"mixer", &learner_.mixer}};
    if (learner_.perception.remembers()) {
      networks.emplace_back("perception/memory", learner_.perception.memory());
    }
    replace_networks(plugin_, networks);
  }

  /// What the plugin collects next.
  moma_ppo::Rollouts collect() {
    return moma_ppo::collect(*stage_, {data_, learner_.perception, learner_.policy}, case_.rollouts,
                             generator_);
  }
  /// One epoch of the composition.
  MappoLearner::Losses learn(const MappoLearner::Prepared& all) {
    const std::int64_t count = all.returns.size(0), size = case_.batch_size;
    MappoLearner::Losses last;
    for (std::int64_t pass = 0; pass < case_.passes; ++pass) {
      const Tensor order = torch::randperm(count, generator_, torch::kLong);
      for (std::int64_t first = 0; first + size <= count; first += size) {
        last = learner_.losses_of(MappoLearner::pick(all, order.narrow(0, first, size)));
        learner_.optimiser.minimise(last.total);
      }
    }
    return last;
  }
  MappoLearner::Rows rows_of(const moma_ppo::Rollouts& r) const {
    const Perception& p = learner_.perception;
    View next = {p.observer()(r.next_state), Tensor()};
    if (p.remembers()) {
      next.history = p.histories().append(r.seen.history, r.seen.observation, r.action);
    }
    return {r.seen, next, r.state, r.next_state, r.action, r.reward, r.terminal, r.timeout};
  }

  const Transitions& data() const { return data_; }
  MappoLearner& learner() { return learner_; }
  TrainedPlugin& plugin() { return plugin_; }

  void check_parameters() {
    Archive expected;
    learner_.policy.save(expected, "policy");
    learner_.v.save(expected, "v");
    learner_.mixer.save(expected, "mixer");
    learner_.perception.save(expected, "perception");
    learner_.optimiser.save(expected, "optimiser");
    const Archive saved = plugin_.saved();
    for (const auto& [name, tensor] : expected.tensors()) {
      check_close(saved.tensor(name).to(torch::kFloat64), tensor.to(torch::kFloat64), name);
    }
  }

 private:
  Transitions rows_with(double reward_factor) const {
    Transitions data = made_up_rows(task_);
    data.reward = data.reward * reward_factor;
    return data;
  }
  std::function<std::unique_ptr<Environment>(std::int64_t)> simulators() const {
    return [task = task_](std::int64_t copies) {
      return std::make_unique<MadeUpSimulator>(task, copies);
    };
  }
  std::unique_ptr<moma_ppo::Stage> make_stage() const {
    if (case_.simulator) {
      return std::make_unique<moma_ppo::SimulatorStage>(simulators()(case_.rollouts.rollouts()),
                                                        torch::kCPU);
    }
    WorldModelOptions options;
    options.uncertainty_clip = options.stop_threshold = case_.l_eps;
    return std::make_unique<moma_ppo::ModelStage>(WorldModel::restore(model_, torch::kCPU), task_,
                                                  options);
  }

  Case case_;
  TaskSpec task_;
  Transitions data_;
  MappoLearner learner_;
  Archive model_;
  TrainedPlugin plugin_;
  at::Generator generator_;
  std::unique_ptr<moma_ppo::Stage> stage_;
};

/// Rollouts of which some go on, some end in terminals and some at the horizon.
void require_all_ends(const moma_ppo::Rollouts& r) {
  REQUIRE(r.terminal.any().item<bool>());
  REQUIRE((r.timeout & r.terminal.logical_not()).any().item<bool>());
  REQUIRE((r.terminal | r.timeout).logical_not().any().item<bool>());
}

void check_plugin(const Case& c) {
  Pair pair(c);
  for (std::int64_t update = 0; update < kUpdates; ++update) {
    CAPTURE(update);
    const double progress = static_cast<double>(update) / kUpdates;
    pair.learner().set_learning_rates(1 - (1 - c.final_share) * progress);
    const moma_ppo::Rollouts rollouts = pair.collect();
    require_all_ends(rollouts);
    const auto losses = pair.learn(pair.learner().prepare(pair.rows_of(rollouts)));
    const auto metrics = pair.plugin().update(1);
    const auto check = [&metrics](const std::string& name, const Tensor& expected) {
      check_close(metrics.at(name), expected.item<double>(), name);
    };
    check("rollout/penalised_reward", rollouts.reward.mean());
    check("rollout/eps_g", rollouts.eps_g.mean());
    check("policy/loss", losses.actor);
    check("critic/loss", losses.critic);
    check("policy/entropy", losses.entropy);
    check("policy/bound_error", losses.bound_error);
    check_close(metrics.at("policy/entropy_weight"), pair.learner().entropy_weight, "weight");
    pair.check_parameters();
  }
}

Case small_case(bool simulator, std::int64_t memory_length) {
  Case c;
  c.simulator = simulator;
  c.settings.memory_length = memory_length;
  c.settings.entropy_rate = 0.01;
  c.settings.entropy_target = 20;  // the bonus grows
  c.settings.learning_rate = 0.001;
  c.settings.memory_rate = 0.004;
  c.rollouts.horizon = 4;
  c.rollouts.transitions = 60;
  return c;
}

}  // namespace

TEST_CASE("the moma-ppo plugin, with and without memories, in a world model and in the simulator") {
  const DoublePrecision doubles;
  for (const bool simulator : {false, true}) {
    for (const std::int64_t memory_length : {0, 3}) {
      CAPTURE(simulator);
      CAPTURE(memory_length);
      check_plugin(small_case(simulator, memory_length));
    }
  }
}

TEST_CASE("the moma-ppo plugin with scaled inputs and rates that decay") {
  const DoublePrecision doubles;
  Case c = small_case(/*simulator=*/false, /*memory_length=*/3);
  c.settings.scale_inputs = true;
  c.final_share = 0.1;
  check_plugin(c);
}

TEST_CASE("moma-ppo bootstraps with the value of the next state at timeouts, not at terminals") {
  const DoublePrecision doubles;
  for (const bool terminal : {false, true}) {
    for (const std::int64_t memory_length : {0, 3}) {
      CAPTURE(terminal);
      CAPTURE(memory_length);
      // Single steps, all in one mini-batch: the critic's loss is that of r + discount V(s'), or r.
      Case c = small_case(/*simulator=*/false, memory_length);
      c.rollouts.horizon = 1;
      c.rollouts.transitions = c.batch_size = 64;
      c.passes = 1;
      c.terminal_bias = terminal ? 1000 : -1000;
      Pair pair(c);
      const moma_ppo::Rollouts r = pair.collect();
      REQUIRE(r.reward.size(0) == 64);
      const MappoLearner::Prepared all = pair.learner().prepare(pair.rows_of(r));
      REQUIRE(all.next_value.abs().min().item<double>() > 1e-6);
      const Tensor target = terminal ? r.reward : r.reward + c.settings.discount * all.next_value;
      check_close(pair.plugin().update(1).at("critic/loss"),
                  (target - all.value).square().mean().item<double>(), "critic loss");
    }
  }
}

TEST_CASE("moma-ppo scales rewards and bounds what it bootstraps with, where asked") {
  const DoublePrecision doubles;
  for (const bool scale : {false, true}) {
    for (const bool bound : {false, true}) {
      CAPTURE(scale);
      CAPTURE(bound);
      Case c = small_case(/*simulator=*/false, /*memory_length=*/0);
      c.settings.discount = 0.5;  // a reward for ever sums to twice itself
      c.rollouts.horizon = c.passes = 1;
      c.rollouts.transitions = c.batch_size = 64;
      c.terminal_bias = -1000;
      c.reward_factor = 0.001;  // so that the networks' first values lie beyond
      c.scale_values = scale;
      c.bound_values = bound;
      Pair pair(c);
      const moma_ppo::Rollouts r = pair.collect();
      const MappoLearner::Prepared all = pair.learner().prepare(pair.rows_of(r));
      const Tensor& data = pair.data().reward;
      const double factor = scale ? 0.5 / data.abs().mean().item<double>() : 1;
      const double penalty = (c.rollouts.lambda_r + c.rollouts.lambda_g) * c.l_eps;
      Tensor next = all.next_value;
      if (bound) {
        next = next.clamp(2 * factor * (data.min().item<double>() - penalty),
                          2 * factor * data.max().item<double>());
        if (!scale) REQUIRE_FALSE(torch::equal(next, all.next_value));
      }
      const Tensor target = factor * r.reward + 0.5 * next;
      check_close(pair.plugin().update(1).at("critic/loss"),
                  (target - all.value).square().mean().item<double>(), "critic loss");
    }
  }
}

}  // namespace labhost::golden
