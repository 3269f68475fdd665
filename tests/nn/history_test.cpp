#include "core/nn/history.hpp"

#include <doctest/doctest.h>

#include "tests/base/scratch_folder.hpp"

namespace labhost {

namespace {

/// Two agents: the first sees and moves two components, the second one of each.
TaskSpec two_agents() {
  TaskSpec task;
  task.name = "two";
  task.state_width = 2;
  task.agents = {{"first", {1, 0}, {/*discrete=*/false, 2}}, {"second", {0}, {false, 1}}};
  return task;
}

/// Row t has state (t, 10 t) and actions t / 10, -t / 10, t / 100; episodes end at 1 and 4.
Transitions counting(std::int64_t rows) {
  Transitions data;
  const Tensor t = torch::arange(rows).to(torch::kFloat32);
  data.state = torch::stack({t, 10 * t}, 1);
  data.action = torch::stack({t / 10, -t / 10, t / 100}, 1);
  data.reward = torch::zeros({rows});
  data.next_state = data.state.clone();
  data.terminal = t.eq(1);
  data.timeout = t.eq(4);
  return data;
}

}  // namespace

TEST_CASE("histories hold each agent's own pairs, oldest first, of the running episode") {
  const Transitions data = counting(7);
  const Histories histories(two_agents(), data, 2);
  CHECK(histories.pair_width() == 4);
  const Tensor rows = torch::tensor({0, 1, 2, 4, 6}, torch::kLong);
  const Tensor before = histories.before(rows);  // [N, B, H, O + A]
  CHECK(before.sizes() == torch::IntArrayRef({2, 5, 2, 4}));
  const Tensor none = torch::zeros({4});
  const auto first = [](double t) { return torch::tensor({10 * t, t, t / 10, -t / 10}); };
  const auto second = [](double t) { return torch::tensor({t, 0.0, t / 100, 0.0}); };
  const auto close = [](const Tensor& a, const Tensor& b) {
    return torch::allclose(a.to(torch::kFloat64), b.to(torch::kFloat64), 1e-5, 1e-6);
  };
  // Rows 0, 2 and 5 begin episodes.
  CHECK(before[0][0].eq(0).all().item<bool>());
  CHECK(close(before[0][1][0], none));
  CHECK(close(before[0][1][1], first(0)));
  CHECK(before[0][2].eq(0).all().item<bool>());
  CHECK(close(before[0][3][0], first(2)));
  CHECK(close(before[0][3][1], first(3)));
  CHECK(close(before[1][3][0], second(2)));
  CHECK(close(before[1][3][1], second(3)));
  CHECK(close(before[1][4][0], none));
  CHECK(close(before[1][4][1], second(5)));
  const Tensor after = histories.after(rows);
  CHECK(close(after[0][0][1], first(0)));
  CHECK(close(after[0][2][0], none));
  CHECK(close(after[0][2][1], first(2)));
  CHECK(close(after[1][3][0], second(3)));
  CHECK(close(after[1][3][1], second(4)));
}

TEST_CASE("a rollout goes on with a dataset's history") {
  const Transitions data = counting(7);
  const TaskSpec task = two_agents();
  const Histories histories(task, data, 3);
  const Observer observe(task, torch::kCPU);
  const Tensor rows = torch::tensor({2, 3, 5}, torch::kLong);
  // Doing what the data did gives the data's next histories.
  const Tensor next =
      histories.append(histories.before(rows), observe(data.state.index_select(0, rows)),
                       data.action.index_select(0, rows));
  CHECK(torch::equal(next, histories.after(rows)));
  const Tensor wild = histories.append(histories.before(rows), observe(data.state.narrow(0, 0, 3)),
                                       torch::full({3, 3}, 7.0));
  CHECK(wild.narrow(-1, 2, 1).select(2, 2).max().item<double>() < 1);
}

TEST_CASE("discrete actions are remembered one-hot") {
  TaskSpec task = two_agents();
  task.agents[0].action = {/*discrete=*/true, 2};
  task.agents[1].action = {/*discrete=*/true, 3};
  Transitions data = counting(3);
  data.action = torch::tensor({{0.0F, 2.0F}, {1.0F, 0.0F}, {1.0F, 1.0F}});
  const Tensor after = Histories(task, data, 1).after(torch::tensor({0}, torch::kLong));
  CHECK(torch::equal(after[0][0][0].narrow(0, 2, 3), torch::tensor({1.0F, 0.0F, 0.0F})));
  CHECK(torch::equal(after[1][0][0].narrow(0, 2, 3), torch::tensor({0.0F, 0.0F, 1.0F})));
}

TEST_CASE("data in which no episode ever ends is refused") {
  Transitions data = counting(7);
  data.terminal.fill_(false);
  data.timeout.fill_(false);
  CHECK(testing::contains(testing::input_error([&] { Histories(two_agents(), data, 2); }),
                          "neither a terminal nor a timeout"));
}

}  // namespace labhost
