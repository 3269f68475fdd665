// The Reacher as a task: who sees what, what is paid, how it starts.
#include <cmath>

#include "tests/envs/support.hpp"

namespace labhost::testing {

namespace {

using Indices = std::vector<std::int64_t>;

Indices all_indices() { return {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}; }

/// A state with these angles, target and joint speeds; the difference is left 0.
Tensor state_of(double th1, double th2, double x, double y, double speed1 = 0, double speed2 = 0) {
  return torch::tensor({{std::cos(th1), std::cos(th2), std::sin(th1), std::sin(th2), x, y, speed1,
                         speed2, 0.0, 0.0, 0.0}})
      .to(torch::get_default_dtype());
}

}  // namespace

TEST_CASE("reacher: three observation functions") {
  const TaskSpec all = make_environment("reacher")->task();
  CHECK(all.agent_count() == 2);
  CHECK(all.state_width == 11);
  CHECK(all.horizon == 50);
  CHECK(all.agents[0].observes == all_indices());
  CHECK(all.agents[1].observes == all_indices());
  CHECK(all.score(-11.144625) == doctest::Approx(0));
  CHECK(all.score(-4.2370844) == doctest::Approx(1));

  const TaskSpec apart = make_environment("reacher", 1, {{"observation", "independent"}})->task();
  CHECK(apart.agents[0].observes == Indices{0, 2, 6, 4, 5});
  CHECK(apart.agents[1].observes == Indices{1, 3, 7, 4, 5});

  const TaskSpec leader = make_environment("reacher", 1, {{"observation", "leader"}})->task();
  CHECK(leader.agents[0].observes == Indices{0, 1, 2, 3, 6, 7, 4, 5});
  CHECK(leader.agents[1].observes == Indices{0, 1, 2, 3, 6, 7});

  CHECK(make_environment("reacher", 1, {{"agents", "1"}})->task().joint_width() == 2);
  CHECK_THROWS_WITH_AS(make_environment("reacher", 1, {{"agents", "1"}, {"observation", "leader"}}),
                       doctest::Contains("one agent sees the state"), InputError);
}

TEST_CASE("reacher: a state tells where fingertip and target are") {
  const auto reacher = make_environment("reacher");
  // Straight along x: the fingertip is at (0.21, 0).
  reacher->set_state(copies(1), state_of(0, 0, 0.05, 0.02));
  const StepResult step = reacher->step(copies(1), torch::zeros({1, 2}));
  check_near(step.next_state[0].narrow(0, 8, 3), torch::tensor({0.16, -0.02, 0.0}), 1e-6);
  check_near(step.next_state[0].narrow(0, 4, 2), torch::tensor({0.05, 0.02}), 1e-7);
  CHECK(step.reward[0].item<double>() == doctest::Approx(-std::hypot(0.16, 0.02)).epsilon(1e-6));
}

TEST_CASE("reacher: the distance paid for is that of the state the action was chosen in") {
  const auto reacher = make_environment("reacher");
  at::Generator generator = Streams(3).get("actions");
  Tensor state = reacher->reset(copies(1));
  for (int t = 0; t < 20; ++t) {
    const Tensor action = uniform_actions(*reacher, 1, generator);
    const StepResult step = reacher->step(copies(1), action);
    const double distance = state[0].narrow(0, 8, 3).norm().item<double>();
    const double effort = action.square().sum().item<double>();
    CHECK(step.reward[0].item<double>() == doctest::Approx(-distance - effort).epsilon(1e-5));
    state = step.next_state;
  }
}

TEST_CASE("reacher: actions are clipped, and each agent has its joint") {
  const auto reacher = make_environment("reacher", 3);
  reacher->set_state(copies(3), state_of(0.3, -0.4, 0.1, 0.1).repeat({3, 1}));
  const StepResult step =
      reacher->step(copies(3), torch::tensor({{1.0F, 0.0F}, {9.0F, 0.0F}, {0.0F, -1.0F}}));
  CHECK(torch::equal(step.next_state[0], step.next_state[1]));
  CHECK(step.next_state[0][6].item<double>() > 0.5);
  CHECK(step.next_state[2][7].item<double>() < -0.5);
  CHECK_FALSE(step.terminal.any().item<bool>());
}

TEST_CASE("reacher: a placed state moves like the original") {
  const auto reacher = make_environment("reacher", 16);
  at::Generator generator = Streams(4).get("actions");
  Tensor state = reacher->reset(copies(16));
  for (int t = 0; t < 15; ++t) {
    state = reacher->step(copies(16), uniform_actions(*reacher, 16, generator)).next_state;
  }
  const auto twin = make_environment("reacher", 16);
  twin->set_state(copies(16), state);
  const Tensor action = uniform_actions(*reacher, 16, generator);
  const StepResult original = reacher->step(copies(16), action);
  const StepResult placed = twin->step(copies(16), action);
  check_near(original.next_state, placed.next_state, 1e-4);
  // A placed arm stands where its angles say; MuJoCo's last stage lags a moving one a little.
  check_near(original.reward, placed.reward, 5e-3);
}

TEST_CASE("reacher: targets fill the disc, joints start near rest, episodes last fifty steps") {
  const auto reacher = make_environment("reacher", 2000);
  const Tensor start = reacher->reset(copies(2000));
  const Tensor radius = start.narrow(1, 4, 2).norm(2, 1);
  CHECK(radius.max().item<double>() < 0.2);
  // Uniform in a disc: the mean radius is two thirds of the disc's.
  CHECK(radius.mean().item<double>() == doctest::Approx(0.2 * 2 / 3).epsilon(0.03));
  CHECK(torch::atan2(start.select(1, 2), start.select(1, 0)).abs().max().item<double>() <= 0.1001);
  CHECK(start.narrow(1, 6, 2).abs().max().item<double>() <= 0.005);
  std::int64_t steps = 0;
  for (bool ended = false; !ended; ++steps) {
    const StepResult step = reacher->step(copies(2000), torch::zeros({2000, 2}));
    CHECK_FALSE(step.terminal.any().item<bool>());
    ended = step.timeout.all().item<bool>();
    CHECK(ended == step.timeout.any().item<bool>());
  }
  CHECK(steps == 50);
}

TEST_CASE("reacher: the zero action returns about what was measured for gym's") {
  const auto reacher = make_environment("reacher", 1000);
  reacher->reset(copies(1000));
  Tensor returns = torch::zeros({1000});
  for (int t = 0; t < 50; ++t) {
    returns += reacher->step(copies(1000), torch::zeros({1000, 2})).reward;
  }
  CHECK(returns.mean().item<double>() == doctest::Approx(-11.7).epsilon(0.03));
}

TEST_CASE("reacher: the elbow's angle is a measure") {
  const auto reacher = make_environment("reacher");
  const auto measures =
      reacher->measure(torch::cat({state_of(0.5, 1.25, 0, 0), state_of(0.5, -2.5, 0, 0)}));
  REQUIRE(measures.size() == 1);
  CHECK(measures[0].first == "elbow");
  check_near(measures[0].second, torch::tensor({1.25, -2.5}), 1e-6);
}

}  // namespace labhost::testing
