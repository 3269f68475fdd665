// Built plugins with a memory, on a made-up dataset, against the compositions that the golden files
// confirm: which memory a loss sees through, what learns from it, in which order.
//
// The files' own histories cannot stand for a dataset's: they hold actions out of bounds.
#include <functional>

#include "core/nn/history.hpp"
#include "tests/golden/iql_learner.hpp"
#include "tests/golden/maiql_learner.hpp"
#include "tests/golden/omar_learner.hpp"
#include "tests/golden/plugin_rows.hpp"

namespace labhost::golden {

namespace {

constexpr std::uint64_t kSeed = 5;

testing::TrainedPlugin::Setup setup_of(const std::string& plugin, std::int64_t updates,
                                       testing::Overrides more) {
  more.insert({{"hidden", "8"},
               {"batch_size", "6"},
               {"memory", "on"},
               {"memory_length", "3"},
               {"memory_width", "8"}});
  return {plugin, more, updates, kSeed};
}

/// A plugin and its composition, `Learner`, on the same data.
template <typename Learner>
class Pair {
 public:
  using Named = std::vector<std::pair<std::string, FlatModule*>>;

  Pair(Learner& learner, const testing::TrainedPlugin::Setup& setup, const Named& networks)
      : learner_(learner),
        data_(made_up_rows(learner.task)),
        histories_(learner.task, data_, 3),
        observe_(learner.task, torch::kCPU),
        sampler_(data_, 6, Streams(kSeed).get("batches")),
        plugin_(learner.task, data_, setup),
        named_(networks) {
    named_.emplace_back("perception/memory", learner.sight.memories().front().module);
    named_.emplace_back("perception/target", learner.sight.targets().front().module);
    replace_networks(plugin_, {named_.begin(), named_.end()});
  }

  /// Shows the learner the batch that the plugin draws next, and updates the plugin with it.
  std::map<std::string, double> next_update() {
    const Batch batch = sampler_.draw();
    learner_.batch = batch;
    learner_.sight.look_at(observe_(batch.state), histories_.before(batch.rows),
                           observe_(batch.next_state), histories_.after(batch.rows));
    return plugin_.update(1);
  }
  void check_parameters() {
    Archive expected;
    for (const auto& [name, network] : named_) network->save(expected, name);
    learner_.sight.optimiser()->save(expected, "perception/optimiser");
    const Archive saved = plugin_.saved();
    for (const auto& [name, tensor] : expected.tensors()) {
      check_close(saved.tensor(name).to(torch::kFloat64), tensor.to(torch::kFloat64), name);
    }
  }

 private:
  Learner& learner_;
  Transitions data_;
  Histories histories_;
  Observer observe_;
  Sampler sampler_;
  testing::TrainedPlugin plugin_;
  Named named_;
};

Pair<Td3Learner>::Named networks_of(Td3Learner& learner) {
  return {{"q", &learner.q},
          {"q_target", &learner.q_target},
          {"policy", &learner.policy},
          {"policy_target", &learner.policy_target}};
}

/// What the plugins of the TD3 family draw, in their order.
class Draws {
 public:
  Tensor target_noise() { return torch::randn({1, 6, 2}, noise_)[0]; }
  Td3Learner::CqlDraws cql() {
    const Tensor uniform = torch::rand({1, 6, 10, 2}, noise_) * 2 - 1;
    const Tensor now = torch::randn({1, 6, 10, 2}, noise_);
    return {uniform, now, torch::randn({1, 6, 10, 2}, noise_)};
  }
  /// [iterations, samples, B, A]
  Tensor search() {
    std::vector<Tensor> draws;
    for (int i = 0; i < 2; ++i) {
      draws.push_back(torch::randn({1, 6, 20, 2}, noise_)[0].transpose(0, 1));
    }
    return torch::stack(draws);
  }

 private:
  at::Generator noise_ = Streams(kSeed).get("noise");
};

/// Four updates, every second of which steps the policy too, with losses that draw as the plugin.
void check_td3_plugin(Td3Learner& learner, const testing::TrainedPlugin::Setup& setup,
                      const std::function<Tensor()>& critic_loss,
                      const std::function<Tensor()>& policy_loss) {
  Pair<Td3Learner> pair(learner, setup, networks_of(learner));
  for (int update = 1; update <= 4; ++update) {
    CAPTURE(update);
    const auto metrics = pair.next_update();
    check_close(learner.step_critics(critic_loss()).item<double>(), metrics.at("critic/loss"),
                "critic loss");
    if (update % 2 == 0) {
      check_close(learner.step_policy(policy_loss()).item<double>(), metrics.at("policy/loss"),
                  "policy loss");
      learner.move_targets();
    }
    pair.check_parameters();
  }
}

void check_iomar(const testing::Overrides& params, const OmarOptions& options) {
  const GoldenFile file("08b_omar_mem");
  Td3Learner learner(file, Td3Settings::released(file));
  Draws draws;
  testing::Overrides all = {{"gradient_clip", "0"}, {"importance", "density"}};
  all.insert(params.begin(), params.end());
  check_td3_plugin(
      learner, setup_of("iomar", 4, all),
      [&] {
        const Tensor td = learner.critic_loss(draws.target_noise());
        return td + learner.conservative_term(draws.cql(), 1);
      },
      [&] { return omar_loss(learner, draws.search(), options).total; });
}

}  // namespace

TEST_CASE("the maiql plugin with memories") {
  const DoublePrecision doubles;
  const GoldenFile file("04b_maiql_mem");
  MaiqlLearner learner(file);
  Pair<MaiqlLearner> pair(learner, setup_of("maiql", 3, {{"policy_schedule", "constant"}}),
                          {{"v", &learner.v},
                           {"q", &learner.q},
                           {"q_target", &learner.q_target},
                           {"mixer_v", &learner.mixer_v},
                           {"mixer_q", &learner.mixer_q},
                           {"mixer_q_target", &learner.mixer_q_target},
                           {"policy", &learner.policy}});
  for (int update = 0; update < 3; ++update) {
    const auto metrics = pair.next_update();
    const auto [v_loss, pi_loss, q_loss] = learner.update();
    check_close(v_loss.item<double>(), metrics.at("value/loss"), "V loss");
    check_close(pi_loss.item<double>(), metrics.at("policy/loss"), "policy loss");
    check_close(q_loss.item<double>(), metrics.at("critic/loss"), "Q loss");
    pair.check_parameters();
  }
}

TEST_CASE("the iql plugin with a memory") {
  const DoublePrecision doubles;
  const GoldenFile file("05b_iql_mem");
  IqlLearner learner(file);
  Pair<IqlLearner> pair(
      learner, setup_of("iql", 3, {{"gradient_clip", "0"}, {"policy_schedule", "constant"}}),
      {{"v", &learner.v},
       {"q", &learner.q},
       {"q_target", &learner.q_target},
       {"policy", &learner.policy}});
  for (int update = 0; update < 3; ++update) {
    const auto metrics = pair.next_update();
    const Tensor losses = learner.update();
    check_close(losses[0].item<double>(), metrics.at("value/loss"), "V loss");
    check_close(losses[1].item<double>(), metrics.at("policy/loss"), "policy loss");
    check_close(losses[2].item<double>(), metrics.at("critic/loss"), "Q loss");
    pair.check_parameters();
  }
}

// The plugin has no targets to move, as IqlLearner::clone() does.
TEST_CASE("the ibc plugin with a memory") {
  const DoublePrecision doubles;
  const GoldenFile file("05c_bc_mem");
  IqlLearner learner(file);
  Pair<IqlLearner> pair(learner, setup_of("ibc", 3, {{"gradient_clip", "0"}}),
                        {{"policy", &learner.policy}});
  for (int update = 0; update < 3; ++update) {
    const auto metrics = pair.next_update();
    const Tensor loss =
        minimise(learner.cloning_loss(), {&learner.policy_optimiser, learner.sight.optimiser()});
    check_close(loss.item<double>(), metrics.at("policy/loss"), "policy loss");
    pair.check_parameters();
  }
}

TEST_CASE("the itd3-bc plugin with a memory") {
  const DoublePrecision doubles;
  const GoldenFile file("06c_itd3bc_mem");
  Td3Learner learner(file, Td3Settings::released(file));
  Draws draws;
  check_td3_plugin(
      learner, setup_of("itd3-bc", 4, {{"gradient_clip", "0"}}),
      [&] { return learner.critic_loss(draws.target_noise()); },
      [&] {
        const Tensor h = learner.sight.now(), action = learner.policy.forward(h);
        const Tensor q = learner.q.first_fixed(h, action);
        return td3::value_objective(q, td3::value_scale(q, 2.5)) +
               td3::cloning_error(action, learner.action());
      });
}

TEST_CASE("the icql plugin with a memory, either way of importance sampling") {
  const DoublePrecision doubles;
  const GoldenFile file("07b_cql_mem");
  for (const bool log_density : {false, true}) {
    CAPTURE(log_density);
    Td3Learner learner(file, Td3Settings::released(file));
    Draws draws;
    check_td3_plugin(
        learner,
        setup_of("icql", 4,
                 {{"gradient_clip", "0"},
                  {"cql_coefficient", "5"},
                  {"cql_temperature", "0.7"},
                  {"importance", log_density ? "log-density" : "density"}}),
        [&] {
          const Tensor td = learner.critic_loss(draws.target_noise());
          return td + 5 * learner.conservative_term(draws.cql(), 0.7, fan_logsumexp, log_density);
        },
        [&] {
          const Tensor h = learner.sight.now();
          return -learner.q.first_fixed(h, learner.policy.forward(h)).mean(-1).sum();
        });
  }
}

TEST_CASE("the iomar plugin with a memory") {
  const DoublePrecision doubles;
  check_iomar({}, {1, 0, 2});
  check_iomar({{"coefficient", "0.7"}}, {0.7, 0, 2});
  check_iomar({{"coefficient", "0.7"}, {"alpha", "2.5"}}, {0.7, 2.5, 2});
}

}  // namespace labhost::golden
