#include "core/nn/perception.hpp"

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <optional>

#include "tests/algorithms/trained_plugin.hpp"
#include "tests/base/scratch_folder.hpp"
#include "tests/nn/reference.hpp"

namespace labhost {

namespace {

using testing::DefaultType;
using testing::generator;
using testing::largest_difference;

/// Two agents: the first sees two of three numbers and moves two components, the second one of
/// each.
TaskSpec partial() {
  TaskSpec task;
  task.name = "partial";
  task.state_width = 3;
  task.agents = {{"first", {2, 0}, {/*discrete=*/false, 2}}, {"second", {1}, {false, 1}}};
  return task;
}

TaskSpec whole() {
  TaskSpec task = partial();
  for (AgentSpec& agent : task.agents) agent.observes = {0, 1, 2};
  return task;
}

/// Episodes of four rows.
Transitions random_data(std::int64_t rows) {
  const at::Generator random = generator(11);
  Transitions data;
  data.state = torch::randn({rows, 3}, random);
  data.action = torch::rand({rows, 3}, random) * 2 - 1;
  data.reward = torch::zeros({rows});
  data.next_state = torch::randn({rows, 3}, random);
  data.terminal = torch::zeros({rows}, torch::kBool);
  data.timeout = torch::arange(1, rows + 1).remainder(4).eq(0);
  return data;
}

/// A perception with all that it refers to; `own`: the memory is stepped by the algorithm.
struct Made {
  Made(const TaskSpec& of, const Transitions& on, const std::string& memory, std::uint64_t seed = 1,
       std::optional<SteppedByTheAlgorithm> own = std::nullopt)
      : task(of),
        data(on),
        params({{"memory", memory},
                {"memory_length", "3"},
                {"memory_width", "6"},
                {"memory_learning_rate", "0.01"}}),
        streams(seed),
        context{task, data, params, streams, torch::kCPU, 1, logger, nullptr, nullptr},
        perception(own ? Perception(context, task, data, *own)
                       : Perception(context, task, data, 1.0)) {}
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;

  TaskSpec task;
  Transitions data;
  Params params;
  Streams streams;
  testing::SilentLogger logger;
  AlgorithmContext context;
  Perception perception;
};

Archive saved(const Perception& perception) {
  Archive archive;
  perception.save(archive, "perception");
  return archive;
}

Batch all_rows(const Transitions& data) {
  return Sampler(data, 1, generator()).at(torch::arange(data.size(), torch::kLong));
}

/// One step of the memory, so that target and optimiser differ from the start.
void step(Perception& perception, const Batch& batch) {
  minimise(perception.see(perception.now(batch)).square().mean(), {perception.optimiser()});
}

/// What one copy saw, did and was shown in one episode.
struct Episode {
  std::vector<Tensor> states, actions, inputs;  // [S], [W], [N, I]
};

/// Plays on copies of its own making and writes down who was shown what.
class Play {
 public:
  explicit Play(const Perception& perception)
      : team_(perception.team([this](const Tensor& input) { return act(input); })) {}

  void begin(const std::vector<std::int64_t>& copies) {
    team_->begin(torch::tensor(copies, torch::kLong));
    for (const std::int64_t copy : copies) {
      running_[copy] = episodes_.size();
      episodes_.emplace_back();
    }
  }
  void act(const std::vector<std::int64_t>& copies) {
    const Tensor state = torch::randn({static_cast<std::int64_t>(copies.size()), 3}, random_);
    const Tensor action = team_->act(torch::tensor(copies, torch::kLong), state);
    for (std::size_t i = 0; i < copies.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      Episode& episode = episodes_[running_.at(copies[i])];
      episode.states.push_back(state[row]);
      episode.actions.push_back(action[row]);
      episode.inputs.push_back(shown_.select(1, row));
    }
  }
  const std::vector<Episode>& episodes() const { return episodes_; }

 private:
  /// Some of these actions are out of bounds, which are remembered inside of them.
  Tensor act(const Tensor& input) {
    shown_ = input;
    return 1.5 * torch::sin(input.sum(-1).t().matmul(torch::randn({2, 3}, generator(2))));
  }

  std::unique_ptr<Policy> team_;
  at::Generator random_ = generator(9);
  Tensor shown_;  // [N, B, I]
  std::map<std::int64_t, std::size_t> running_;
  std::vector<Episode> episodes_;
};

/// The play as a dataset, episode after episode.
Transitions recorded(const std::vector<Episode>& episodes) {
  std::vector<Tensor> states, actions, ends;
  for (const Episode& episode : episodes) {
    states.insert(states.end(), episode.states.begin(), episode.states.end());
    actions.insert(actions.end(), episode.actions.begin(), episode.actions.end());
    Tensor end = torch::zeros({static_cast<std::int64_t>(episode.states.size())}, torch::kBool);
    end[-1] = true;
    ends.push_back(end);
  }
  Transitions data;
  data.state = data.next_state = torch::stack(states);
  data.action = torch::stack(actions);
  data.timeout = torch::cat(ends);
  data.terminal = torch::zeros_like(data.timeout);
  data.reward = torch::zeros({data.timeout.size(0)});
  return data;
}

}  // namespace

namespace {

TaskSpec partial_with_magnitudes() {
  TaskSpec task = partial();
  task.state_scale = {0.5, 4, 2};
  return task;
}

/// Several copies at play, then the recorded play as a dataset: both must show the same.
void check_team(std::optional<SteppedByTheAlgorithm> own) {
  const Made made(partial_with_magnitudes(), random_data(8), "auto", /*seed=*/1, own);
  Play play(made.perception);
  play.begin({0});
  play.act({0});
  play.act({0});
  play.begin({1});
  for (int i = 0; i < 3; ++i) play.act({0, 1});
  play.begin({0});  // again: its past is forgotten, the other's is not
  play.act({1, 0});
  play.begin({3});  // beyond the copies so far
  for (int i = 0; i < 4; ++i) play.act({3, 0, 1});
  REQUIRE(play.episodes().size() == 4);

  Made replayed(partial_with_magnitudes(), recorded(play.episodes()), "auto", /*seed=*/2, own);
  replayed.perception.load(saved(made.perception), "perception");
  const torch::NoGradGuard no_grad;
  const Batch batch = all_rows(replayed.data);
  const Tensor expected = replayed.perception.see(replayed.perception.now(batch));  // [N, T, I]
  std::int64_t row = 0;
  for (const Episode& episode : play.episodes()) {
    for (const Tensor& input : episode.inputs) {
      CAPTURE(row);
      CHECK(largest_difference(input, expected.select(1, row++)) < 1e-12);
    }
  }
  REQUIRE(row == replayed.data.size());
  CHECK(replayed.data.action.abs().max().item<double>() > 1);
}

}  // namespace

TEST_CASE("a team remembers each copy's own episode, as the dataset of its play would have it") {
  const DefaultType doubles(torch::kFloat64);
  check_team(std::nullopt);
  check_team(SteppedByTheAlgorithm{});
  check_team(SteppedByTheAlgorithm{/*scale_inputs=*/true});
}

TEST_CASE("memories are for tasks that an agent does not see whole, unless said otherwise") {
  const Transitions data = random_data(8);
  CHECK(Made(partial(), data, "auto").perception.remembers());
  CHECK(!Made(whole(), data, "auto").perception.remembers());
  CHECK(Made(whole(), data, "on").perception.remembers());
  CHECK(!Made(partial(), data, "off").perception.remembers());
}

TEST_CASE("with a memory networks see its embedding, then the observation") {
  const DefaultType doubles(torch::kFloat64);
  const Made made(partial(), random_data(8), "on");
  const Perception& perception = made.perception;
  CHECK(perception.width() == 6 + 2);
  const Batch batch = all_rows(made.data);
  const View now = perception.now(batch), next = perception.next(batch);
  CHECK(torch::equal(now.observation, perception.observer()(batch.state)));
  CHECK(torch::equal(next.observation, perception.observer()(batch.next_state)));
  CHECK(torch::equal(now.history, perception.histories().before(batch.rows)));
  CHECK(torch::equal(next.history, perception.histories().after(batch.rows)));
  const Tensor seen = perception.see(now);
  CHECK(seen.sizes() == torch::IntArrayRef({2, 8, 8}));
  CHECK(seen.requires_grad());
  CHECK(torch::equal(seen.narrow(-1, 6, 2), now.observation));
  const Tensor target = perception.see_as_target(now);
  CHECK(!target.requires_grad());
  CHECK(torch::equal(target, seen));  // it begins as a copy
}

TEST_CASE("without a memory networks see the observation") {
  Made made(partial(), random_data(8), "off");
  Perception& perception = made.perception;
  CHECK(perception.width() == 2);
  CHECK(perception.optimiser() == nullptr);
  const View now = perception.now(all_rows(made.data));
  CHECK(!now.history.defined());
  CHECK(torch::equal(perception.see(now), now.observation));
  CHECK(torch::equal(perception.see_as_target(now), now.observation));
  perception.polyak(0.5);
  CHECK(saved(perception).tensors().empty());
  const auto team = perception.team([](const Tensor& input) { return input.sum(0); });
  team->begin(torch::tensor({0}, torch::kLong));
  const Tensor state = torch::randn({1, 3}, generator());
  CHECK(torch::equal(team->act(torch::tensor({0}, torch::kLong), state),
                     perception.observer()(state).sum(0)));
}

TEST_CASE("the memory that learns leaves its target behind, which follows at its rate") {
  const DefaultType doubles(torch::kFloat64);
  Made made(partial(), random_data(8), "on");
  Perception& perception = made.perception;
  const View now = perception.now(all_rows(made.data));
  const Tensor start = perception.see_as_target(now);
  step(perception, all_rows(made.data));
  CHECK(torch::equal(perception.see_as_target(now), start));
  CHECK(largest_difference(perception.see(now), start) > 1e-3);
  perception.polyak(0.25);
  CHECK(largest_difference(perception.see_as_target(now), start) > 1e-4);
  CHECK(largest_difference(perception.see_as_target(now), perception.see(now)) > 1e-4);
  perception.polyak(1);
  CHECK(largest_difference(perception.see_as_target(now), perception.see(now)) < 1e-12);
}

TEST_CASE("data without the end of an episode is refused where a memory is wanted") {
  Transitions data = random_data(8);
  data.timeout.fill_(false);
  CHECK(testing::contains(testing::input_error([&] { Made(partial(), data, "auto"); }),
                          "neither a terminal nor a timeout"));
  CHECK(!Made(partial(), data, "off").perception.remembers());
}

TEST_CASE("a loaded perception sees and learns as the saved one") {
  const DefaultType doubles(torch::kFloat64);
  Made first(partial(), random_data(8), "on"), second(partial(), random_data(8), "on", /*seed=*/2);
  const Batch batch = all_rows(first.data);
  step(first.perception, batch);
  step(first.perception, batch);
  const View now = first.perception.now(batch);
  CHECK(!torch::equal(second.perception.see(now), first.perception.see(now)));
  second.perception.load(saved(first.perception), "perception");
  for (int i = 0; i < 2; ++i) {
    CHECK(torch::equal(second.perception.see(now), first.perception.see(now)));
    CHECK(torch::equal(second.perception.see_as_target(now), first.perception.see_as_target(now)));
    step(first.perception, batch);
    step(second.perception, batch);
  }
}

TEST_CASE("scaled inputs are what is seen and what is remembered, each by its magnitude") {
  const DefaultType doubles(torch::kFloat64);
  const Transitions data = random_data(8);
  Transitions divided = data;
  const Tensor magnitude = torch::tensor({0.5, 4.0, 2.0});
  divided.state = data.state / magnitude;
  divided.next_state = data.next_state / magnitude;
  const Made scaled(partial_with_magnitudes(), data, "on", 1, SteppedByTheAlgorithm{true}),
      raw(partial_with_magnitudes(), data, "on", 1, SteppedByTheAlgorithm{false}),
      expected(partial(), divided, "on", 1, SteppedByTheAlgorithm{false});
  const auto views = [](const Made& made) {
    const Batch batch = all_rows(made.data);
    return std::array<View, 2>{made.perception.now(batch), made.perception.next(batch)};
  };
  for (const std::size_t when : {0U, 1U}) {
    const View found = views(scaled)[when], wanted = views(expected)[when];
    CHECK(largest_difference(found.observation, wanted.observation) < 1e-12);
    CHECK(largest_difference(found.history, wanted.history) < 1e-12);
    CHECK(largest_difference(views(raw)[when].observation, wanted.observation) > 0.1);
    CHECK(largest_difference(views(raw)[when].history, wanted.history) > 0.1);
  }
  // Actions are remembered as they are: the last of a pair's numbers.
  CHECK(torch::equal(views(scaled)[1].history.narrow(-1, 2, 2),
                     views(raw)[1].history.narrow(-1, 2, 2)));
}

TEST_CASE("a memory that the algorithm steps has neither an optimiser nor a target, and learns") {
  const DefaultType doubles(torch::kFloat64);
  Made made(partial(), random_data(8), "on", 1, SteppedByTheAlgorithm{});
  Perception& perception = made.perception;
  CHECK(perception.optimiser() == nullptr);
  REQUIRE(perception.memory() != nullptr);
  const View now = perception.now(all_rows(made.data));
  CHECK_THROWS_WITH_AS(perception.see_as_target(now),
                       doctest::Contains("the algorithm steps has no target copy"), c10::Error);
  const Tensor start = perception.see(now).detach();
  perception.polyak(1);
  CHECK(torch::equal(perception.see(now), start));
  Adam adam({perception.memory()}, 0.01, Clip::kGlobal);
  adam.minimise(perception.see(now).square().mean());
  CHECK(largest_difference(perception.see(now), start) > 1e-3);

  Made without(partial(), random_data(8), "off", 1, SteppedByTheAlgorithm{});
  CHECK(without.perception.memory() == nullptr);
  CHECK(saved(without.perception).tensors().empty());
}

TEST_CASE("of a memory that the algorithm steps its parameters alone are saved and loaded") {
  const DefaultType doubles(torch::kFloat64);
  Made first(partial(), random_data(8), "on", 1, SteppedByTheAlgorithm{}),
      second(partial(), random_data(8), "on", 2, SteppedByTheAlgorithm{});
  const Archive archive = saved(first.perception);
  REQUIRE(archive.tensors().size() == 1);
  CHECK(archive.contains("perception/memory"));
  const View now = first.perception.now(all_rows(first.data));
  CHECK(!torch::equal(second.perception.see(now), first.perception.see(now)));
  second.perception.load(archive, "perception");
  CHECK(torch::equal(second.perception.see(now), first.perception.see(now)));
}

}  // namespace labhost
