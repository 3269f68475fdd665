// SAC: its losses and its replay buffer by hand, what it keeps, and that it learns Reacher.
#include <doctest/doctest.h>

#include <cmath>

#include "core/nn/team_file.hpp"
#include "core/plugins/contract_tasks.hpp"
#include "core/runner/worker/evaluation.hpp"
#include "plugins/algorithms/sac/losses.hpp"
#include "plugins/algorithms/sac/replay.hpp"
#include "tests/algorithms/trained_plugin.hpp"

namespace labhost {

namespace {

using testing::built_plugin;
using testing::Overrides;
using testing::params_of;
using testing::TrainedPlugin;

Tensor vector(const std::vector<double>& values) { return torch::tensor(values, torch::kFloat64); }

Tensor matrix(std::int64_t rows, const std::vector<double>& values) {
  return vector(values).view({rows, -1});
}

void check_values(const Tensor& found, const std::vector<double>& expected) {
  const Tensor flat = found.flatten();
  REQUIRE(flat.size(0) == static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(flat[static_cast<std::int64_t>(i)].item<double>() ==
          doctest::Approx(expected[i]).epsilon(1e-6));
  }
}

/// What the InputError says that `call` throws.
template <typename Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A step that leads to `next` [C] (as states of one number), with rewards equal to it.
StepResult step_to(const Tensor& next, const std::vector<bool>& terminal,
                   const std::vector<bool>& timeout) {
  const auto flags = [](const std::vector<bool>& values) {
    Tensor result = torch::zeros({static_cast<std::int64_t>(values.size())}, torch::kBool);
    for (std::size_t i = 0; i < values.size(); ++i) {
      result[static_cast<std::int64_t>(i)] = static_cast<bool>(values[i]);
    }
    return result;
  };
  return {next.view({-1, 1}), next.clone(), flags(terminal), flags(timeout)};
}

TaskSpec one_number() {
  TaskSpec task;
  task.name = "one number";
  task.state_width = 1;
  task.horizon = 3;
  task.agents = {{"only", {0}, {/*discrete=*/false, 1}}};
  return task;
}

/// Two copies, three steps. Copy 0: rows 0, 2 (terminal), then 4. Copy 1: rows 1, 3, 5 (timeout).
void fill(sac::ReplayBuffer& replay) {
  const std::vector<std::vector<bool>> terminal = {{false, false}, {true, false}, {false, false}};
  const std::vector<std::vector<bool>> timeout = {{false, false}, {false, false}, {false, true}};
  for (std::int64_t t = 0; t < 3; ++t) {
    const Tensor row = torch::arange(2 * t, 2 * t + 2).to(torch::kFloat32);
    const auto at = static_cast<std::size_t>(t);
    replay.append(row.view({2, 1}), -row.view({2, 1}),
                  step_to(row + 100, terminal[at], timeout[at]));
  }
}

/// The synthetic continuous task with its simulator, episodes of 20 steps.
TrainedPlugin make_sac(const Overrides& overrides, std::int64_t updates) {
  static const SyntheticTask synthetic = synthetic_tasks().at(1);
  Overrides params = {{"copies", "2"},        {"steps_per_update", "100"},
                      {"start_steps", "100"}, {"batch_size", "16"},
                      {"hidden", "16"},       {"medium_score", "-1e9"}};
  for (const auto& [name, value] : overrides) params[name] = value;
  return {synthetic.task,
          Transitions::none(synthetic.task),
          {"sac", params, updates, 1, {}, [](std::int64_t copies) {
             return synthetic.environment(copies);
           }}};
}

Tensor greedy_actions(Algorithm& algorithm, const std::string& snapshot) {
  const auto policy = algorithm.snapshot(snapshot, /*greedy=*/true, Streams(1).get("test"));
  const Tensor index = torch::arange(4);
  policy->begin(index);
  return policy->act(index, torch::linspace(-1, 1, 20).view({4, 5}));
}

}  // namespace

TEST_CASE("squashed actions have the density of the tanh of a Gaussian") {
  const double half = std::log(0.5);
  const sac::Action found =
      sac::squash(matrix(2, {0.5, -1, 0, 0}), matrix(2, {half, 0, 0, 0}), matrix(2, {1, -2, 0, 0}));
  check_values(found.action, {std::tanh(1.0), std::tanh(-3.0), 0, 0});
  const double constant = -std::log(2 * std::acos(-1.0));  // of two components
  const auto slope = [](double u) { return std::log(1 - std::pow(std::tanh(u), 2)); };
  check_values(found.log_prob, {constant - 0.5 * (1 + 4) - half - slope(1) - slope(-3), constant});
}

TEST_CASE("far out, the density is finite and has a gradient that leads back") {
  const Tensor mean = matrix(2, {60, -60}).set_requires_grad(true);
  const sac::Action found = sac::squash(mean, torch::zeros_like(mean), torch::zeros_like(mean));
  CHECK(torch::isfinite(found.log_prob).all().item<bool>());
  found.log_prob.sum().backward();
  check_values(mean.grad(), {2, -2});  // d/du of -log(1 - tanh(u)^2) = 2 tanh(u)
}

TEST_CASE("the critics' target is bootstrapped from the smaller twin, except at terminals") {
  const Tensor found = sac::target_value(vector({1, 2, 3}), vector({1, 1, 0}),
                                         matrix(2, {5, 4, 9, /* twin */ 6, 2, 9}),
                                         vector({-1, 2, -7}), vector({0.5}), 0.9);
  check_values(found, {1 + 0.9 * (5 + 0.5), 2 + 0.9 * (2 - 1), 3});
}

TEST_CASE("critic, policy and temperature losses") {
  check_values(sac::critic_loss(matrix(2, {1, 2, /* twin */ 0, 5}), vector({2, 4})),
               {0.5 * (1.0 + 4.0) / 2 + 0.5 * (4.0 + 1.0) / 2});
  check_values(sac::policy_loss(matrix(2, {1, 4, /* twin */ 3, 2}), vector({-1, 3}), vector({0.5})),
               {((-0.5 - 1) + (1.5 - 2)) / 2});
  const Tensor log_temperature = vector({std::log(0.5)}).set_requires_grad(true);
  const Tensor loss = sac::temperature_loss(log_temperature, vector({1, 4}), -2);
  check_values(loss, {-0.5 * (2.5 - 2)});
  loss.backward();
  check_values(log_temperature.grad(), {-0.25});  // entropy -2.5 < -2: a step raises it
}

TEST_CASE("the replay buffer keeps the order of collection, and whole episodes come out of it") {
  sac::ReplayBuffer replay(one_number(), 6, 2, torch::kCPU);
  fill(replay);
  Archive archive;
  replay.save(archive, "replay");
  check_values(archive.tensor("replay/states"), {0, 1, 2, 3, 4, 5});
  check_values(archive.tensor("replay/next_states"), {100, 101, 102, 103, 104, 105});

  const Transitions episodes = replay.episodes();
  check_values(episodes.state, {0, 2, 1, 3, 5, 4});
  check_values(episodes.action, {0, -2, -1, -3, -5, -4});
  check_values(episodes.reward, {100, 102, 101, 103, 105, 104});
  check_values(episodes.terminal, {0, 1, 0, 0, 0, 0});
  check_values(episodes.timeout, {0, 0, 0, 0, 1, 1});  // the last one was cut by the run's end
}

TEST_CASE("only what is filled is saved, and any buffer takes it") {
  sac::ReplayBuffer replay(one_number(), 1000, 2, torch::kCPU);
  fill(replay);
  Archive archive;
  replay.save(archive, "replay");
  CHECK(archive.tensor("replay/rewards").size(0) == 6);
  for (const std::int64_t capacity : {4, 6, 1000}) {
    sac::ReplayBuffer other(one_number(), capacity, 2, torch::kCPU);
    other.load(archive, "replay");
    CHECK(other.size() == 6);
    CHECK(torch::equal(other.episodes().next_state, replay.episodes().next_state));
  }
}

TEST_CASE("timeouts are bootstrapped from, terminals are not") {
  sac::ReplayBuffer replay(one_number(), 6, 2, torch::kCPU);
  fill(replay);
  const Batch batch = replay.draw(500, Streams(1).get("test"));
  CHECK(torch::equal(batch.next_state, batch.state + 100));
  CHECK(torch::equal(batch.reward, batch.next_state.squeeze(1)));
  const Tensor row = batch.state.squeeze(1);
  CHECK(torch::equal(batch.mask.eq(0), row.eq(2)));  // the terminal; row 5 is the timeout
  for (int i = 0; i < 6; ++i) CHECK(row.eq(i).any().item<bool>());
}

TEST_CASE("sac keeps its first policy, the medium one and all that it collected") {
  // An update is one step of two copies. Ten episodes have ended with the hundredth step.
  const Overrides single_steps = {{"steps_per_update", "2"}, {"start_steps", "50"}};
  TrainedPlugin sac = make_sac(single_steps, 150);
  const Tensor first = greedy_actions(*sac, "final");
  sac.update(99);
  CHECK(contains(refusal([&] { greedy_actions(*sac, "medium"); }), "never reached"));
  const Tensor second = greedy_actions(*sac, "");  // acts in the hundredth step
  CHECK_FALSE(torch::equal(first, second));
  sac.update(51);
  CHECK(torch::equal(greedy_actions(*sac, "initial"), first));
  CHECK(torch::equal(greedy_actions(*sac, "medium"), second));
  CHECK_FALSE(torch::equal(greedy_actions(*sac, "final"), second));
  CHECK(contains(refusal([&] { greedy_actions(*sac, "best"); }), "initial, medium, final"));

  const std::optional<Transitions> collected = sac->replay();
  REQUIRE(collected.has_value());
  CHECK(collected->size() == 300);
  collected->validate(synthetic_tasks().at(1).task, "replay");
  const Tensor ended = (collected->terminal | collected->timeout).slice(0, 0, -1).logical_not();
  CHECK(torch::equal(collected->state.slice(0, 1).index({ended}),
                     collected->next_state.slice(0, 0, -1).index({ended})));

  TrainedPlugin other = make_sac(single_steps, 150);
  other->load(sac.saved());
  CHECK(torch::equal(greedy_actions(*other, "initial"), first));
  CHECK(torch::equal(greedy_actions(*other, "medium"), second));
  CHECK(torch::equal(other->replay()->reward, collected->reward));
}

TEST_CASE("a kept policy does not change with later updates") {
  TrainedPlugin sac = make_sac({}, 6);
  const auto initial = sac->snapshot("initial", /*greedy=*/true, Streams(1).get("test"));
  const Tensor index = torch::arange(3), state = torch::ones({3, 5});
  const Tensor before = initial->act(index, state);
  sac.update(3);
  CHECK(torch::equal(initial->act(index, state), before));
}

TEST_CASE("sac keeps a policy after every snapshot_every transitions, and writes each as a file") {
  // An update is one step of two copies: snapshots after 20, 40 and 60 of 60 transitions.
  const Overrides settings = {
      {"steps_per_update", "2"}, {"start_steps", "10"}, {"snapshot_every", "20"}};
  TrainedPlugin sac = make_sac(settings, 30);
  const Tensor first = greedy_actions(*sac, "final");
  sac.update(10);
  const Tensor tenth = greedy_actions(*sac, "final");
  CHECK_FALSE(torch::equal(tenth, first));
  sac.update(20);
  CHECK(torch::equal(greedy_actions(*sac, "20"), tenth));
  CHECK(torch::equal(greedy_actions(*sac, "60"), greedy_actions(*sac, "final")));
  CHECK(contains(refusal([&] { greedy_actions(*sac, "30"); }), "20, 40, 60, initial, final"));

  TrainedPlugin other = make_sac(settings, 30);
  other->load(sac.saved());
  const TaskSpec task = synthetic_tasks().at(1).task;
  for (const char* name : {"initial", "20", "40", "60", "final", ""}) {
    CAPTURE(name);
    CHECK(torch::equal(greedy_actions(*other, name), greedy_actions(*sac, name)));
    const auto team = team_from_file(sac->policy_file(name).value(), "memory", task,
                                     /*greedy=*/true, Streams(1).get("test"));
    const Tensor state = torch::linspace(-1, 1, 3 * task.state_width).view({3, task.state_width});
    const auto kept = sac->snapshot(name, /*greedy=*/true, Streams(1).get("test"));
    CHECK(torch::equal(team->act(torch::arange(3), state), kept->act(torch::arange(3), state)));
  }
  CHECK(contains(refusal([&] { sac->policy_file("30"); }), "no snapshot '30'"));
  CHECK(contains(refusal([] {
                   make_sac({{"copies", "5"}, {"snapshot_every", "4"}}, 1);
                 }),
                 "snapshot_every must be at least the number of copies, 5"));
}

TEST_CASE("several copies share a gradient step") {
  // Two copies: a step of both is followed by 2, 1 and (rounded up from 0.2) 1 gradient steps.
  const auto after = [](const char* ratio) {
    TrainedPlugin sac = make_sac(
        {{"steps_per_update", "2"}, {"start_steps", "2"}, {"gradient_steps_per_step", ratio}}, 3);
    sac.update(3);
    return greedy_actions(*sac, "final");
  };
  CHECK_FALSE(torch::equal(after("1"), after("0.5")));
  CHECK(torch::equal(after("0.1"), after("0.5")));
}

TEST_CASE("sac says what it cannot do") {
  TrainedPlugin sac = make_sac({{"medium_score", "1e9"}}, 3);
  sac.update(3);
  CHECK(contains(refusal([&] { greedy_actions(*sac, "medium"); }), "never reached medium_score"));
  CHECK(contains(refusal([] {
                   make_sac({{"capacity", "299"}}, 3);
                 }),
                 "collects 300 transitions, but capacity is 299"));
  const SyntheticTask discrete = synthetic_tasks().at(0);
  CHECK(contains(refusal([&] {
                   TrainedPlugin(discrete.task, Transitions::none(discrete.task), {"sac", {}, 1});
                 }),
                 "sac needs continuous actions"));
}

TEST_CASE("sac learns to reach, and its first policy does not") {
  const LoadedPlugin reacher = built_plugin("reacher");
  const Params params = params_of(reacher, {{"agents", "1"}});
  testing::SilentLogger logger;
  const auto make = [&](std::int64_t copies, std::uint64_t seed) {
    return reacher.make(EnvironmentContext{params, copies, seed, 1, logger});
  };
  constexpr std::int64_t kEpisodes = 50;
  const auto environment = make(kEpisodes, 9);
  TrainedPlugin sac(environment->task(), Transitions::none(environment->task()),
                    {"sac",
                     {{"copies", "10"},
                      {"start_steps", "1000"},
                      {"batch_size", "64"},
                      {"hidden", "64"},
                      {"learning_rate", "1e-3"}},
                     40,
                     1,
                     {},
                     [&](std::int64_t copies) { return make(copies, 1); }});
  const auto mean_return = [&](const std::string& snapshot) {
    const auto policy = sac->snapshot(snapshot, /*greedy=*/true, Streams(1).get("test"));
    return evaluate(*environment, *policy, kEpisodes).mean_return();
  };
  const double before = mean_return("initial");
  sac.update(40);
  const double after = mean_return("final");
  CAPTURE(before);
  CAPTURE(after);
  CHECK(before < -20);
  CHECK(after > -12);
}

}  // namespace labhost
