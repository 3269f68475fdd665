// `labhost bench algo`: each algorithm's update beside the time that its matrix products alone
// take.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>

#include "core/runner/worker/bench.hpp"
#include "core/runner/worker/bench_subject.hpp"
#include "core/runner/worker/counted_products.hpp"

namespace labhost {

namespace {

constexpr double kMeasureSeconds = 2.0;
constexpr std::int64_t kWidth = 256;  // of batches and layers, and so of most products
constexpr int kPeriod = 2;  // updates that are timed as one: the TD3 family's policies take turns

/// The coordination game with its default dataset.
BenchTask game(const std::filesystem::path& folder, Logger& logger) {
  const LoadedPlugin plugin = LoadedPlugin::load(folder / "coordination-game.so");
  const LoadedPlugin dataset = LoadedPlugin::load(folder / "coordination.so");
  const Params params(default_values(dataset.description()));
  BenchTask made;
  made.label = "game";
  made.environment = [plugin, &logger](std::int64_t copies) {
    const Params defaults(default_values(plugin.description()));
    return plugin.make(EnvironmentContext{defaults, copies, 0, 1, logger});
  };
  made.task = made.environment(1)->task();
  made.data = dataset.make(DatasetContext{made.task, params, logger, {}})->load();
  return made;
}

/// The game's world model is small, as in experiments/table3.toml.
ParamValues sized(const LoadedPlugin& plugin, ParamValues changed) {
  if (plugin.description().name == "world-model") {
    changed.emplace("hidden", "64");
    changed.emplace("layers", "2");
  }
  return changed;
}

/// Model-based algorithms are measured on the game only; those that need continuous actions or the
/// simulator say so themselves.
bool belongs(const PluginDescription& plugin, const BenchTask& on) {
  const bool model_based = plugin.name == "world-model" || !plugin.needs.empty();
  return !model_based || on.label == "game";
}

void bench_algorithm(const std::filesystem::path& library, const BenchTask& on,
                     const ParamValues& changed) {
  const LoadedPlugin plugin = LoadedPlugin::load(library);
  if (!belongs(plugin.description(), on)) return;
  std::map<std::string, Archive> artifacts;
  for (const NeedDescription& need : plugin.description().needs) {
    const auto other = LoadedPlugin::load(library.parent_path() / (need.algorithm + ".so"));
    Subject needed(other, on, sized(other, {}), {});
    needed->update();
    Archive archive;
    needed->save(archive);
    artifacts.emplace(need.role, archive);
  }
  std::optional<Subject> subject;
  try {
    subject.emplace(plugin, on, sized(plugin, changed), artifacts);
  } catch (const PluginRefusal&) {
    return;  // discrete where continuous is needed
  }
  const auto period = [&] {
    for (int i = 0; i < kPeriod; ++i) (*subject)->update();
  };
  period();
  period();
  double operations = 0;
  {
    const CountedProducts counter;
    period();
    operations = counter.operations() / kPeriod;
  }
  ReferenceProduct product(kWidth, kWidth, product_type(plugin, changed));
  // In turn, so that both see the same clock frequency and the same neighbours.
  std::vector<double> updates, rates;
  const double begun = now_seconds();
  while (updates.size() < 5 || now_seconds() - begun < kMeasureSeconds) {
    updates.push_back(seconds_of(period) / kPeriod);
    rates.push_back(product.operations_per_second());
  }
  const double seconds = median(updates), rate = median(rates), floor = operations / rate;
  std::printf("%-14s %-8s %9.3f %12.1f %9.1f %9.3f %8.2f\n", plugin.description().name.c_str(),
              on.label.c_str(), 1e3 * seconds, operations / 1e6, rate / 1e9, 1e3 * floor,
              floor / seconds);
  std::fflush(stdout);
}

}  // namespace

int bench_algorithms(const std::vector<std::string>& arguments) {
  const BenchArguments asked = BenchArguments::parse(arguments);
  torch::set_num_threads(1);
  std::printf(
      "algorithms: default parameters (batch 256, two hidden layers of 256 units), one thread,\n"
      "means of %d updates in a row; floor: their matrix products at the rate of 256 x 256 x 256 "
      "ones\n",
      kPeriod);
  asked.print_changed();
  std::printf("%-14s %-8s %9s %12s %9s %9s %8s\n", "algorithm", "task", "ms/update", "MFLOP/update",
              "GFLOP/s", "floor ms", "of floor");
  if (asked.libraries.empty()) return 0;
  QuietLogger logger;
  const std::filesystem::path folder = asked.libraries.front().parent_path();
  const std::vector<BenchTask> tasks = {game(folder, logger), ant(folder, true, logger),
                                        ant(folder, false, logger)};
  for (const BenchTask& task : tasks) {
    for (const std::filesystem::path& library : asked.libraries) {
      bench_algorithm(library, task, asked.changed);
    }
  }
  return 0;
}

}  // namespace labhost
