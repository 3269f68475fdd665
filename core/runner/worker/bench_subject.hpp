// Tasks, algorithms and reference products of the benchmarks that time updates.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/plugins/loader.hpp"
#include "core/runner/worker/bench_support.hpp"

namespace labhost {

/// A task with data, from the plugins beside the algorithms.
struct BenchTask {
  std::string label;
  TaskSpec task;
  Transitions data;
  std::function<std::unique_ptr<Environment>(std::int64_t copies)> environment;
};

/// The four-agent Ant of `folder`, fully or partially observed, with random data in its shapes.
BenchTask ant(const std::filesystem::path& folder, bool full, Logger& logger);

/// What a benchmark was asked for: libraries of algorithms, and parameters in the place of their
/// defaults.
struct BenchArguments {
  std::vector<std::filesystem::path> libraries;
  ParamValues changed;

  /// From libraries and "parameter=value", in any order. InputError for a parameter that none of
  /// the libraries has.
  static BenchArguments parse(const std::vector<std::string>& arguments);
  void print_changed() const;
};

/// The plugin's defaults; in their place, those of `changed` that it has.
ParamValues values_of(const LoadedPlugin& plugin, const ParamValues& changed);

/// In which numbers the plugin's products are: bfloat16 where it has a `precision` that says so.
torch::ScalarType product_type(const LoadedPlugin& plugin, const ParamValues& changed);

/// One algorithm on one task, built as a run would.
class Subject {
 public:
  /// `on` must outlive it. `artifacts` by the role of the need.
  Subject(const LoadedPlugin& plugin, const BenchTask& on, const ParamValues& changed,
          const std::map<std::string, Archive>& artifacts);
  Algorithm& operator*() { return *algorithm_; }
  Algorithm* operator->() { return algorithm_.get(); }

 private:
  QuietLogger logger_;
  Params params_;
  Streams streams_;
  std::unique_ptr<Algorithm> algorithm_;
};

/// Products of `rows` x `width` x `width`: the rate that a floor is computed with.
class ReferenceProduct {
 public:
  ReferenceProduct(std::int64_t rows, std::int64_t width, torch::ScalarType type)
      : a_(torch::rand({rows, width}).to(type)),
        b_(torch::rand({width, width}).to(type)),
        c_(a_.clone()) {}
  double operations_per_second();

 private:
  Tensor a_, b_, c_;
};

}  // namespace labhost
