// The Ant as a task: who sees and moves what, what is paid, how episodes end.
#include <filesystem>
#include <limits>

#include "tests/base/scratch_folder.hpp"
#include "tests/envs/support.hpp"

namespace labhost::testing {

namespace {

using Indices = std::vector<std::int64_t>;

/// Leg 1, 2, 3, 4 of each agent: an agent is named by the leg that it moves.
const std::vector<std::string> kNames = {"back right", "front left", "front right", "back left"};

Tensor standing() {
  Tensor state = torch::zeros({1, 27});
  state[0][0] = 0.75;
  state[0][1] = 1;  // no rotation
  return state;
}

}  // namespace

TEST_CASE("ant: four agents see everything, or their own limb and the first one the torso") {
  const TaskSpec full = make_environment("ant")->task();
  CHECK(full.agent_count() == 4);
  CHECK(full.state_width == 27);
  CHECK(full.joint_width() == 8);
  CHECK(full.horizon == 1000);
  CHECK(full.fully_observed());
  CHECK(full.score(-325.6) == doctest::Approx(0));
  CHECK(full.score(3879.7) == doctest::Approx(1));

  const TaskSpec limb = make_environment("ant", 1, {{"observation", "limb"}})->task();
  // hip and ankle, then their velocities
  const std::vector<Indices> seen = {{11, 12, 25, 26},
                                     {5, 6, 19, 20, 0, 1, 2, 3, 4, 13, 14, 15, 16, 17, 18},
                                     {7, 8, 21, 22},
                                     {9, 10, 23, 24}};
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    CHECK(limb.agents[i].name == kNames[i]);
    CHECK(limb.agents[i].observes == seen[i]);
    CHECK(limb.agents[i].action.size == 2);
  }
  CHECK_FALSE(limb.fully_observed());
  CHECK(limb.observation_width() == 15);
}

TEST_CASE("ant: the released code's pairing shows an agent the neighbouring limb") {
  const TaskSpec task =
      make_environment("ant", 1, {{"observation", "limb"}, {"pairing", "released-code"}})->task();
  CHECK(task.agents[0].observes.size() == 15);  // sees leg 1 and the torso, moves leg 4
  CHECK(task.agents[1].observes == Indices{7, 8, 21, 22});
  CHECK(task.agents[3].observes == Indices{11, 12, 25, 26});
}

TEST_CASE("ant: one agent for all sees the state; halves are refused") {
  const TaskSpec single = make_environment("ant", 1, {{"agents", "1"}})->task();
  CHECK(single.agent_count() == 1);
  CHECK(single.joint_width() == 8);
  CHECK(single.fully_observed());
  CHECK_THROWS_WITH_AS(make_environment("ant", 1, {{"agents", "2"}}),
                       doctest::Contains("agents must be 1 or 4, found 2"), InputError);
  CHECK_THROWS_WITH_AS(make_environment("ant", 1, {{"agents", "1"}, {"observation", "limb"}}),
                       doctest::Contains("one agent sees the state"), InputError);
}

TEST_CASE("ant: an agent moves the joints that it is named for") {
  // Each motor pushes its own joint most, before the body follows.
  const std::vector<std::int64_t> velocity = {25, 26, 19, 20, 21, 22, 23, 24};
  for (std::int64_t motor = 0; motor < 8; ++motor) {
    CAPTURE(motor);
    const auto ant = make_environment("ant", 2);
    // Off the floor and off the joints' limits: nothing else pushes.
    Tensor state = standing();
    for (const auto& [ankle, angle] : {std::pair(6, 1.0), {8, -1.0}, {10, -1.0}, {12, 1.0}}) {
      state[0][ankle] = angle;
    }
    ant->set_state(copies(2), state.repeat({2, 1}));
    Tensor action = torch::zeros({2, 8});
    action[0][motor] = 0.1;
    const Tensor next = ant->step(copies(2), action).next_state;
    const Tensor joints = (next[0] - next[1]).narrow(0, 19, 8).abs();
    CHECK(joints.argmax().item<std::int64_t>() + 19 == velocity[static_cast<std::size_t>(motor)]);
  }
}

TEST_CASE("ant: a placed state is the state, and its copy moves like the original") {
  const auto ant = make_environment("ant", 8);
  at::Generator generator = Streams(3).get("actions");
  Tensor state = ant->reset(copies(8));
  for (int t = 0; t < 10; ++t) {
    state = ant->step(copies(8), uniform_actions(*ant, 8, generator)).next_state;
  }
  const auto twin = make_environment("ant", 8);
  twin->set_state(copies(8), state);
  const Tensor action = uniform_actions(*ant, 8, generator);
  const StepResult original = ant->step(copies(8), action), placed = twin->step(copies(8), action);
  check_near(original.next_state, placed.next_state, 2e-4);
  check_near(original.reward, placed.reward, 0.05);  // MuJoCo's last-stage positions
}

TEST_CASE("ant: reward is forward velocity, less half the squared torques, plus one") {
  const auto ant = make_environment("ant", 2);
  Tensor state = standing().repeat({2, 1});
  state[0][13] = 2.0;  // metres a second along x, in free flight
  ant->set_state(copies(2), state);
  const StepResult still = ant->step(copies(2), torch::zeros({2, 8}));
  CHECK(still.reward[0].item<double>() == doctest::Approx(2 + 1).epsilon(0.1));
  CHECK(still.reward[1].item<double>() == doctest::Approx(1).epsilon(0.02));
  ant->set_state(copies(2), state);
  Tensor action = torch::zeros({2, 8});
  action[0][0] = 1;
  action[1][0] = 7;  // clipped to 1
  Tensor both = torch::cat({standing(), standing()});
  ant->set_state(copies(2), both);
  const StepResult pushed = ant->step(copies(2), action);
  CHECK(torch::equal(pushed.next_state[0], pushed.next_state[1]));
  CHECK(pushed.reward[0].item<double>() == pushed.reward[1].item<double>());
  CHECK(pushed.reward[0].item<double>() < 1);
}

TEST_CASE("ant: an episode ends when the torso is too high, or at the horizon") {
  const auto ant = make_environment("ant", 2, {{"horizon", "4"}});
  Tensor state = standing().repeat({2, 1});
  state[0][0] = 3.0;
  ant->set_state(copies(2), state);
  const StepResult first = ant->step(copies(2), torch::zeros({2, 8}));
  CHECK(first.terminal[0].item<bool>());
  CHECK_FALSE(first.terminal[1].item<bool>());
  CHECK_THROWS_WITH_AS(ant->step(copies(2), torch::zeros({2, 8})),
                       doctest::Contains("stepped after its episode had ended"), std::logic_error);
  const Tensor third = torch::tensor({2}, torch::kLong);
  const auto fresh = make_environment("ant", 3, {{"horizon", "4"}});
  fresh->set_state(copies(3), standing().repeat({3, 1}));
  for (int t = 1; t <= 4; ++t) {
    const StepResult step = fresh->step(third, torch::zeros({1, 8}));
    CHECK(step.timeout.item<bool>() == (t == 4));
  }
  CHECK_THROWS_AS(fresh->step(third, torch::zeros({1, 8})), std::logic_error);
}

TEST_CASE("ant: resets are noisy, differ by copy and episode, and follow the seed") {
  const auto a = make_environment("ant", 2), b = make_environment("ant", 2);
  const auto other = make_environment("ant", 2, {}, 1, 6);
  const Tensor first = a->reset(copies(2)), second = a->reset(copies(2));
  CHECK(torch::equal(first, b->reset(copies(2))));
  CHECK_FALSE(torch::equal(first, second));
  CHECK_FALSE(torch::equal(first[0], first[1]));
  CHECK_FALSE(torch::equal(first, other->reset(copies(2))));
  // A copy's episodes do not depend on what the other copies do.
  b->reset(torch::tensor({0}, torch::kLong));
  CHECK(torch::equal(b->reset(torch::tensor({1}, torch::kLong))[0], second[1]));
  const auto many = make_environment("ant", 500);
  const Tensor starts = many->reset(copies(500));
  const Tensor heights = starts.select(1, 0) - 0.75;
  CHECK(heights.abs().max().item<double>() <= 0.1);
  CHECK(heights.abs().max().item<double>() > 0.09);
  CHECK(starts.narrow(1, 13, 14).std().item<double>() == doctest::Approx(0.1).epsilon(0.05));
  CHECK(starts.narrow(1, 1, 4).norm(2, 1).sub(1).abs().max().item<double>() < 1e-5);
}

TEST_CASE("ant: a simulator that gives up ends its episode, is counted, and leaves no trace") {
  const ScratchFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const auto ant = make_environment("ant", 2);
  Tensor state = standing().repeat({2, 1});
  state[0][20] = 1e12;  // beyond what MuJoCo accepts as a velocity
  ant->set_state(copies(2), state);
  const StepResult step = ant->step(copies(2), torch::zeros({2, 8}));
  CHECK(step.terminal[0].item<bool>());
  CHECK_FALSE(step.terminal[1].item<bool>());
  CHECK(step.reward[0].item<double>() == 0);
  CHECK(torch::isfinite(step.next_state).all().item<bool>());
  CHECK(ant->faults() == 1);
  CHECK(std::filesystem::is_empty(folder.path()));
  std::filesystem::current_path(before);
  // The thread's simulator is clean again: the other copy moves as if nothing had been.
  const auto twin = make_environment("ant", 1);
  twin->set_state(copies(1), standing());
  CHECK(
      torch::equal(twin->step(copies(1), torch::zeros({1, 8})).next_state[0], step.next_state[1]));
}

TEST_CASE("ant: what is not finite or has another shape is refused") {
  const auto ant = make_environment("ant", 2);
  ant->reset(copies(2));
  Tensor action = torch::zeros({2, 8});
  action[1][3] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(ant->step(copies(2), action),
                       doctest::Contains("the action of copy 1 is not finite"), std::runtime_error);
  CHECK_THROWS_AS(ant->step(copies(2), torch::zeros({2, 7})), std::logic_error);
  CHECK_THROWS_AS(ant->step(torch::tensor({2}, torch::kLong), torch::zeros({1, 8})),
                  std::logic_error);
  Tensor state = standing();
  state[0][4] = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(ant->set_state(torch::tensor({0}, torch::kLong), state),
                       doctest::Contains("is not finite"), std::runtime_error);
}

}  // namespace labhost::testing
