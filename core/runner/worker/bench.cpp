#include "core/runner/worker/bench.hpp"

#include <ATen/record_function.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "core/base/process.hpp"
#include "core/plugins/loader.hpp"
#include "core/runner/worker/counted_products.hpp"

namespace labhost {

namespace {

constexpr double kMeasureSeconds = 1.0;

class QuietLogger : public Logger {
 public:
  void info(const std::string&) override {}
  void warn(const std::string&) override {}
};

/// Median seconds of one call, over about kMeasureSeconds.
template <typename Call>
double median_seconds(Call call) {
  std::vector<double> samples;
  const double begun = now_seconds();
  while (samples.size() < 5 || now_seconds() - begun < kMeasureSeconds) {
    const double start = now_seconds();
    call();
    samples.push_back(now_seconds() - start);
  }
  std::nth_element(samples.begin(),
                   samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2),
                   samples.end());
  return samples[samples.size() / 2];
}

/// The machine's rate on the products that dominate here, 256 x 256 x 256, fp32, one thread.
double product_rate() {
  const Tensor a = torch::rand({256, 256}), b = torch::rand({256, 256});
  Tensor c = torch::empty({256, 256});
  const double seconds = median_seconds([&] {
    for (int i = 0; i < 10; ++i) torch::mm_out(c, a, b);
  });
  return 10 * 2.0 * 256 * 256 * 256 / seconds;
}

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

void bench_algorithm(const std::filesystem::path& library, const GameTask& game, double rate) {
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
  const double seconds = median_seconds([&] { subject->update(); });
  const double floor = operations / rate;
  std::printf("%-14s %9.3f %12.1f %10.3f %8.2f\n", plugin.description().name.c_str(), 1e3 * seconds,
              operations / 1e6, 1e3 * floor, floor / seconds);
}

}  // namespace

int bench_in_worker(const std::vector<std::string>& arguments) {
  if (arguments.at(0) == "load") return 0;
  torch::set_num_threads(1);
  const double rate = product_rate();
  std::printf("matrix products 256 x 256 x 256, fp32, one thread: %.1f GFLOP/s\n", rate / 1e9);
  std::printf("coordination game, batch 256, two hidden layers of 256 units\n");
  std::printf("%-14s %9s %12s %10s %8s\n", "algorithm", "ms/update", "MFLOP/update", "floor ms",
              "of floor");
  if (arguments.size() < 2) return 0;
  const GameTask game(std::filesystem::path(arguments[1]).parent_path());
  for (std::size_t i = 1; i < arguments.size(); ++i) bench_algorithm(arguments[i], game, rate);
  return 0;
}

}  // namespace labhost
