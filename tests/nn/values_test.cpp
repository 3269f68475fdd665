#include "core/nn/values.hpp"

#include <doctest/doctest.h>

#include "core/nn/gae.hpp"
#include "core/nn/mixer.hpp"
#include "core/nn/sampler.hpp"
#include "tests/base/scratch_folder.hpp"
#include "tests/nn/reference.hpp"

namespace labhost {

namespace {

using testing::DefaultType;
using testing::generator;
using testing::largest_difference;
using testing::plain_forward;

TaskSpec make_task(bool discrete) {
  TaskSpec task;
  task.name = "made up";
  task.state_width = 4;
  task.horizon = 10;
  task.agents = {{"first", {0, 1, 2, 3}, {discrete, 2}},
                 {"second", {3, 1}, {discrete, discrete ? 3 : 1}}};
  return task;
}

Transitions data_of(std::vector<float> rewards, std::vector<std::int64_t> terminals,
                    std::vector<std::int64_t> timeouts) {
  Transitions data;
  data.reward = torch::tensor(rewards);
  const std::int64_t rows = data.size();
  data.state = torch::arange(rows, torch::kFloat32).unsqueeze(1);
  data.next_state = data.state + 100;
  data.action = data.state + 200;
  data.terminal = torch::zeros({rows}, torch::kBool);
  data.timeout = torch::zeros({rows}, torch::kBool);
  for (const std::int64_t t : terminals) data.terminal[t] = true;
  for (const std::int64_t t : timeouts) data.timeout[t] = true;
  return data;
}

}  // namespace

TEST_CASE("twin critics take the value of the chosen action, copy by copy") {
  const DefaultType precision(torch::kFloat64);
  const TaskSpec task = make_task(/*discrete=*/true);
  const TwinQ q(task, 4, 8, torch::kCPU, generator());
  const Tensor input = Observer(task, torch::kCPU)(torch::randn({3, 4}, generator(2)));
  const Tensor action = torch::tensor({{0.0, 2.0}, {1.0, 0.0}, {1.0, 1.0}});
  const Tensor found = q.forward(input, action);
  REQUIRE(found.sizes() == torch::IntArrayRef({2, 2, 3}));
  for (std::int64_t twin = 0; twin < 2; ++twin) {
    for (std::int64_t agent = 0; agent < 2; ++agent) {
      const Tensor all = plain_forward(q, 2 * twin + agent, input[agent]);  // [3, choices]
      for (std::int64_t row = 0; row < 3; ++row) {
        const auto choice = static_cast<std::int64_t>(action[row][agent].item<double>());
        CHECK(found[twin][agent][row].item<double>() ==
              doctest::Approx(all[row][choice].item<double>()).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("twin critics of continuous agents see the agent's own action") {
  const DefaultType precision(torch::kFloat64);
  const TaskSpec task = make_task(/*discrete=*/false);
  const TwinQ q(task, 4, 8, torch::kCPU, generator());
  const Tensor input = Observer(task, torch::kCPU)(torch::randn({3, 4}, generator(2)));
  const Tensor action = torch::randn({3, 3}, generator(3));  // 2 components and 1
  const Tensor found = q.forward(input, action);
  const Tensor first = torch::cat({input[0], action.narrow(1, 0, 2)}, 1);
  const Tensor second = torch::cat({input[1], action.narrow(1, 2, 1), torch::zeros({3, 1})}, 1);
  for (std::int64_t twin = 0; twin < 2; ++twin) {
    CHECK(largest_difference(found[twin][0], plain_forward(q, 2 * twin, first).squeeze(1)) < 1e-12);
    CHECK(largest_difference(found[twin][1], plain_forward(q, 2 * twin + 1, second).squeeze(1)) <
          1e-12);
  }
}

TEST_CASE("a mixer weighs the agents' values and adds a bias, for twins too") {
  const Mixer::Weights weights{torch::tensor({{1.0F, 2.0F}, {-1.0F, 0.5F}}),
                               torch::tensor({10.0F, 20.0F})};
  const Tensor values = torch::tensor({{3.0F, 4.0F}, {5.0F, 6.0F}});
  const Tensor expected = torch::tensor({8.0F, 31.0F});  // 3 - 5 + 10, 8 + 3 + 20
  CHECK(torch::equal(Mixer::mix(weights, values), expected));
  const Tensor twins = Mixer::mix(weights, torch::stack({values, torch::zeros({2, 2})}));
  CHECK(torch::equal(twins, torch::stack({expected, weights.b})));
}

TEST_CASE("returns and advantages by hand: a timeout bootstraps, a terminal does not") {
  const DefaultType precision(torch::kFloat64);
  const Tensor reward = torch::tensor({1.0, 2.0, 3.0}), value = torch::tensor({0.5, 0.25, 0.125}),
               next = torch::tensor({10.0, 20.0, 40.0});
  const Tensor no = torch::zeros({3}, torch::kBool);
  const auto mark = [&no](std::int64_t t) {
    Tensor flags = no.clone();
    flags[t] = true;
    return flags;
  };
  // The last transition bootstraps whatever its timeout says: G2 = 3 + 0.5 * 40 = 23.
  for (const Tensor& last : {no, mark(2)}) {
    const Advantages a = generalised_advantages(reward, value, next, no, last, 0.5, 0.5);
    CHECK(largest_difference(a.returns, torch::tensor({1 + 0.5 * 13.5, 2 + 0.5 * 23, 23.0})) == 0);
    const double d2 = 3 + 20 - 0.125, d1 = 2 + 10 - 0.25, d0 = 1 + 5 - 0.5;
    CHECK(largest_difference(a.advantages, torch::tensor({d0 + 0.25 * (d1 + 0.25 * d2),
                                                          d1 + 0.25 * d2, d2})) < 1e-15);
  }
  const Advantages cut = generalised_advantages(reward, value, next, no, mark(1), 0.5, 0.5);
  CHECK(largest_difference(cut.returns, torch::tensor({1 + 0.5 * 12, 12.0, 23.0})) == 0);
  CHECK(cut.advantages[1].item<double>() == 2 + 10 - 0.25);
  const Advantages ended = generalised_advantages(reward, value, next, mark(1), no, 0.5, 0.5);
  CHECK(largest_difference(ended.returns, torch::tensor({1 + 0.5 * 2, 2.0, 23.0})) == 0);
  CHECK(ended.advantages[1].item<double>() == 2 - 0.25);
}

TEST_CASE("batches are rows of the data, with scaled rewards and masks") {
  const Transitions data = data_of({1, 2, 3, 4}, {2}, {3});
  Sampler sampler(data, 64, generator(), /*reward_scale=*/10);
  const Batch batch = sampler.draw();
  REQUIRE(batch.state.sizes() == torch::IntArrayRef({64, 1}));
  const Tensor row = batch.state.squeeze(1);
  CHECK(torch::equal(batch.next_state, batch.state + 100));
  CHECK(torch::equal(batch.action, batch.state + 200));
  CHECK(torch::equal(batch.reward, 10 * (row + 1)));
  // Timeouts bootstrap: only the terminal is masked.
  CHECK(torch::equal(batch.mask, row.ne(2).to(torch::kFloat32)));
  for (const int t : {0, 1, 2, 3}) CHECK(row.eq(t).any().item<bool>());
  Sampler again(data, 64, generator(), 10);
  CHECK(torch::equal(again.draw().state, batch.state));
  CHECK_FALSE(torch::equal(again.draw().state, batch.state));
}

TEST_CASE("the reward scale is 1000 over the spread of trajectory returns") {
  // Returns 3, -7 and (unfinished) 1.
  CHECK(iql_reward_scale(data_of({1, 2, -7, 1}, {1}, {2})) == doctest::Approx(100));
  CHECK(testing::contains(testing::input_error([] {
                            iql_reward_scale(data_of({1, 1, 1}, {0}, {1, 2}));
                          }),
                          "all trajectories have the same return"));
}

}  // namespace labhost
