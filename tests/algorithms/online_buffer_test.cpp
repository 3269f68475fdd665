// What maiql-ft has met: rollouts from dataset states, their histories, their place in batches.
#include "plugins/algorithms/maiql-ft/online_buffer.hpp"

#include <doctest/doctest.h>

#include "core/plugins/contract_tasks.hpp"
#include "tests/algorithms/trained_plugin.hpp"

namespace labhost {

namespace {

constexpr std::int64_t kLength = 4, kPairs = 10;

/// The partially observed synthetic task and a perception of it.
struct Setup {
  explicit Setup(const char* memory)
      : synthetic(synthetic_tasks().at(1)),
        params(testing::params_of(testing::built_plugin("maiql-ft"),
                                  {{"memory", memory}, {"memory_width", "8"}})),
        perception(AlgorithmContext{synthetic.task, synthetic.data, params, streams, torch::kCPU,
                                    10, logger, nullptr, nullptr},
                   synthetic.task, synthetic.data, 1.0),
        environment(synthetic.environment(3)) {}

  double roll(maiql_ft::OnlineBuffer& buffer, const Tensor& rows, double reward_scale) {
    const auto act = [this](const Tensor& input) {
      seen.push_back(input);
      return torch::full({input.size(1), 4}, 0.25 + 0.1 * static_cast<double>(seen.size()));
    };
    return buffer.roll(*environment, synthetic.data, rows, kLength, reward_scale, act);
  }

  SyntheticTask synthetic;
  testing::SilentLogger logger;
  Params params;
  Streams streams{1};
  Perception perception;
  std::unique_ptr<Environment> environment;
  std::vector<Tensor> seen;  // inputs of the policies
};

}  // namespace

TEST_CASE("rollouts go on from the dataset's states with its histories") {
  Setup setup("on");
  maiql_ft::OnlineBuffer buffer(setup.synthetic.task, setup.perception, 100, torch::kCPU);
  const Tensor rows = torch::tensor({5, 21, 300});
  const double mean_reward = setup.roll(buffer, rows, 2.0);
  REQUIRE(buffer.size() == 3 * kLength);
  const Batch all = buffer.at(torch::arange(12));
  // Step after step, over all rollouts: rows 0 to 2 are the first steps.
  CHECK(torch::equal(all.state.narrow(0, 0, 3), setup.synthetic.data.state.index_select(0, rows)));
  CHECK(torch::equal(all.state.narrow(0, 3, 9), all.next_state.narrow(0, 0, 9)));
  CHECK(all.mask.eq(1).all().item<bool>());
  CHECK(mean_reward == doctest::Approx(all.reward.mean().item<double>() / 2));

  const Histories& histories = setup.perception.histories();
  const Tensor first = torch::arange(3);
  CHECK(torch::equal(buffer.before(first), histories.before(rows)));
  // A next state's history is the one in the following step.
  CHECK(torch::equal(buffer.after(torch::arange(9)), buffer.before(torch::arange(3, 12))));
  // Its newest pair is what was seen and done.
  const Tensor newest = buffer.after(first).select(2, kPairs - 1);  // [N, 3, O + A]
  const Tensor expected =
      histories
          .append(histories.before(rows), setup.perception.observer()(all.state.narrow(0, 0, 3)),
                  all.action.narrow(0, 0, 3))
          .select(2, kPairs - 1);
  CHECK(torch::equal(newest, expected));
  // The policies saw exactly that: memory and observation.
  for (std::int64_t t = 0; t < kLength; ++t) {
    const Tensor step = torch::arange(3 * t, 3 * t + 3);
    const torch::NoGradGuard no_grad;
    const View view = {setup.perception.observer()(buffer.at(step).state), buffer.before(step)};
    CHECK(torch::equal(setup.seen[static_cast<std::size_t>(t)], setup.perception.see(view)));
  }
}

TEST_CASE("later waves have their own histories, and nothing grows beyond the capacity") {
  Setup setup("on");
  maiql_ft::OnlineBuffer buffer(setup.synthetic.task, setup.perception, 20, torch::kCPU);
  setup.roll(buffer, torch::tensor({5, 21, 300}), 1.0);
  const Tensor before = buffer.before(torch::arange(12)).clone();
  const Tensor again = torch::tensor({7, 8, 9});
  setup.roll(buffer, again, 1.0);
  CHECK(buffer.size() == 20);  // of 24
  CHECK(torch::equal(buffer.before(torch::arange(12)), before));
  CHECK(torch::equal(buffer.before(torch::arange(12, 15)),
                     setup.perception.histories().before(again)));

  Archive archive;
  buffer.save(archive, "online");
  maiql_ft::OnlineBuffer copy(setup.synthetic.task, setup.perception, 20, torch::kCPU);
  copy.load(archive, "online");
  CHECK(copy.size() == 20);
  const Tensor every = torch::arange(20);
  CHECK(torch::equal(copy.before(every), buffer.before(every)));
  CHECK(torch::equal(copy.at(every).state, buffer.at(every).state));
}

TEST_CASE("without a memory there are transitions only") {
  Setup setup("off");
  maiql_ft::OnlineBuffer buffer(setup.synthetic.task, setup.perception, 100, torch::kCPU);
  setup.roll(buffer, torch::tensor({5, 21, 300}), 1.0);
  CHECK(buffer.size() == 3 * kLength);
}

namespace {

/// A run of 20 updates on one of the synthetic tasks, in waves of 50 transitions.
testing::TrainedPlugin fine_tuning(const SyntheticTask& synthetic) {
  const auto environments = [synthetic](std::int64_t copies) {
    return synthetic.environment(copies);
  };
  return {synthetic.task,
          synthetic.data,
          {"maiql-ft",
           {{"hidden", "8"},
            {"batch_size", "16"},
            {"memory_width", "8"},
            {"rollout_length", "5"},
            {"rollout_transitions", "50"}},
           20,
           1,
           {},
           environments}};
}

}  // namespace

TEST_CASE("maiql-ft fills its buffer to the dataset's size over the second half of a run") {
  testing::TrainedPlugin plugin = fine_tuning(synthetic_tasks().at(2));
  CHECK(plugin.update(10).count("rollout/transitions") == 0);
  const auto metrics = plugin.update(1);
  CHECK(metrics.at("rollout/transitions") == 100);           // two waves for a tenth of 600 rows
  CHECK(plugin.update(4).at("rollout/transitions") >= 300);  // half of 600 rows
  CHECK(plugin.update(5).at("rollout/transitions") == 600);
  CHECK(plugin.update(1).at("rollout/transitions") == 600);  // beyond the run's end: no more
}

TEST_CASE("maiql-ft goes on from a checkpoint of its second half with the same bits") {
  for (const std::size_t which : {1U, 2U}) {  // with and without a memory
    CAPTURE(which);
    const SyntheticTask synthetic = synthetic_tasks().at(which);
    testing::TrainedPlugin whole = fine_tuning(synthetic), second = fine_tuning(synthetic);
    whole.update(14);
    const Archive checkpoint = whole.checkpoint();
    CHECK(checkpoint.tensor("online/reward").size(0) > 0);
    second.restore(checkpoint);
    CHECK(whole.update(6) == second.update(6));
    const Archive a = whole.checkpoint(), b = second.checkpoint();
    for (const auto& [name, tensor] : a.tensors()) {
      CHECK_MESSAGE(torch::equal(tensor, b.tensor(name)), name);
    }
  }
}

}  // namespace labhost
