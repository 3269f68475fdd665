#include <doctest/doctest.h>

#include <limits>

#include "core/sdk/types.hpp"
#include "tests/base/scratch_folder.hpp"

namespace labhost {

namespace {

using testing::contains;
using testing::input_error;

/// Two agents with 2 and 3 choices that see 3 and 1 of the state's 3 components.
TaskSpec discrete_task() {
  TaskSpec task;
  task.name = "made up";
  task.state_width = 3;
  task.horizon = 10;
  task.agents = {{"first", {0, 1, 2}, {/*discrete=*/true, 2}},
                 {"second", {2}, {/*discrete=*/true, 3}}};
  return task;
}

TaskSpec continuous_task() {
  TaskSpec task = discrete_task();
  task.agents[0].action = {/*discrete=*/false, 2};
  task.agents[1].action = {/*discrete=*/false, 1};
  return task;
}

/// What validate() says of a task changed by `change`.
template <typename Change>
std::string refusal(const Change& change) {
  TaskSpec task = discrete_task();
  change(task);
  return input_error([&task] { task.validate(); });
}

}  // namespace

TEST_CASE("a consistent task is accepted") {
  CHECK_NOTHROW(discrete_task().validate());
  CHECK_NOTHROW(continuous_task().validate());
}

TEST_CASE("a task that contradicts itself is refused with the reason") {
  const std::string who = "task 'made up': ";
  CHECK(refusal([](TaskSpec& t) { t.state_width = 0; }) == who + "state_width is 0");
  CHECK(refusal([](TaskSpec& t) { t.agents.clear(); }) == who + "it has no agents");
  CHECK(refusal([](TaskSpec& t) { t.horizon = 0; }) == who + "horizon is 0, expected at least 1");
  const std::string references = who + "the expert's return must be above the random one";
  CHECK(refusal([](TaskSpec& t) { t.expert_return = t.random_return; }) == references);
  CHECK(refusal([](TaskSpec& t) { t.expert_return = std::numeric_limits<double>::quiet_NaN(); }) ==
        references);
  const std::string nothing = "agent 'second' has nothing to choose";
  CHECK(refusal([](TaskSpec& t) { t.agents[1].action.size = 1; }) == who + nothing);
  CHECK(refusal([](TaskSpec& t) { t.agents[1].action = {false, 0}; }) == who + nothing);
  CHECK(refusal([](TaskSpec& t) {
          t.agents[1].action = {false, 2};
        }) == who + "agents with discrete and with continuous actions in one team");
  CHECK(refusal([](TaskSpec& t) { t.agents[0].observes.clear(); }) ==
        who + "agent 'first' observes nothing");
  for (const std::int64_t outside : {std::int64_t{3}, std::int64_t{-1}}) {
    CHECK(refusal([outside](TaskSpec& t) { t.agents[1].observes = {outside}; }) ==
          who + "agent 'second' observes component " + std::to_string(outside) +
              " of a state of width 3");
  }
}

TEST_CASE("widths follow from the agents") {
  CHECK(discrete_task().joint_width() == 2);
  CHECK(discrete_task().encoded_width() == 5);
  CHECK(discrete_task().action_size() == 3);
  CHECK(discrete_task().observation_width() == 3);
  CHECK(continuous_task().joint_width() == 3);
  CHECK(continuous_task().encoded_width() == 3);
  CHECK(continuous_task().action_size() == 2);
}

TEST_CASE("a task is fully observed when every agent sees every component") {
  TaskSpec task = discrete_task();
  CHECK_FALSE(task.fully_observed());
  task.agents[1].observes = {2, 0, 1};
  CHECK(task.fully_observed());
  task.agents[1].observes = {2, 0, 0};
  CHECK_FALSE(task.fully_observed());
}

TEST_CASE("scores run from the random return to the expert's") {
  TaskSpec task = discrete_task();
  task.random_return = -5;
  task.expert_return = 15;
  CHECK(task.score(-5) == 0);
  CHECK(task.score(15) == 1);
  CHECK(task.score(5) == 0.5);
}

TEST_CASE("encoded actions are one-hot per discrete agent and unchanged for continuous ones") {
  const Tensor action = torch::tensor({{0.0F, 2.0F}, {1.0F, 0.0F}});
  const Tensor expected = torch::tensor({{1.0F, 0.0F, 0.0F, 0.0F, 1.0F},  //
                                         {0.0F, 1.0F, 1.0F, 0.0F, 0.0F}});
  const Tensor encoded = encode_actions(discrete_task(), action);
  CHECK((encoded.scalar_type() == torch::kFloat32));
  CHECK(torch::equal(encoded, expected));
  // Leading dimensions are kept.
  CHECK(torch::equal(encode_actions(discrete_task(), action.view({2, 1, 2})),
                     expected.view({2, 1, 5})));
  const Tensor components = torch::tensor({{0.1F, -0.2F, 0.3F}});
  CHECK(torch::equal(encode_actions(continuous_task(), components), components));
}

TEST_CASE("the centralised task has one agent that sees all and chooses for all") {
  const TaskSpec single = centralised(discrete_task());
  CHECK_NOTHROW(single.validate());
  REQUIRE(single.agent_count() == 1);
  CHECK(single.agents[0].observes == std::vector<std::int64_t>{0, 1, 2});
  CHECK(single.agents[0].action.discrete);
  CHECK(single.agents[0].action.size == 6);
  const TaskSpec continuous = centralised(continuous_task());
  CHECK_FALSE(continuous.discrete());
  CHECK(continuous.agents[0].action.size == 3);
}

TEST_CASE("joint choices are numbered with agent 0 as the slowest digit, and split again") {
  const TaskSpec task = discrete_task();
  std::vector<float> pairs;
  for (const int first : {0, 1}) {
    for (const int second : {0, 1, 2}) {
      pairs.push_back(static_cast<float>(first));
      pairs.push_back(static_cast<float>(second));
    }
  }
  const Tensor action = torch::tensor(pairs).view({6, 2});
  const Tensor joint = join_actions(task, action);
  CHECK(torch::equal(joint, torch::arange(6, torch::kFloat32).unsqueeze(1)));
  CHECK(torch::equal(split_actions(task, joint), action));
  const Tensor components = torch::tensor({{0.1F, -0.2F, 0.3F}, {1.0F, 0.0F, -1.0F}});
  CHECK(torch::equal(split_actions(continuous_task(), join_actions(continuous_task(), components)),
                     components));
}

TEST_CASE("observations are components of the state, padded with zeros on the right") {
  TaskSpec task = discrete_task();
  task.agents[0].observes = {1, 0};
  const Observer observe(task, torch::kCPU);
  const Tensor state = torch::tensor({{1.0F, 2.0F, 3.0F}, {4.0F, 5.0F, 6.0F}});
  const Tensor expected = torch::tensor({{2.0F, 1.0F},
                                         {5.0F, 4.0F},  // first agent
                                         {3.0F, 0.0F},
                                         {6.0F, 0.0F}})
                              .view({2, 2, 2});
  CHECK(torch::equal(observe(state), expected));
}

TEST_CASE("agents that see everything in order see the state") {
  TaskSpec task = discrete_task();
  task.agents[1].observes = {0, 1, 2};
  const Tensor state = torch::tensor({{1.0F, 2.0F, 3.0F}, {4.0F, 5.0F, 6.0F}});
  CHECK(torch::equal(Observer(task, torch::kCPU)(state), torch::stack({state, state})));
  // In another order it is another view.
  task.agents[1].observes = {2, 1, 0};
  CHECK(torch::equal(Observer(task, torch::kCPU)(state), torch::stack({state, state.flip(1)})));
}

}  // namespace labhost
