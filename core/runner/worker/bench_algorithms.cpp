// `labhost bench algo`: each algorithm's update beside the time that its matrix products alone
// take.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>

#include "core/plugins/loader.hpp"
#include "core/runner/worker/bench.hpp"
#include "core/runner/worker/bench_support.hpp"
#include "core/runner/worker/counted_products.hpp"

namespace labhost {

namespace {

constexpr double kMeasureSeconds = 2.0;
constexpr int kPeriod = 2;  // updates that are timed as one: the TD3 family's policies take turns

/// The products that dominate here: 256 x 256 x 256, one thread.
class ReferenceProduct {
 public:
  explicit ReferenceProduct(torch::ScalarType type)
      : a_(torch::rand({256, 256}).to(type)), b_(a_.clone()), c_(a_.clone()) {}
  double operations_per_second() {
    constexpr int kRepeats = 4;
    const double seconds = seconds_of([this] {
      for (int i = 0; i < kRepeats; ++i) torch::mm_out(c_, a_, b_);
    });
    return kRepeats * 2.0 * 256 * 256 * 256 / seconds;
  }

 private:
  Tensor a_, b_, c_;
};

/// A task with data, from the plugins beside the algorithms.
struct BenchTask {
  std::string label;
  TaskSpec task;
  Transitions data;
  std::function<std::unique_ptr<Environment>(std::int64_t copies)> environment;
};

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

/// The four-agent Ant with random data in its shapes.
BenchTask ant(const std::filesystem::path& folder, bool full, Logger& logger) {
  const LoadedPlugin plugin = LoadedPlugin::load(folder / "ant.so");
  ParamValues values = default_values(plugin.description());
  values["observation"] = full ? "full" : "limb";
  BenchTask made;
  made.label = full ? "ant fo" : "ant po";
  made.environment = [plugin, values, &logger](std::int64_t copies) {
    const Params params(values);
    return plugin.make(EnvironmentContext{params, copies, 0, 1, logger});
  };
  made.task = made.environment(1)->task();
  made.data = random_transitions(made.task, 100000, 500);
  return made;
}

class Subject {
 public:
  Subject(const LoadedPlugin& plugin, const BenchTask& on, const ParamValues& changed,
          const std::map<std::string, Archive>& artifacts)
      : params_(values(plugin, changed)), streams_(0) {
    const auto artifact = [&artifacts](const std::string& role) { return artifacts.at(role); };
    const auto environment = [&on](std::int64_t copies, const std::string&) {
      return on.environment(copies);
    };
    algorithm_ = plugin.make(AlgorithmContext{on.task, on.data, params_, streams_, torch::kCPU,
                                              1000000, logger_, environment, artifact});
  }
  Algorithm& operator*() { return *algorithm_; }
  Algorithm* operator->() { return algorithm_.get(); }

 private:
  /// Defaults; the game's world model is small, as in experiments/table3.toml.
  static Params values(const LoadedPlugin& plugin, const ParamValues& changed) {
    ParamValues values = default_values(plugin.description());
    if (plugin.description().name == "world-model") {
      values["hidden"] = "64";
      values["layers"] = "2";
    }
    for (const auto& [name, value] : changed) {
      if (values.count(name) != 0) values[name] = value;
    }
    return Params(values);
  }
  QuietLogger logger_;
  Params params_;
  Streams streams_;
  std::unique_ptr<Algorithm> algorithm_;
};

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
    Subject needed(LoadedPlugin::load(library.parent_path() / (need.algorithm + ".so")), on, {},
                   {});
    needed->update();
    Archive archive;
    needed->save(archive);
    artifacts.emplace(need.role, archive);
  }
  std::optional<Subject> subject;
  try {
    subject.emplace(plugin, on, changed, artifacts);
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
  const auto precision = changed.find("precision");
  ReferenceProduct product(precision != changed.end() && precision->second == "bf16"
                               ? torch::kBFloat16
                               : torch::kFloat32);
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
  ParamValues changed;
  std::vector<std::filesystem::path> libraries;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos) {
      libraries.emplace_back(argument);
    } else {
      changed[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
  }
  for (const auto& [name, value] : changed) {
    const bool known = std::any_of(libraries.begin(), libraries.end(), [&](const auto& library) {
      return LoadedPlugin::load(library).description().find_param(name) != nullptr;
    });
    if (!known) throw InputError("bench: none of the algorithms has a parameter '" + name + "'");
  }
  torch::set_num_threads(1);
  std::printf(
      "algorithms: default parameters (batch 256, two hidden layers of 256 units), one thread,\n"
      "means of %d updates in a row; floor: their matrix products at the rate of 256 x 256 x 256 "
      "ones\n",
      kPeriod);
  for (const auto& [name, value] : changed)
    std::printf("with %s = %s\n", name.c_str(), value.c_str());
  std::printf("%-14s %-8s %9s %12s %9s %9s %8s\n", "algorithm", "task", "ms/update", "MFLOP/update",
              "GFLOP/s", "floor ms", "of floor");
  if (libraries.empty()) return 0;
  QuietLogger logger;
  const std::filesystem::path folder = libraries.front().parent_path();
  const std::vector<BenchTask> tasks = {game(folder, logger), ant(folder, true, logger),
                                        ant(folder, false, logger)};
  for (const BenchTask& task : tasks) {
    for (const std::filesystem::path& library : libraries) bench_algorithm(library, task, changed);
  }
  return 0;
}

}  // namespace labhost
