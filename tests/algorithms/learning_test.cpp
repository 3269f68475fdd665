// Algorithms solve a small task in seconds: the coordination game, through the built plugins.
#include <doctest/doctest.h>

#include "core/runner/worker/evaluation.hpp"
#include "tests/algorithms/trained_plugin.hpp"

namespace labhost {

namespace {

using testing::built_plugin;
using testing::Overrides;
using testing::params_of;
using testing::TrainedPlugin;

constexpr std::int64_t kEpisodes = 50;

/// The game, and data of it from policies that go right with the given probabilities.
class Game {
 public:
  Game(const std::string& p_right_1, const std::string& p_right_2) {
    environment_ = simulator(kEpisodes);
    const LoadedPlugin dataset = built_plugin("coordination");
    const Params data_params = params_of(dataset, {{"behaviour", "custom"},
                                                   {"p_right_1", p_right_1},
                                                   {"p_right_2", p_right_2},
                                                   {"size", "5000"}});
    data_ = dataset.make(DatasetContext{environment_->task(), data_params, logger_})->load();
  }

  const TaskSpec& task() const { return environment_->task(); }
  const Transitions& data() const { return data_; }
  std::unique_ptr<Environment> simulator(std::int64_t copies) {
    const LoadedPlugin game = built_plugin("coordination-game");
    const Params params = params_of(game);
    return game.make(EnvironmentContext{params, copies, 1, 1, logger_});
  }
  /// For algorithms that interact.
  auto simulators() {
    return [this](std::int64_t copies) { return simulator(copies); };
  }
  double score(TrainedPlugin& plugin) {
    const auto policy = plugin->policy(/*greedy=*/true, Streams(1).get("evaluation"));
    return task().score(evaluate(*environment_, *policy, kEpisodes).mean_return());
  }
  /// Joint actions [count, 2] that the policy samples.
  Tensor sampled_actions(TrainedPlugin& plugin, std::int64_t count) {
    const auto policy = plugin->policy(/*greedy=*/false, Streams(2).get("evaluation"));
    const Tensor index = torch::arange(count);
    policy->begin(index);
    return policy->act(index, torch::ones({count, 1}));
  }

 private:
  testing::SilentLogger logger_;
  std::unique_ptr<Environment> environment_;
  Transitions data_;
};

}  // namespace

TEST_CASE("ibc imitates a skewed behaviour") {
  Game game("0.9", "0.2");
  TrainedPlugin ibc(game.task(), game.data(), {"ibc", {}, 200});
  ibc.update(200);
  const Tensor share = game.sampled_actions(ibc, 4000).mean(0);  // of choice 1, right
  CHECK(std::abs(share[0].item<double>() - 0.9) < 0.05);
  CHECK(std::abs(share[1].item<double>() - 0.2) < 0.05);
  CHECK(game.score(ibc) == 0);  // the likeliest choices are right and left
}

TEST_CASE("iql and maiql coordinate where the behaviour often does") {
  Game game("0.75", "0.75");
  for (const std::string name : {"iql", "maiql"}) {
    CAPTURE(name);
    TrainedPlugin plugin(game.task(), game.data(), {name, {{"learning_rate", "1e-3"}}, 300});
    plugin.update(300);
    CHECK(game.score(plugin) == 1);
  }
}

TEST_CASE("iql coordinates where the behaviour mostly does not") {
  Game game("0.25", "0.75");
  TrainedPlugin plugin(game.task(), game.data(), {"iql", {{"learning_rate", "1e-3"}}, 500});
  plugin.update(500);
  CHECK(game.score(plugin) == 1);
}

TEST_CASE("moma-ppo coordinates from data of any behaviour, in its world model") {
  const Overrides small_model = {{"hidden", "32"},
                                 {"layers", "2"},
                                 {"terminal_layers", "1"},
                                 {"learning_rate", "1e-3"},
                                 {"validation_every", "100"}};
  const Overrides settings = {{"k", "1"},
                              {"lambda_g", "0"},
                              {"lambda_r", "0"},
                              {"l_eps", "inf"},
                              {"hidden", "64"},
                              {"clip_to_dataset", "false"},
                              {"learning_rate", "3e-4"}};
  for (const auto& [first, second] : {std::pair("0.5", "0.5"), std::pair("0.25", "0.75")}) {
    CAPTURE(first);
    Game game(first, second);
    TrainedPlugin world_model(game.task(), game.data(),
                              {"world-model", small_model, 400, 1, {}, game.simulators()});
    const auto errors = world_model.update(400);
    CHECK(errors.at("validation/error_kept") < 0.1);
    CHECK(errors.at("open_loop/error_10") < 0.1);
    TrainedPlugin moma_ppo(game.task(), game.data(),
                           {"moma-ppo", settings, 10, 1, {{"world-model", world_model.saved()}}});
    const auto metrics = moma_ppo.update(10);
    CHECK(game.score(moma_ppo) == 1);
    CHECK(metrics.at("rollout/generated") == 20'000);
    CHECK(metrics.at("rollout/length") == 1);
  }
}

TEST_CASE("moma-ppo refuses a world model of another task") {
  Game game("0.5", "0.5");
  TrainedPlugin world_model(game.task(), game.data(),
                            {"world-model", {{"layers", "1"}, {"open_loop_steps", "0"}}, 1});
  TaskSpec other = game.task();
  other.state_width = 2;
  const std::string refusal = [&] {
    try {
      TrainedPlugin(other, game.data(),
                    {"moma-ppo", {}, 1, 1, {{"world-model", world_model.saved()}}});
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  }();
  CHECK(refusal.find("the world model was trained on another task") != std::string::npos);
}

}  // namespace labhost
