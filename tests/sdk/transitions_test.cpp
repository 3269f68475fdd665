#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/sdk/types.hpp"
#include "tests/base/scratch_folder.hpp"

namespace labhost {

namespace {

using testing::input_error;

TaskSpec discrete_task() {
  TaskSpec task;
  task.name = "made up";
  task.state_width = 2;
  task.horizon = 10;
  task.agents = {{"first", {0}, {/*discrete=*/true, 2}}, {"second", {1}, {/*discrete=*/true, 3}}};
  return task;
}

Transitions good_data() {
  Transitions data;
  data.state = torch::zeros({4, 2});
  data.action = torch::tensor({{0.0F, 2.0F}, {1.0F, 0.0F}, {0.0F, 1.0F}, {1.0F, 2.0F}});
  data.reward = torch::ones({4});
  data.next_state = torch::ones({4, 2});
  data.terminal = torch::zeros({4}, torch::kBool);
  data.timeout = torch::ones({4}, torch::kBool);
  return data;
}

template <typename Change>
std::string refusal(const Change& change) {
  Transitions data = good_data();
  change(data);
  return input_error([&data] { data.validate(discrete_task(), "file.h5"); });
}

}  // namespace

TEST_CASE("transitions that fit the task are accepted") {
  CHECK_NOTHROW(good_data().validate(discrete_task(), "file.h5"));
  CHECK(good_data().size() == 4);
}

TEST_CASE("transitions of a wrong shape or type are refused by field") {
  CHECK(refusal([](Transitions& d) { d.reward = Tensor(); }) ==
        "file.h5: 'reward' is empty, expected at least one transition");
  CHECK(refusal([](Transitions& d) { d.reward = torch::zeros({0}); }) ==
        "file.h5: 'reward' is empty, expected at least one transition");
  CHECK(refusal([](Transitions& d) { d.timeout = Tensor(); }) == "file.h5: 'timeout' is missing");
  CHECK(refusal([](Transitions& d) {
          d.state = torch::zeros({4, 3});
        }) == "file.h5: 'state' has shape [4, 3], expected [4, 2]");
  CHECK(refusal([](Transitions& d) {
          d.next_state = torch::zeros({3, 2});
        }) == "file.h5: 'next_state' has shape [3, 2], expected [4, 2]");
  CHECK(refusal([](Transitions& d) { d.action = torch::zeros({4}); }) ==
        "file.h5: 'action' has shape [4], expected [4, 2]");
  CHECK(refusal([](Transitions& d) { d.state = d.state.to(torch::kFloat64); }) ==
        "file.h5: 'state' has type Double, expected Float");
  CHECK(refusal([](Transitions& d) { d.terminal = torch::zeros({4}); }) ==
        "file.h5: 'terminal' has type Float, expected Bool");
}

TEST_CASE("numbers that are not finite are refused by field and row") {
  CHECK(refusal([](Transitions& d) { d.next_state[2][1] = std::nan(""); }) ==
        "file.h5: 'next_state' is not finite in row 2");
  CHECK(refusal([](Transitions& d) { d.reward[3] = std::numeric_limits<double>::infinity(); }) ==
        "file.h5: 'reward' is not finite in row 3");
}

TEST_CASE("choices that do not exist are refused by agent and row") {
  const std::string second = "file.h5: 'action' of agent 1 in row 1 is not one of its choices 0..2";
  CHECK(refusal([](Transitions& d) { d.action[1][1] = 3; }) == second);
  CHECK(refusal([](Transitions& d) { d.action[1][1] = -1; }) == second);
  CHECK(refusal([](Transitions& d) { d.action[1][1] = 0.5; }) == second);
  CHECK(refusal([](Transitions& d) { d.action[3][0] = 2; }) ==
        "file.h5: 'action' of agent 0 in row 3 is not one of its choices 0..1");
}

TEST_CASE("metrics keep their order and hold no graph") {
  Metrics metrics;
  const Tensor loss = torch::ones({}, torch::requires_grad()) * 2;
  metrics.add("loss", loss);
  metrics.add("score", 0.1);
  REQUIRE(metrics.values().size() == 2);
  CHECK(metrics.values()[0].first == "loss");
  CHECK_FALSE(metrics.values()[0].second.requires_grad());
  CHECK(metrics.values()[1].second.item<double>() == 0.1);
}

}  // namespace labhost
