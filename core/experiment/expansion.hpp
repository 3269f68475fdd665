// Tasks x algorithms x seeds as runs, each with the runs that it needs before it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/experiment/plan.hpp"
#include "core/experiment/resolve.hpp"

namespace labhost {

class Expansion {
 public:
  /// `resolver` must outlive the expansion.
  explicit Expansion(Resolver& resolver) : resolver_(resolver) {}

  /// Adds the run and those that it needs, each once; returns its place. `reported`: false for runs
  /// that exist only because others need them. Throws InputError with the place in the file.
  std::size_t add(const std::string& task, const std::string& algorithm, std::int64_t seed,
                  bool reported);
  std::vector<RunSpec> take() { return std::move(runs_); }

 private:
  using Label = std::tuple<std::string, std::string, std::int64_t>;  // task, algorithm, seed

  void add_need(const ResolvedNeed& need, const std::string& role, RunSpec& run,
                nlohmann::json& settings);
  void check_circle(const ResolvedNeed& need, const Label& label) const;
  void check_distinct(const RunSpec& run) const;
  const ResolvedMethod& method_of(const std::string& algorithm, const std::string& task);
  const ResolvedTask& task_of(const std::string& task);
  RunSpec base_run(const std::string& task, const std::string& algorithm,
                   const ResolvedMethod& method);

  Resolver& resolver_;
  std::vector<RunSpec> runs_;
  std::map<Label, std::size_t> by_label_;
  std::vector<Label> under_way_;  // whose needs are being added
  std::map<std::string, std::size_t> by_key_;
  std::map<std::pair<std::string, std::string>, ResolvedMethod> methods_;
  std::map<std::string, ResolvedTask> tasks_;
};

}  // namespace labhost
