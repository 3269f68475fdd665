#include "plugins/algorithms/moma-ppo/rollouts.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "tests/nn/reference.hpp"

namespace labhost {

namespace {

using testing::generator;
using testing::largest_difference;

constexpr std::int64_t kHorizon = 5;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Two agents on a state of 3 numbers, a small untrained world model, 50 dataset states.
struct Scene {
  explicit Scene(bool discrete)
      : task(make_task(discrete)),
        model({3, task.encoded_width(), 4, 16, 2, 1}, torch::kCPU, generator(1)),
        policy(task, Distribution::kGaussian, 3, 16, torch::kCPU, generator(2)),
        observe(task, torch::kCPU) {
    data.state = torch::randn({50, 3}, generator(3));
    data.reward = torch::zeros({50});
    options.horizon = kHorizon;
    options.transitions = 203;
    options.lambda_r = 0.5;
    options.lambda_g = 0.25;
    options.model.uncertainty_clip = options.model.stop_threshold = kInfinity;
  }

  static TaskSpec make_task(bool discrete) {
    TaskSpec task;
    task.name = "made up";
    task.state_width = 3;
    task.horizon = 10;
    task.agents = {{"first", {0, 1, 2}, {discrete, 2}},
                   {"second", {2}, {discrete, discrete ? 3 : 1}}};
    return task;
  }
  void set_terminal_bias(double bias) {
    const torch::NoGradGuard no_grad;
    auto* ends = dynamic_cast<Mlp*>(model.modules()[2]);
    REQUIRE(ends != nullptr);
    Tensor last = ends->bias(1);
    last.fill_(bias);
  }
  moma_ppo::Rollouts collect(std::uint64_t seed = 4) const {
    return moma_ppo::collect(task, data, model, policy, observe, options, generator(seed));
  }

  TaskSpec task;
  WorldModel model;
  TeamPolicy policy;
  Observer observe;
  Transitions data;
  moma_ppo::RolloutOptions options;
};

/// Checks that hold for every collection; returns the lengths of its rollouts.
std::vector<std::int64_t> check_rollouts(const Scene& scene, const moma_ppo::Rollouts& r) {
  const std::int64_t count = r.reward.size(0);
  CHECK(count >= scene.options.transitions);
  REQUIRE(r.action.sizes() == torch::IntArrayRef({count, scene.task.joint_width()}));
  REQUIRE(r.log_prob.sizes() == torch::IntArrayRef({2, count}));
  const Tensor ended = r.terminal | r.timeout;
  CHECK(ended[count - 1].item<bool>());
  std::vector<std::int64_t> lengths;
  std::int64_t length = 0;
  for (std::int64_t t = 0; t < count; ++t) {
    if (length == 0) {  // A rollout begins in a state of the dataset ...
      CHECK((scene.data.state == r.state[t]).all(1).any().item<bool>());
    } else {  // ... and goes on where its last step led.
      CHECK(torch::equal(r.state[t], r.next_state[t - 1]));
    }
    ++length;
    const bool last_step = length == scene.options.horizon;
    const bool unreliable = r.eps_g[t].item<double>() >= scene.options.model.stop_threshold;
    CHECK(r.timeout[t].item<bool>() == (last_step || unreliable));
    if (!ended[t].item<bool>()) continue;
    CHECK(length <= scene.options.horizon);
    lengths.push_back(length);
    length = 0;
  }
  CHECK(r.mean_length ==
        doctest::Approx(static_cast<double>(count) / static_cast<double>(lengths.size())));
  return lengths;
}

std::int64_t shorter(const std::vector<std::int64_t>& lengths) {
  return std::count_if(lengths.begin(), lengths.end(), [](auto l) { return l < kHorizon; });
}

}  // namespace

TEST_CASE("rollouts are whole, in the order of time, and none outlives its end") {
  for (const bool discrete : {true, false}) {
    CAPTURE(discrete);
    Scene scene(discrete);
    scene.set_terminal_bias(-0.1);
    const moma_ppo::Rollouts r = scene.collect();
    const auto lengths = check_rollouts(scene, r);
    // Some ended in a terminal state and some at the horizon.
    CHECK(shorter(lengths) > 0);
    CHECK(shorter(lengths) < static_cast<std::int64_t>(lengths.size()));
  }
}

TEST_CASE("without terminals and thresholds every rollout has k steps") {
  Scene scene(/*discrete=*/true);
  scene.set_terminal_bias(-1000);
  const moma_ppo::Rollouts r = scene.collect();
  CHECK(shorter(check_rollouts(scene, r)) == 0);
  CHECK_FALSE(r.terminal.any().item<bool>());
  CHECK(r.reward.size(0) == 205);  // 203 asked for, in rollouts of 5
}

TEST_CASE("a rollout whose first step ends it has one transition") {
  Scene scene(/*discrete=*/true);
  scene.set_terminal_bias(1000);
  const moma_ppo::Rollouts r = scene.collect();
  CHECK(r.terminal.all().item<bool>());
  CHECK(r.mean_length == 1);
  check_rollouts(scene, r);
}

TEST_CASE("a horizon of one step gives as many rollouts as transitions") {
  Scene scene(/*discrete=*/true);
  scene.options.horizon = 1;
  const moma_ppo::Rollouts r = scene.collect();
  CHECK(r.reward.size(0) == 203);
  CHECK(r.timeout.all().item<bool>());
  check_rollouts(scene, r);
}

TEST_CASE("an unreliable prediction is kept and stops its rollout") {
  Scene scene(/*discrete=*/false);
  scene.set_terminal_bias(-1000);
  const Tensor open = scene.collect().eps_g;
  scene.options.model.stop_threshold = open.median().item<double>();
  scene.options.model.uncertainty_clip = kInfinity;
  const moma_ppo::Rollouts r = scene.collect();
  CHECK(shorter(check_rollouts(scene, r)) > 0);
  CHECK(r.eps_g.ge(scene.options.model.stop_threshold).any().item<bool>());
}

TEST_CASE("rewards are penalised by both epistemic uncertainties, after clipping") {
  Scene scene(/*discrete=*/false);
  scene.options.model.uncertainty_clip = 0.05;
  const moma_ppo::Rollouts r = scene.collect();
  CHECK(r.eps_g.max().item<float>() == 0.05F);
  CHECK(largest_difference(r.raw_reward - r.reward, 0.5 * r.eps_r + 0.25 * r.eps_g) < 1e-6);
}

TEST_CASE("MOPO's penalty takes their place where asked") {
  WorldModel::Step step;
  step.eps_r = torch::tensor({1.0, 2.0});
  step.eps_g = torch::tensor({3.0, 4.0});
  step.aleatoric = torch::tensor({5.0, 6.0});
  moma_ppo::RolloutOptions options;
  options.lambda_r = 10;
  options.lambda_g = 100;
  options.lambda_aleatoric = 1000;
  CHECK(torch::equal(moma_ppo::penalty(step, options), torch::tensor({310.0, 420.0})));
  options.aleatoric = true;
  CHECK(torch::equal(moma_ppo::penalty(step, options), torch::tensor({5000.0, 6000.0})));
}

TEST_CASE("log-probabilities are the policy's for the actions that were drawn") {
  for (const bool discrete : {true, false}) {
    const Scene scene(discrete);
    const moma_ppo::Rollouts r = scene.collect();
    const torch::NoGradGuard no_grad;
    CHECK(largest_difference(scene.policy.log_prob(scene.observe(r.state), r.action), r.log_prob) <
          1e-5);
  }
}

TEST_CASE("the generator alone decides what is collected") {
  const Scene scene(/*discrete=*/false);
  const auto a = scene.collect(4), b = scene.collect(4), c = scene.collect(5);
  CHECK(torch::equal(a.next_state, b.next_state));
  CHECK(torch::equal(a.reward, b.reward));
  CHECK_FALSE(torch::equal(a.state.narrow(0, 0, 100), c.state.narrow(0, 0, 100)));
}

}  // namespace labhost
