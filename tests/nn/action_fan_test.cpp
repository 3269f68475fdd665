// The fused fan of actions against one plain pass of the critics, in double precision.
#include "core/nn/action_fan.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "tests/nn/reference.hpp"

namespace labhost {

namespace {

using testing::DefaultType;
using testing::generator;
using testing::largest_difference;

constexpr std::int64_t kInputs = 6;

/// Three agents that see 4, 2 and 3 numbers and have 2, 1 and 3 components.
TaskSpec three_agents() {
  TaskSpec task;
  task.name = "three";
  task.state_width = 4;
  task.agents = {{"first", {0, 1, 2, 3}, {/*discrete=*/false, 2}},
                 {"second", {1, 2}, {false, 1}},
                 {"third", {0, 1, 3}, {false, 3}}};
  return task;
}

/// B states with K actions each; padding is zero, as the plugins hand it over.
struct Fan {
  Fan(std::int64_t batch, std::int64_t count, std::uint64_t seed = 1) : random(generator(seed)) {
    const ActionLayout layout(task);
    input = torch::randn({3, batch, kInputs}, random).requires_grad_();
    actions = (torch::rand({3, batch, count, 3}, random) * 2 - 1) * layout.mask().unsqueeze(2);
    actions.requires_grad_();
    correction = torch::randn({3, batch, count}, random);
  }

  TaskSpec task = three_agents();
  at::Generator random;
  TwinQ q{task, kInputs, 24, torch::kCPU, generator(7)};
  Tensor input, actions, correction;
};

/// Gradients of a weighted sum of the six logsumexps: input, actions, then the parameters.
std::vector<Tensor> gradients(const Fan& fan, const Tensor& logsumexp, bool of_actions) {
  std::vector<Tensor> wanted = {fan.input};
  if (of_actions) wanted.push_back(fan.actions);
  const auto& parameters = fan.q.parameters();
  wanted.insert(wanted.end(), parameters.begin(), parameters.end());
  const Tensor weight = torch::tensor({0.3, -1.0, 2.0, 1.5, -0.2, 0.7}).view({2, 3});
  return torch::autograd::grad({(logsumexp * weight).sum()}, wanted);
}

void check_same(const std::vector<Tensor>& found, const std::vector<Tensor>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    REQUIRE(found[i].sizes() == expected[i].sizes());
    CHECK(expected[i].abs().max().item<double>() > 1e-6);
    CHECK(largest_difference(found[i], expected[i]) < 1e-12);
  }
}

void check_fan(std::int64_t batch, std::int64_t count) {
  CAPTURE(batch);
  CAPTURE(count);
  const Fan fan(batch, count);
  const auto both = [&](const Tensor& actions, double temperature, bool of_actions) {
    const Tensor fused = fan_logsumexp(fan.q, fan.input, actions, fan.correction, temperature);
    const Tensor plain =
        fan_logsumexp_as_written(fan.q, fan.input, actions, fan.correction, temperature);
    REQUIRE(fused.sizes() == torch::IntArrayRef({2, 3}));
    CHECK(largest_difference(fused, plain) < 1e-12);
    check_same(gradients(fan, fused, of_actions), gradients(fan, plain, of_actions));
  };
  both(fan.actions, 1, true);
  both(fan.actions, 0.7, true);
  both(fan.actions.detach(), 1, false);
}

}  // namespace

TEST_CASE("a fan of actions has the values and gradients of one plain pass") {
  const DefaultType doubles(torch::kFloat64);
  check_fan(1, 1);
  check_fan(5, 4);
  // A tile holds 512 rows: 17 states of 30 actions, or one state of more.
  for (const std::int64_t batch : {16, 17, 18, 34, 35}) check_fan(batch, 30);
  for (const std::int64_t batch : {511, 512, 513}) check_fan(batch, 1);
  for (const std::int64_t count : {511, 512, 513, 1025}) check_fan(3, count);
  check_fan(5, 256);
}

TEST_CASE("the padding of an agent's actions does not reach its values") {
  const DefaultType doubles(torch::kFloat64);
  const Fan fan(4, 3);
  const Tensor before = fan_values(fan.q, fan.input, fan.actions, 2);
  {
    const torch::NoGradGuard no_grad;
    for (const std::int64_t copy : {1, 4}) {  // the second agent's twins, components 1 and 2
      fan.q.weight(0)[copy].narrow(0, kInputs + 1, 2).fill_(100);
    }
  }
  CHECK(torch::equal(fan_values(fan.q, fan.input, fan.actions, 2), before));
}

TEST_CASE("values of a fan are those of its actions asked one by one") {
  const DefaultType doubles(torch::kFloat64);
  for (const auto& [batch, count] : {std::pair<int, int>{7, 5}, {18, 30}, {2, 600}}) {
    CAPTURE(batch);
    const Fan fan(batch, count);
    const Tensor both = fan_values(fan.q, fan.input, fan.actions, 2);
    REQUIRE(both.sizes() == torch::IntArrayRef({2, 3, batch, count}));
    CHECK(!both.requires_grad());
    for (const int k : {0, count / 2, count - 1}) {
      const Tensor one = fan.q.forward_own(fan.input, fan.actions.select(2, k));
      CHECK(largest_difference(both.select(3, k), one) < 1e-12);
    }
    const Tensor first = fan_values(fan.q, fan.input, fan.actions, 1);
    REQUIRE(first.size(0) == 1);
    CHECK(torch::equal(first[0], both[0]));
  }
}

TEST_CASE("without gradients a fan has the same soft maxima") {
  const DefaultType doubles(torch::kFloat64);
  const Fan fan(19, 30);
  const Tensor with = fan_logsumexp(fan.q, fan.input, fan.actions, fan.correction, 0.5);
  const torch::NoGradGuard no_grad;
  const Tensor without = fan_logsumexp(fan.q, fan.input, fan.actions, fan.correction, 0.5);
  CHECK(!without.requires_grad());
  CHECK(largest_difference(with, without) < 1e-12);
}

TEST_CASE("a fan of actions that are not contiguous") {
  const DefaultType doubles(torch::kFloat64);
  const Fan fan(4, 6);
  const Tensor strange = fan.actions.detach().transpose(1, 2).contiguous().transpose(1, 2),
               correction = fan.correction.transpose(1, 2).contiguous().transpose(1, 2);
  REQUIRE(!strange.is_contiguous());
  const Tensor expected = fan_logsumexp(fan.q, fan.input, fan.actions, fan.correction, 1);
  CHECK(torch::equal(fan_logsumexp(fan.q, fan.input, strange, correction, 1), expected));
  CHECK(torch::equal(fan_values(fan.q, fan.input, strange, 2),
                     fan_values(fan.q, fan.input, fan.actions, 2)));
}

TEST_CASE("a fan's soft maximum neither overflows nor hides a NaN") {
  const DefaultType doubles(torch::kFloat64);
  const Fan fan(18, 30);
  const Tensor far = fan.correction - 1e5;
  CHECK(largest_difference(fan_logsumexp(fan.q, fan.input, fan.actions, far, 0.01),
                           fan_logsumexp_as_written(fan.q, fan.input, fan.actions, far, 0.01)) <
        1e-9);
  for (const int sample : {0, 7, 29}) {
    Tensor broken = fan.actions.detach().clone();
    broken[1][17][sample][0] = std::numeric_limits<double>::quiet_NaN();
    const Tensor values = fan_logsumexp(fan.q, fan.input, broken, fan.correction, 1);
    // Both twins of the second agent, nobody else.
    CHECK(torch::equal(values.isnan().to(torch::kLong).sum(0),
                       torch::tensor({0, 2, 0}, torch::kLong)));
    CHECK(fan_values(fan.q, fan.input, broken, 2).isnan().sum().item<int>() == 2);
  }
}

}  // namespace labhost
