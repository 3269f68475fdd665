#include "core/runner/worker/bench.hpp"

#include <ATen/record_function.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "core/plugins/loader.hpp"
#include "core/runner/worker/bench_support.hpp"
#include "core/runner/worker/counted_products.hpp"

namespace labhost {

namespace {

constexpr double kMeasureSeconds = 2.0;

/// The products that dominate here: 256 x 256 x 256, fp32, one thread.
class ReferenceProduct {
 public:
  double operations_per_second() {
    constexpr int kRepeats = 4;
    const double seconds = seconds_of([this] {
      for (int i = 0; i < kRepeats; ++i) torch::mm_out(c_, a_, b_);
    });
    return kRepeats * 2.0 * 256 * 256 * 256 / seconds;
  }

 private:
  Tensor a_ = torch::rand({256, 256}), b_ = torch::rand({256, 256}), c_ = torch::empty({256, 256});
};

/// The coordination game with its default dataset, from the plugins beside the algorithms.
struct GameTask {
  explicit GameTask(const std::filesystem::path& folder) {
    const LoadedPlugin environment = LoadedPlugin::load(folder / "coordination-game.so");
    const LoadedPlugin dataset = LoadedPlugin::load(folder / "coordination.so");
    const Params environment_params(default_values(environment.description()));
    const Params dataset_params(default_values(dataset.description()));
    QuietLogger logger;
    task = environment.make(EnvironmentContext{environment_params, 1, 0, 1, logger})->task();
    data = dataset.make(DatasetContext{task, dataset_params, logger})->load();
  }
  TaskSpec task;
  Transitions data;
};

class Subject {
 public:
  Subject(const LoadedPlugin& plugin, const GameTask& game,
          const std::map<std::string, Archive>& artifacts)
      : params_(values(plugin)), streams_(0) {
    const auto artifact = [&artifacts](const std::string& role) { return artifacts.at(role); };
    algorithm_ = plugin.make(AlgorithmContext{game.task, game.data, params_, streams_, torch::kCPU,
                                              1000000, logger_, nullptr, artifact});
  }
  Algorithm& operator*() { return *algorithm_; }
  Algorithm* operator->() { return algorithm_.get(); }

 private:
  /// Defaults; the game's world model is small, as in experiments/table3.toml.
  static Params values(const LoadedPlugin& plugin) {
    ParamValues values = default_values(plugin.description());
    if (plugin.description().name == "world-model") {
      values["hidden"] = "64";
      values["layers"] = "2";
    }
    return Params(values);
  }
  QuietLogger logger_;
  Params params_;
  Streams streams_;
  std::unique_ptr<Algorithm> algorithm_;
};

void bench_algorithm(const std::filesystem::path& library, const GameTask& game) {
  const LoadedPlugin plugin = LoadedPlugin::load(library);
  std::map<std::string, Archive> artifacts;
  for (const NeedDescription& need : plugin.description().needs) {
    Subject needed(LoadedPlugin::load(library.parent_path() / (need.algorithm + ".so")), game, {});
    needed->update();
    Archive archive;
    needed->save(archive);
    artifacts.emplace(need.role, archive);
  }
  Subject subject(plugin, game, artifacts);
  for (int i = 0; i < 3; ++i) subject->update();
  double operations = 0;
  {
    const CountedProducts counter;
    subject->update();
    operations = counter.operations();
  }
  // In turn, so that both see the same clock frequency and the same neighbours.
  ReferenceProduct product;
  std::vector<double> updates, rates;
  const double begun = now_seconds();
  while (updates.size() < 5 || now_seconds() - begun < kMeasureSeconds) {
    updates.push_back(seconds_of([&] { subject->update(); }));
    rates.push_back(product.operations_per_second());
  }
  const double seconds = median(updates), rate = median(rates), floor = operations / rate;
  std::printf("%-14s %9.3f %12.1f %9.1f %9.3f %8.2f\n", plugin.description().name.c_str(),
              1e3 * seconds, operations / 1e6, rate / 1e9, 1e3 * floor, floor / seconds);
}

}  // namespace

int bench_in_worker(const std::vector<std::string>& arguments) {
  if (arguments.at(0) == "load") return 0;
  if (arguments[0] == "env") return bench_environments({arguments.begin() + 1, arguments.end()});
  if (arguments[0] == "data") return bench_data(arguments.at(1), arguments.at(2));
  torch::set_num_threads(1);
  std::printf(
      "coordination game, batch 256, two hidden layers of 256 units, fp32, one thread;\n"
      "floor: the update's matrix products at the rate of 256 x 256 x 256 ones\n");
  std::printf("%-14s %9s %12s %9s %9s %8s\n", "algorithm", "ms/update", "MFLOP/update", "GFLOP/s",
              "floor ms", "of floor");
  if (arguments.size() < 2) return 0;
  const GameTask game(std::filesystem::path(arguments[1]).parent_path());
  for (std::size_t i = 1; i < arguments.size(); ++i) bench_algorithm(arguments[i], game);
  return 0;
}

}  // namespace labhost
