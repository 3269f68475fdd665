#include "plugins/algorithms/moma-ppo/rollouts.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "tests/algorithms/made_up_simulator.hpp"
#include "tests/algorithms/trained_plugin.hpp"
#include "tests/nn/reference.hpp"

namespace labhost {

namespace {

using testing::generator;
using testing::largest_difference;
using testing::MadeUpSimulator;

constexpr std::int64_t kHorizon = 5, kRows = 50, kPairs = 3;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Two agents on a state of 3 numbers.
TaskSpec make_task(bool discrete) {
  TaskSpec task;
  task.name = "made up";
  task.state_width = 3;
  task.horizon = 100;
  task.agents = {{"first", {0, 1, 2}, {discrete, 2}},
                 {"second", {2}, {discrete, discrete ? 3 : 1}}};
  return task;
}

/// Episodes of 7 rows, some of which end in terminal states.
Transitions make_data(const TaskSpec& task) {
  const at::Generator random = generator(3);
  Transitions data;
  data.state = torch::randn({kRows, 3}, random);
  data.next_state = torch::randn({kRows, 3}, random);
  data.action = task.discrete() ? torch::randint(2, {kRows, 2}, random).to(torch::kFloat32)
                                : 2 * torch::rand({kRows, 3}, random) - 1;
  data.reward = torch::zeros({kRows});
  data.timeout = torch::arange(1, kRows + 1).remainder(7).eq(0);
  data.terminal = torch::arange(1, kRows + 1).remainder(14).eq(5);
  return data;
}

/// The data, a small untrained world model and team.
struct Scene {
  explicit Scene(bool discrete, const char* memory = "off")
      : task(make_task(discrete)),
        data(make_data(task)),
        params(
            {{"memory", memory}, {"memory_length", std::to_string(kPairs)}, {"memory_width", "8"}}),
        perception({task, data, params, streams, torch::kCPU, 1, logger, nullptr, nullptr}, task,
                   data, SteppedByTheAlgorithm{}),
        model({3, task.encoded_width(), 4, 16, 2, 1}, torch::kCPU, generator(1)),
        policy(task, Distribution::kGaussian, perception.width(), 16, torch::kCPU, generator(2)) {
    options.horizon = kHorizon;
    options.transitions = 203;
    options.lambda_r = 0.5;
    options.lambda_g = 0.25;
    model_options.uncertainty_clip = model_options.stop_threshold = kInfinity;
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  void set_terminal_bias(double bias) {
    const torch::NoGradGuard no_grad;
    auto* ends = dynamic_cast<Mlp*>(model.modules()[2]);
    REQUIRE(ends != nullptr);
    Tensor last = ends->bias(1);
    last.fill_(bias);
  }
  moma_ppo::Rollouts collect_on(moma_ppo::Stage& stage, std::uint64_t seed = 4) const {
    return moma_ppo::collect(stage, {data, perception, policy}, options, generator(seed));
  }
  moma_ppo::Rollouts collect(std::uint64_t seed = 4) const {
    moma_ppo::ModelStage stage(model.of_kept(), task, model_options);
    return collect_on(stage, seed);
  }

  TaskSpec task;
  Transitions data;
  Params params;
  Streams streams{1};
  testing::SilentLogger logger;
  Perception perception;
  WorldModel model;
  TeamPolicy policy;
  moma_ppo::RolloutOptions options;
  WorldModelOptions model_options;
};

/// What agents remember before transition t: the dataset's where a rollout begins, later that of
/// the step before and what was seen and done in it.
Tensor expected_history(const Scene& scene, const moma_ppo::Rollouts& r, std::int64_t t,
                        bool first) {
  const Histories& histories = scene.perception.histories();
  if (first) {
    const Tensor row = (scene.data.state == r.state[t]).all(1).nonzero().flatten();
    REQUIRE(row.size(0) == 1);
    return histories.before(row);
  }
  const auto before = [t](const Tensor& x, std::int64_t dim) { return x.narrow(dim, t - 1, 1); };
  return histories.append(before(r.seen.history, 1), before(r.seen.observation, 1),
                          before(r.action, 0));
}

/// Checks that hold for every collection; returns the lengths of its rollouts.
std::vector<std::int64_t> check_rollouts(const Scene& scene, const moma_ppo::Rollouts& r) {
  const std::int64_t count = r.reward.size(0);
  CHECK(count >= scene.options.transitions);
  REQUIRE(r.action.sizes() == torch::IntArrayRef({count, scene.task.joint_width()}));
  REQUIRE(r.log_prob.sizes() == torch::IntArrayRef({2, count}));
  CHECK(torch::equal(r.seen.observation, scene.perception.observer()(r.state)));
  const Tensor ended = r.terminal | r.timeout;
  CHECK(ended[count - 1].item<bool>());
  std::vector<std::int64_t> lengths;
  std::int64_t length = 0;
  for (std::int64_t t = 0; t < count; ++t) {
    const bool first = length == 0;
    if (first) {  // A rollout begins in a state of the dataset ...
      CHECK((scene.data.state == r.state[t]).all(1).any().item<bool>());
    } else {  // ... and goes on where its last step led.
      CHECK(torch::equal(r.state[t], r.next_state[t - 1]));
    }
    if (scene.perception.remembers()) {
      CHECK(torch::equal(r.seen.history.narrow(1, t, 1), expected_history(scene, r, t, first)));
    }
    ++length;
    const bool last_step = length == scene.options.horizon;
    CHECK(r.timeout[t].item<bool>() == (last_step || r.unreliable[t].item<bool>()));
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
    for (const char* memory : {"off", "on"}) {
      CAPTURE(discrete);
      CAPTURE(memory);
      Scene scene(discrete, memory);
      scene.set_terminal_bias(-0.1);
      const moma_ppo::Rollouts r = scene.collect();
      const auto lengths = check_rollouts(scene, r);
      // Some ended in a terminal state and some at the horizon, so one wave was not enough.
      CHECK(shorter(lengths) > 0);
      CHECK(shorter(lengths) < static_cast<std::int64_t>(lengths.size()));
      CHECK(static_cast<std::int64_t>(lengths.size()) > scene.options.rollouts());
      CHECK(r.seen.history.defined() == scene.perception.remembers());
      CHECK_FALSE(r.unreliable.any().item<bool>());
    }
  }
}

TEST_CASE("rollouts begin with histories of the dataset, whole and cut short") {
  const Scene scene(/*discrete=*/false, "on");
  const moma_ppo::Rollouts r = scene.collect();
  check_rollouts(scene, r);
  const Tensor first =
      torch::cat({torch::tensor({true}), r.timeout.narrow(0, 0, r.timeout.size(0) - 1)});
  const Tensor pairs =  // of the first agent, where a rollout begins
      r.seen.history[0].index_select(0, first.nonzero().squeeze(1)).abs().sum(-1).gt(0).sum(1);
  CHECK(pairs.min().item<std::int64_t>() == 0);  // an episode's first row
  CHECK(pairs.max().item<std::int64_t>() == kPairs);
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
  Scene scene(/*discrete=*/true, "on");
  scene.set_terminal_bias(1000);
  const moma_ppo::Rollouts r = scene.collect();
  CHECK(r.terminal.all().item<bool>());
  CHECK(r.mean_length == 1);
  check_rollouts(scene, r);
}

TEST_CASE("a horizon of one step gives as many rollouts as transitions") {
  Scene scene(/*discrete=*/true, "on");
  scene.options.horizon = 1;
  const moma_ppo::Rollouts r = scene.collect();
  CHECK(r.reward.size(0) == 203);
  CHECK(r.timeout.all().item<bool>());
  check_rollouts(scene, r);
}

TEST_CASE("an unreliable prediction is flagged, kept and stops its rollout") {
  Scene scene(/*discrete=*/false, "on");
  scene.set_terminal_bias(-1000);
  const Tensor open = scene.collect().eps_g;
  scene.model_options.stop_threshold = open.median().item<double>();
  const moma_ppo::Rollouts r = scene.collect();
  CHECK(shorter(check_rollouts(scene, r)) > 0);
  CHECK(torch::equal(r.unreliable, r.eps_g.ge(scene.model_options.stop_threshold)));
  CHECK(r.unreliable.any().item<bool>());
  CHECK((r.timeout & r.unreliable.logical_not()).any().item<bool>());  // and some at the horizon
}

namespace {

/// Every rollout ends with its second step; writes down what it is asked.
class TwoSteps final : public moma_ppo::Stage {
 public:
  void begin(const Tensor& state) override {
    began.push_back(state.size(0));
    step_ = 0;
  }
  WorldModel::Step step(const Tensor& state, const Tensor&, at::Generator) override {
    stepped.push_back(state.size(0));
    const Tensor no = torch::zeros({state.size(0)});
    WorldModel::Step result;
    result.next_state = state + 1;
    result.terminal = torch::full({state.size(0)}, ++step_ == 2, torch::kBool);
    result.reward = result.eps_r = result.eps_g = result.aleatoric = no;
    result.unreliable = torch::zeros_like(result.terminal);
    return result;
  }
  void keep(const Tensor& index) override { kept.push_back(index.size(0)); }

  std::vector<std::int64_t> began, stepped, kept;

 private:
  int step_ = 0;
};

}  // namespace

TEST_CASE("waves are as large as the lengths so far make it promising, and no larger than k asks") {
  Scene scene(/*discrete=*/false);
  scene.options.transitions = 100;
  TwoSteps stage;
  const moma_ppo::Rollouts r = scene.collect_on(stage);
  const std::vector<std::int64_t> waves = {20, 20, 10}, steps = {20, 20, 20, 20, 10, 10},
                                  kept = {20, 0, 20, 0, 10, 0};
  CHECK(stage.began == waves);
  CHECK(stage.stepped == steps);
  CHECK(stage.kept == kept);
  CHECK(r.reward.size(0) == 100);
  CHECK(r.mean_length == 2);
  check_rollouts(scene, r);
}

TEST_CASE("rewards are penalised by both epistemic uncertainties, after clipping") {
  Scene scene(/*discrete=*/false);
  scene.model_options.uncertainty_clip = 0.05;
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

  Scene scene(/*discrete=*/false);
  scene.options.aleatoric = true;
  scene.options.lambda_aleatoric = 0.75;
  const moma_ppo::Rollouts r = scene.collect();
  CHECK(r.aleatoric.min().item<double>() > 0);
  CHECK(largest_difference(r.raw_reward - r.reward, 0.75 * r.aleatoric) < 1e-5);
}

TEST_CASE("log-probabilities are the policy's for what was seen and drawn") {
  for (const bool discrete : {true, false}) {
    for (const char* memory : {"off", "on"}) {
      const Scene scene(discrete, memory);
      const moma_ppo::Rollouts r = scene.collect();
      const torch::NoGradGuard no_grad;
      CHECK(largest_difference(scene.policy.log_prob(scene.perception.see(r.seen), r.action),
                               r.log_prob) < 1e-5);
    }
  }
}

TEST_CASE("the generator alone decides what is collected") {
  for (const char* memory : {"off", "on"}) {
    const Scene scene(/*discrete=*/false, memory);
    const auto a = scene.collect(4), b = scene.collect(4), c = scene.collect(5);
    CHECK(torch::equal(a.next_state, b.next_state));
    CHECK(torch::equal(a.reward, b.reward));
    CHECK_FALSE(torch::equal(a.state.narrow(0, 0, 100), c.state.narrow(0, 0, 100)));
  }
}

namespace {

/// The simulator as a stage, and the simulator itself to look at.
struct OnSimulator {
  explicit OnSimulator(const Scene& scene)
      : owned(std::make_unique<MadeUpSimulator>(scene.task, scene.options.rollouts())),
        simulator(*owned),
        stage(std::move(owned), torch::kCPU) {}
  std::unique_ptr<MadeUpSimulator> owned;
  MadeUpSimulator& simulator;
  moma_ppo::SimulatorStage stage;
};

}  // namespace

TEST_CASE("in the simulator next states, rewards and ends are its own, and nothing is uncertain") {
  for (const char* memory : {"off", "on"}) {
    CAPTURE(memory);
    const Scene scene(/*discrete=*/false, memory);
    OnSimulator on(scene);
    const moma_ppo::Rollouts r = scene.collect_on(on.stage);
    const auto lengths = check_rollouts(scene, r);
    CHECK(shorter(lengths) > 0);
    CHECK(shorter(lengths) < static_cast<std::int64_t>(lengths.size()));
    // Even where actions are out of bounds and states out of the dataset's box.
    CHECK(torch::equal(r.next_state, MadeUpSimulator::next_state_of(r.state, r.action)));
    CHECK(torch::equal(r.terminal, MadeUpSimulator::terminal_of(r.next_state)));
    CHECK(largest_difference(r.raw_reward, MadeUpSimulator::reward_of(r.state, r.action)) < 1e-5);
    CHECK(r.action.abs().max().item<double>() > 1);
    CHECK(r.next_state.max().item<double>() > scene.data.next_state.max().item<double>());
    CHECK(torch::equal(r.reward, r.raw_reward));
    for (const Tensor& uncertainty : {r.eps_r, r.eps_g, r.aleatoric}) {
      CHECK(uncertainty.eq(0).all().item<bool>());
    }
    CHECK_FALSE(r.unreliable.any().item<bool>());
    // One step for each transition: whoever has finished is left alone.
    CHECK(on.simulator.steps() == r.reward.size(0));
  }
}

TEST_CASE("the simulator's horizon ends a rollout as a timeout") {
  Scene scene(/*discrete=*/false);
  scene.task.horizon = 3;
  OnSimulator on(scene);
  const moma_ppo::Rollouts r = scene.collect_on(on.stage);
  const auto lengths = check_rollouts(scene, r);
  CHECK(*std::max_element(lengths.begin(), lengths.end()) == 3);
  CHECK((r.timeout & r.terminal.logical_not()).any().item<bool>());
  CHECK(on.simulator.steps() == r.reward.size(0));
}

}  // namespace labhost
