// How far an ensemble can be trusted: ranks, windows, the truth, open-loop errors, and what the
// world-model plugin reports of them.
#include "plugins/algorithms/world-model/checks.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "core/plugins/contract_tasks.hpp"
#include "tests/algorithms/made_up_simulator.hpp"
#include "tests/algorithms/trained_plugin.hpp"
#include "tests/nn/reference.hpp"

namespace labhost {

namespace {

using doctest::Approx;
using testing::generator;
using testing::largest_difference;
using testing::MadeUpSimulator;
using testing::Overrides;
using testing::TrainedPlugin;

Tensor rows(const std::vector<std::int64_t>& list) { return torch::tensor(list, torch::kLong); }

}  // namespace

TEST_CASE("ranks of ties are shared, and rank correlations are Spearman's") {
  const Tensor tied = torch::tensor({20.0, 10.0, 30.0, 20.0, 20.0});
  CHECK(torch::equal(world_model::ranks(tied),
                     torch::tensor({3.0, 1.0, 5.0, 3.0, 3.0}, torch::kFloat64)));
  // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
  CHECK(world_model::rank_correlation(torch::tensor({1.0, 2.0, 2.0, 3.0}),
                                      torch::tensor({-1.0, 0.0, 5.0, 6.0})) ==
        Approx(std::sqrt(0.9)));
  const Tensor x = torch::rand({50}, generator());
  CHECK(world_model::rank_correlation(x, x.pow(7)) == Approx(1));
  CHECK(world_model::rank_correlation(x, -x.exp()) == Approx(-1));
  CHECK(world_model::rank_correlation(x, torch::ones({50})) == 0);
  CHECK(world_model::rank_correlation(torch::ones({50}), x) == 0);
}

TEST_CASE("windows never cross an episode's end, and keep the order of what is allowed") {
  Transitions data;
  data.reward = torch::zeros({10});
  data.terminal = torch::zeros({10}, torch::kBool);
  data.timeout = torch::zeros({10}, torch::kBool);
  data.terminal[2] = true;  // episodes: rows 0 to 2, 3 to 7, and 8 to 9 without an end
  data.timeout[7] = true;
  const auto starts = [&data](const std::vector<std::int64_t>& allowed, std::int64_t steps) {
    return world_model::window_starts(data, rows(allowed), steps);
  };
  const std::vector<std::int64_t> all = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
  CHECK(torch::equal(starts(all, 1), rows(all)));
  CHECK(torch::equal(starts(all, 2), rows({8, 6, 5, 4, 3, 1, 0})));
  CHECK(torch::equal(starts(all, 3), rows({5, 4, 3, 0})));
  CHECK(torch::equal(starts(all, 5), rows({3})));
  CHECK(starts(all, 6).size(0) == 0);
  CHECK(starts(all, 11).size(0) == 0);
  CHECK(torch::equal(starts({0, 9, 4, 6}, 3), rows({0, 4})));
}

namespace {

/// One agent on two numbers; episodes of six rows that are not the simulator's own.
struct Recorded {
  Recorded() {
    task.name = "recorded";
    task.state_width = 2;
    task.horizon = 5;
    task.agents = {{"only", {0, 1}, {/*discrete=*/false, 2}}};
    const at::Generator random = generator(3);
    data.state = 0.8 * (2 * torch::rand({60, 2}, random) - 1);
    data.action = 2 * torch::rand({60, 2}, random) - 0.8;
    data.reward = torch::zeros({60});
    data.terminal = torch::zeros({60}, torch::kBool);
    data.timeout = torch::arange(1, 61).remainder(6).eq(0);
  }
  TaskSpec task;
  Transitions data;
};

}  // namespace

TEST_CASE("the truth is the simulator's, stepped by hand with the dataset's actions") {
  const Recorded recorded;
  const Transitions& data = recorded.data;
  const Tensor starts = rows({0, 12, 18, 25, 31, 42});
  MadeUpSimulator simulator(recorded.task, 6);
  const auto truth = world_model::play(simulator, data, starts, 5);
  REQUIRE(truth.state.sizes() == torch::IntArrayRef({6, 6, 2}));
  REQUIRE(truth.action.sizes() == torch::IntArrayRef({5, 6, 2}));
  std::int64_t ended = 0, steps = 0;
  for (std::int64_t r = 0; r < 6; ++r) {
    const auto row = starts[r].item<std::int64_t>();
    Tensor state = data.state.narrow(0, row, 1);
    CHECK(torch::equal(truth.state[0][r], state[0]));
    bool going = true;
    for (std::int64_t t = 0; t < 5; ++t) {
      const Tensor action = data.action.narrow(0, row + t, 1);
      CHECK(torch::equal(truth.action[t][r], action[0]));
      CHECK(truth.valid[t][r].item<bool>() == going);
      if (going) {
        state = MadeUpSimulator::next_state_of(state, action);
        ++steps;
      }
      CHECK(largest_difference(truth.state[t + 1][r], state[0]) < 1e-6);  // it stays where it ended
      going = going && !MadeUpSimulator::terminal_of(state).item<bool>();
    }
    ended += going ? 0 : 1;
  }
  REQUIRE(ended > 0);
  REQUIRE(ended < 6);
  CHECK(simulator.steps() == steps);
}

TEST_CASE("the simulator's horizon ends what is valid of the truth") {
  Recorded recorded;
  recorded.task.horizon = 2;
  recorded.data.action.zero_();  // no terminals
  MadeUpSimulator simulator(recorded.task, 2);
  const auto truth = world_model::play(simulator, recorded.data, rows({0, 12}), 4);
  CHECK(truth.valid.narrow(0, 0, 2).all().item<bool>());
  CHECK_FALSE(truth.valid.narrow(0, 2, 2).any().item<bool>());
  CHECK(torch::equal(truth.state[4], truth.state[2]));
}

namespace {

/// Members that all say: every step moves the state by `step` [S].
WorldModel moving_by(const Tensor& step) {
  const std::int64_t width = step.size(0);
  WorldModel model({width, 1, 3, 4, 1, 1, /*difference=*/true}, torch::kCPU, generator());
  const torch::NoGradGuard no_grad;
  for (FlatModule* module : model.modules()) module->flat().zero_();
  const auto ones = [](std::int64_t count) { return torch::ones({count}); };
  model.set_scaling({torch::zeros({width + 1}), ones(width + 1)}, {step, ones(width)},
                    {torch::zeros({1}), ones(1)});
  return model;
}

TaskSpec moving_task() {
  TaskSpec task;
  task.name = "moving";
  task.state_width = 2;
  task.horizon = 10;
  task.agents = {{"only", {0, 1}, {/*discrete=*/false, 1}}};
  return task;
}

/// Two rollouts that move by (0.3, 0.4) in each of three steps; the second ends with its first.
world_model::TrueRollouts moving_truth() {
  std::vector<Tensor> states = {torch::tensor({{1.0F, 2.0F}, {-3.0F, 5.0F}})};
  for (int t = 0; t < 3; ++t) states.push_back(states.back() + torch::tensor({0.3F, 0.4F}));
  return {torch::stack(states), torch::zeros({3, 2, 1}),
          torch::tensor({{true, true}, {true, false}, {true, false}})};
}

}  // namespace

TEST_CASE("a model that is the truth has no open-loop error") {
  const auto drift = world_model::open_loop_error(moving_by(torch::tensor({0.3F, 0.4F})),
                                                  moving_task(), moving_truth(), generator());
  CHECK(drift.error.max().item<double>() < 1e-6);
  CHECK(largest_difference(drift.change, torch::tensor({0.5F, 1.0F, 1.5F})) < 1e-6);
}

TEST_CASE("open-loop errors grow from step to step, and count what is valid alone") {
  auto truth = moving_truth();
  truth.state.narrow(0, 2, 2).select(1, 1).fill_(1000);  // not valid: must not be seen
  const WorldModel model = moving_by(torch::tensor({0.3F, 0.6F}));
  const auto drift = world_model::open_loop_error(model, moving_task(), truth, generator());
  CHECK(largest_difference(drift.error, torch::tensor({0.2F, 0.4F, 0.6F})) < 1e-6);
  CHECK(largest_difference(drift.change, torch::tensor({0.5F, 1.0F, 1.5F})) < 1e-6);
  truth.valid.narrow(0, 1, 2).fill_(false);  // nothing is left
  const auto none = world_model::open_loop_error(model, moving_task(), truth, generator());
  CHECK(none.error[2].item<double>() == 0);
}

namespace {

/// A small ensemble on the partially observed synthetic task.
struct Trained {
  explicit Trained(const Overrides& more, std::int64_t count = 30)
      : synthetic(synthetic_tasks().at(1)), updates(count) {
    params = {{"hidden", "16"},
              {"layers", "1"},
              {"terminal_layers", "1"},
              {"members", "3"},
              {"kept", "2"},
              {"batch_size", "32"},
              {"learning_rate", "1e-3"},
              {"validation_share", "0.2"},
              {"open_loop_steps", "5"},
              {"open_loop_rollouts", "20"}};
    for (const auto& [name, value] : more) params[name] = value;
    // A component that never changes.
    synthetic.data.state.select(1, 4).fill_(0.5);
    synthetic.data.next_state.select(1, 4).fill_(0.5);
  }
  TrainedPlugin plugin() const {
    return {synthetic.task,
            synthetic.data,
            {"world-model", params, updates, 1, {}, [s = synthetic](std::int64_t copies) {
               return s.environment(copies);
             }}};
  }
  /// Training rows come after the 120 that are held out.
  static Tensor order() {
    return torch::randperm(600, Streams(1).get("validation split"), torch::kLong);
  }

  SyntheticTask synthetic;
  Overrides params;
  std::int64_t updates;
};

}  // namespace

TEST_CASE("the world-model plugin reports ranks and open-loop errors of its kept members") {
  const Trained trained({});
  TrainedPlugin plugin = trained.plugin();
  const auto metrics = plugin.update(trained.updates);
  const SyntheticTask& synthetic = trained.synthetic;
  const Tensor held_out = Trained::order().narrow(0, 0, 120);
  const auto of_held_out = [&](const Tensor& x) { return x.index_select(0, held_out); };

  const WorldModel model = WorldModel::restore(plugin.saved(), torch::kCPU);
  at::Generator draws = Streams(1).get("checks");
  WorldModelOptions raw;
  raw.uncertainty_clip = std::numeric_limits<double>::infinity();
  const auto step = model.step(of_held_out(synthetic.data.state),
                               of_held_out(synthetic.data.action), false, raw, draws);
  const Tensor state_error =
      (step.next_state - of_held_out(synthetic.data.next_state)).norm(2, {-1});
  const Tensor reward_error = (step.reward - of_held_out(synthetic.data.reward)).abs();
  const Tensor error = torch::hypot(state_error, reward_error);
  const auto correlates = [&](const std::string& name, const Tensor& a, const Tensor& b) {
    CHECK_MESSAGE(metrics.at("calibration/" + name) ==
                      Approx(world_model::rank_correlation(a, b)).epsilon(1e-3),
                  name);
  };
  correlates("eps_g", step.eps_g, error);
  correlates("eps_r", step.eps_r, reward_error);
  correlates("aleatoric", step.aleatoric, error);
  CHECK(metrics.at("validation/eps_g") == Approx(step.eps_g.mean().item<double>()));

  const Tensor starts = world_model::window_starts(synthetic.data, held_out, 5).narrow(0, 0, 20);
  const auto truth =
      world_model::play(*synthetic.environment(20), synthetic.data, starts, /*steps=*/5);
  const auto drift = world_model::open_loop_error(model, synthetic.task, truth, draws);
  for (const std::int64_t k : {1, 2, 5}) {
    const std::string name = std::to_string(k);
    CHECK(metrics.at("open_loop/error_" + name) == Approx(drift.error[k - 1].item<double>()));
    CHECK(metrics.at("open_loop/change_" + name) == Approx(drift.change[k - 1].item<double>()));
  }
  CHECK(metrics.count("open_loop/error_10") == 0);
}

TEST_CASE("open-loop errors are left out where they are not wanted or no episode is long enough") {
  for (const char* steps : {"0", "20"}) {  // 20 is the horizon; episodes end at terminals before
    CAPTURE(steps);
    Trained trained({{"open_loop_steps", steps}}, 1);
    trained.synthetic.data.terminal = torch::arange(1, 601).remainder(19).eq(0);
    const auto metrics = trained.plugin().update(1);
    CHECK(metrics.count("open_loop/error_1") == 0);
    CHECK(metrics.count("calibration/eps_g") == 1);
  }
}

TEST_CASE("standard units are those of the training rows, and what never changes has its shift") {
  const Trained trained({{"standardise", "true"}, {"predicts", "difference"}}, 1);
  const Archive saved = trained.plugin().saved();
  const Transitions& data = trained.synthetic.data;
  const Tensor training = Trained::order().narrow(0, 120, 480);
  const auto check = [&saved](const std::string& name, const Tensor& x) {
    CHECK(largest_difference(saved.tensor("scaling/" + name + "_shift"), x.mean(0)) < 1e-5);
    CHECK(largest_difference(saved.tensor("scaling/" + name + "_scale"), x.std(0).clamp_min(1e-6)) <
          1e-5);
  };
  const auto of = [&training](const Tensor& x) { return x.index_select(0, training); };
  check("input", torch::cat({of(data.state), of(data.action)}, 1));
  check("state", of(data.next_state) - of(data.state));
  check("reward", of(data.reward).unsqueeze(1));
  CHECK(saved.tensor("scaling/state_shift")[4].item<double>() == 0);
  CHECK(saved.tensor("scaling/state_scale")[4].item<float>() == 1e-6F);
  // The box is the data's own.
  CHECK(torch::equal(saved.tensor("box/reward_high"), data.reward.max()));

  const Archive plain = Trained({}, 1).plugin().saved();
  CHECK(plain.tensor("scaling/input_scale").eq(1).all().item<bool>());
  CHECK(plain.tensor("scaling/state_shift").eq(0).all().item<bool>());
}

TEST_CASE("in standard units other units of the states change those of the errors alone") {
  const auto error = [](double unit, double origin) {
    Trained trained({{"standardise", "true"}, {"predicts", "difference"}, {"kept", "3"}}, 60);
    for (Tensor* states : {&trained.synthetic.data.state, &trained.synthetic.data.next_state}) {
      *states = unit * *states + origin;
    }
    return trained.plugin().update(60).at("validation/state_error");
  };
  const double usual = error(1, 0);
  CHECK(error(1000, 0) == Approx(1000 * usual).epsilon(0.01));
  CHECK(error(0.01, 5) == Approx(0.01 * usual).epsilon(0.01));
}

}  // namespace labhost
