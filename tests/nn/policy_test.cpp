#include "core/nn/policy.hpp"

#include <doctest/doctest.h>

#include "core/nn/actions.hpp"
#include "tests/nn/reference.hpp"

namespace labhost {

namespace {

using testing::DefaultType;
using testing::generator;
using testing::largest_difference;

TaskSpec make_task(bool discrete, std::int64_t first, std::int64_t second) {
  TaskSpec task;
  task.name = "made up";
  task.state_width = 4;
  task.horizon = 10;
  task.agents = {{"first", {0, 1, 2, 3}, {discrete, first}},
                 {"second", {3, 1}, {discrete, second}}};
  return task;
}

TeamPolicy make_policy(const TaskSpec& task, Distribution continuous) {
  return TeamPolicy(task, continuous, task.observation_width(), 16, torch::kCPU, generator());
}

Tensor observations(const TaskSpec& task, std::int64_t batch) {
  return Observer(task, torch::kCPU)(torch::randn({batch, task.state_width}, generator(2)));
}

}  // namespace

TEST_CASE("joint actions are split into agents and merged again") {
  const ActionLayout equal(make_task(false, 2, 2)), unequal(make_task(false, 1, 2)),
      choices(make_task(true, 2, 3));
  const Tensor wide = torch::arange(8, torch::kFloat32).view({2, 4});
  CHECK(torch::equal(
      equal.split(wide),
      torch::tensor({0.0F, 1.0F, 4.0F, 5.0F, 2.0F, 3.0F, 6.0F, 7.0F}).view({2, 2, 2})));
  CHECK(torch::equal(equal.merge(equal.split(wide)), wide));
  CHECK_FALSE(equal.mask().defined());

  const Tensor uneven = torch::tensor({{1.0F, 2.0F, 3.0F}, {4.0F, 5.0F, 6.0F}});
  CHECK(torch::equal(
      unequal.split(uneven),
      torch::tensor({1.0F, 0.0F, 4.0F, 0.0F, 2.0F, 3.0F, 5.0F, 6.0F}).view({2, 2, 2})));
  CHECK(torch::equal(unequal.merge(unequal.split(uneven)), uneven));
  CHECK(torch::equal(unequal.mask().view({2, 2}), torch::tensor({{1.0F, 0.0F}, {1.0F, 1.0F}})));

  const Tensor index = torch::tensor({{0.0F, 2.0F}, {1.0F, 0.0F}});
  CHECK(torch::equal(choices.split(index), index.t().unsqueeze(-1)));
  CHECK(torch::equal(choices.merge(choices.split(index)), index));
  CHECK(torch::equal(choices.mask().view({2, 3}),
                     torch::tensor({{1.0F, 1.0F, 0.0F}, {1.0F, 1.0F, 1.0F}})));
}

TEST_CASE("choices an agent does not have get no probability, the others sum to one") {
  const DefaultType precision(torch::kFloat64);
  const TaskSpec task = make_task(true, 2, 3);
  const TeamPolicy policy = make_policy(task, Distribution::kSquashedGaussian);
  CHECK(policy.distribution() == Distribution::kCategorical);
  const Tensor p = policy.log_choices(observations(task, 6)).exp();  // [2, 6, 3]
  CHECK(p[0].select(1, 2).eq(0).all().item<bool>());
  CHECK(largest_difference(p.sum(-1), torch::ones({2, 6})) < 1e-12);
}

TEST_CASE("categorical samples follow the probabilities") {
  const TaskSpec task = make_task(true, 2, 3);
  const TeamPolicy policy = make_policy(task, Distribution::kGaussian);
  constexpr std::int64_t kSamples = 20'000;
  const Tensor one = observations(task, 1);
  const Tensor input = one.expand({2, kSamples, one.size(2)});
  const auto sample = policy.sample(input, generator(7));
  REQUIRE(sample.action.sizes() == torch::IntArrayRef({kSamples, 2}));
  const Tensor p = policy.log_choices(one).exp();
  for (std::int64_t agent = 0; agent < 2; ++agent) {
    for (std::int64_t choice = 0; choice < 3; ++choice) {
      CAPTURE(agent);
      CAPTURE(choice);
      const double share =
          sample.action.select(1, agent).eq(choice).to(torch::kFloat64).mean().item<double>();
      CHECK(std::abs(share - p[agent][0][choice].item<double>()) < 0.02);
    }
  }
}

TEST_CASE("a sample's log-probability is that of its action") {
  const DefaultType precision(torch::kFloat64);
  for (const TaskSpec& task :
       {make_task(true, 2, 3), make_task(false, 2, 2), make_task(false, 1, 2)}) {
    for (const auto distribution : {Distribution::kGaussian, Distribution::kSquashedGaussian}) {
      const TeamPolicy policy = make_policy(task, distribution);
      const Tensor input = observations(task, 50);
      const auto sample = policy.sample(input, generator(7));
      CHECK(largest_difference(policy.log_prob(input, sample.action), sample.log_prob) < 1e-6);
      CHECK(sample.log_prob.sizes() == torch::IntArrayRef({2, 50}));
      const auto again = policy.sample(input, generator(7));
      CHECK(torch::equal(again.action, sample.action));
    }
  }
}

TEST_CASE("Gaussian samples have the mean and deviation of the policy, padding counts nothing") {
  const DefaultType precision(torch::kFloat64);
  const TaskSpec task = make_task(false, 1, 2);
  const TeamPolicy policy = make_policy(task, Distribution::kGaussian);
  constexpr std::int64_t kSamples = 20'000;
  const Tensor one = observations(task, 1);
  const Tensor input = one.expand({2, kSamples, one.size(2)});
  const auto sample = policy.sample(input, generator(7));
  REQUIRE(sample.action.sizes() == torch::IntArrayRef({kSamples, 3}));
  const auto gaussian = policy.gaussian(one);  // [2, 1, 2]
  const ActionLayout layout(task);
  const Tensor mean = layout.merge(gaussian.mean)[0], std = layout.merge(gaussian.log_std.exp())[0];
  CHECK(largest_difference(sample.action.mean(0), mean) < 0.03);
  CHECK(largest_difference(sample.action.std(0), std) < 0.03);
  // Agent 0 has one component: its log-density is that of one normal number.
  const Tensor z = (sample.action.select(1, 0) - mean[0]) / std[0];
  const Tensor density = -0.5 * z.square() - std[0].log() - 0.5 * std::log(2 * std::acos(-1.0));
  CHECK(largest_difference(sample.log_prob[0], density) < 1e-10);
}

TEST_CASE("greedy actions are the mean, squashed or not, and the likeliest choice") {
  const TaskSpec continuous = make_task(false, 2, 2), discrete = make_task(true, 2, 3);
  const Tensor input = observations(continuous, 5);
  const ActionLayout layout(continuous);
  const TeamPolicy plain = make_policy(continuous, Distribution::kGaussian);
  CHECK(torch::equal(plain.greedy(input), layout.merge(plain.gaussian(input).mean)));
  const TeamPolicy squashed = make_policy(continuous, Distribution::kSquashedGaussian);
  CHECK(torch::equal(squashed.greedy(input), layout.merge(squashed.gaussian(input).mean.tanh())));
  const TeamPolicy categorical = make_policy(discrete, Distribution::kGaussian);
  const Tensor best = categorical.log_choices(input).argmax(-1).t();
  CHECK(torch::equal(categorical.greedy(input).to(torch::kLong), best));
}

TEST_CASE("squashed policies stay finite at the bounds of the actions") {
  const TaskSpec task = make_task(false, 2, 2);
  const TeamPolicy policy = make_policy(task, Distribution::kSquashedGaussian);
  const Tensor log_prob =
      policy.log_prob(observations(task, 2), torch::tensor({{1.0F, -1.0F, 1.0F, 1.0F},  //
                                                            {-1.0F, 0.0F, 0.5F, -1.0F}}));
  CHECK(log_prob.isfinite().all().item<bool>());
  const auto gradients = torch::autograd::grad({log_prob.sum()}, policy.parameters());
  for (const Tensor& gradient : gradients) CHECK(gradient.isfinite().all().item<bool>());
}

TEST_CASE("a memoryless policy observes, acts and leaves no graph") {
  const TaskSpec task = make_task(true, 2, 3);
  const TeamPolicy network = make_policy(task, Distribution::kGaussian);
  const Tensor state = torch::randn({6, 4}, generator(3)), index = torch::arange(6);
  MemorylessPolicy greedy(task, network, torch::kCPU, /*greedy=*/true, generator(4));
  greedy.begin(index);
  const Tensor action = greedy.act(index, state);
  CHECK(torch::equal(action, network.greedy(Observer(task, torch::kCPU)(state))));
  CHECK_FALSE(action.requires_grad());
  MemorylessPolicy a(task, network, torch::kCPU, false, generator(4)),
      b(task, network, torch::kCPU, false, generator(4));
  CHECK(torch::equal(a.act(index, state), b.act(index, state)));
}

}  // namespace labhost
