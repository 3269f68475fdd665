// `labhost bench data`: drawing a batch with histories, beside the update that would use it.
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "core/nn/history.hpp"
#include "core/nn/sampler.hpp"
#include "core/plugins/loader.hpp"
#include "core/runner/worker/bench.hpp"
#include "core/runner/worker/bench_support.hpp"

namespace labhost {

namespace {

constexpr std::int64_t kRows = 200000, kEpisode = 500, kBatch = 256, kPairs = 10;
constexpr int kRounds = 200;

}  // namespace

int bench_data(const std::filesystem::path& environment, const std::filesystem::path& algorithm) {
  torch::set_num_threads(1);
  QuietLogger logger;
  const LoadedPlugin ant = LoadedPlugin::load(environment), ibc = LoadedPlugin::load(algorithm);
  ParamValues limb = default_values(ant.description());
  limb["observation"] = "limb";
  const Params of_ant(limb), of_ibc(default_values(ibc.description()));
  const TaskSpec task = ant.make(EnvironmentContext{of_ant, 1, 1, 1, logger})->task();
  const Transitions data = random_transitions(task, kRows, kEpisode);
  Streams streams(1);
  const auto update = ibc.make(AlgorithmContext{task, data, of_ibc, streams, torch::kCPU, 1000000,
                                                logger, nullptr, nullptr});
  Sampler sampler(data, kBatch, streams.get("bench"));
  const Histories histories(task, data, kPairs);
  at::Generator generator = streams.get("rows");
  std::vector<double> updates, batches, gathers;
  for (int round = 0; round < kRounds; ++round) {  // in turn, for one clock frequency
    updates.push_back(seconds_of([&] { update->update(); }));
    batches.push_back(seconds_of([&] { sampler.draw(); }));
    const Tensor rows = torch::randint(kRows, {kBatch}, generator, torch::kLong);
    gathers.push_back(seconds_of([&] { histories.before(rows).contiguous(); }));
  }
  const double updating = median(updates), gathering = median(gathers);
  std::printf(
      "data: a batch of %lld %.0f us; histories of %lld pairs for %lld agents %.0f us,\n"
      "%.1f %% of an ibc update of %.2f ms that includes them (ant by limbs, medians of %d)\n",
      static_cast<long long>(kBatch), 1e6 * median(batches), static_cast<long long>(kPairs),
      static_cast<long long>(task.agent_count()), 1e6 * gathering, 100 * gathering / updating,
      1e3 * updating, kRounds);
  return 0;
}

}  // namespace labhost
