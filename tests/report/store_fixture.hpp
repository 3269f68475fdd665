// A store made by hand: for tests of what reads stores.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/hash.hpp"
#include "core/base/process.hpp"
#include "core/store/store.hpp"

namespace labhost::testing {

/// A fresh folder, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "labhost-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot create " + name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// One run of 100 steps; equal arguments are one run.
inline RunSpec make_run(const std::string& task, const std::string& algorithm, std::int64_t seed) {
  RunSpec run;
  run.task = task;
  run.algorithm = algorithm;
  run.environment = {"game", "1", {{"rounds", "10"}}, {}};
  run.dataset = {"data", "1", {{"kind", task}}, {}};
  run.method = {algorithm, "1", {{"expectile", "0.7"}}, {}};
  run.seed = seed;
  run.total_steps = 100;
  run.run_key = sha256(task + "/" + algorithm + "/" + std::to_string(seed));
  return run;
}

/// Every task with every algorithm for `seeds` seeds from 0.
inline Plan make_plan(const std::string& experiment, const std::string& profile,
                      const std::vector<std::string>& tasks,
                      const std::vector<std::string>& algorithms, std::int64_t seeds) {
  Plan plan;
  plan.experiment = experiment;
  plan.profile = profile;
  plan.file = "experiments/" + experiment + ".toml";
  plan.layout.title = "Table " + experiment;
  plan.layout.rows = tasks;
  plan.layout.columns = algorithms;
  for (std::int64_t seed = 0; seed < seeds; ++seed) plan.seeds.push_back(seed);
  for (const std::string& task : tasks) {
    for (const std::string& algorithm : algorithms) {
      for (const std::int64_t seed : plan.seeds)
        plan.runs.push_back(make_run(task, algorithm, seed));
    }
  }
  return plan;
}

/// The row of a recorded run.
inline RunRow find_row(Store& store, const std::string& task, const std::string& algorithm,
                       std::int64_t seed) {
  const std::string key = make_run(task, algorithm, seed).run_key;
  return store.runs_by_key({key}).at(key);
}

/// Takes a run for this process; returns its id and attempt.
inline std::pair<std::int64_t, std::int64_t> start(Store& store, const std::string& task,
                                                   const std::string& algorithm,
                                                   std::int64_t seed) {
  const RunRow run = find_row(store, task, algorithm, seed);
  const auto attempt = store.claim(run.id, this_process(), 120);
  if (!attempt) throw std::runtime_error("cannot claim run " + std::to_string(run.id));
  return {run.id, *attempt};
}

inline void finish(Store& store, const std::string& task, const std::string& algorithm,
                   std::int64_t seed, std::optional<double> score,
                   const std::vector<ArtifactRow>& artifacts = {}) {
  const auto [run, attempt] = start(store, task, algorithm, seed);
  store.complete(run, attempt, score, artifacts, 2.0);
}

inline void fail(Store& store, const std::string& task, const std::string& algorithm,
                 std::int64_t seed, const std::string& error) {
  const auto [run, attempt] = start(store, task, algorithm, seed);
  store.end_attempt(run, attempt, "failed", error, 1.0);
}

/// One metric row of a run that is being computed.
inline void add_metric(Store& store, std::pair<std::int64_t, std::int64_t> claimed,
                       const std::vector<MetricRow>& rows) {
  MetricWriter writer(store.file(), claimed.first, claimed.second);
  for (const MetricRow& row : rows) writer.add(row);
  writer.flush();
}

/// What a function writes to standard output.
template <typename Function>
std::string standard_output_of(const Function& function) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "stdout";
  std::fflush(stdout);
  const int saved = dup(STDOUT_FILENO);
  std::FILE* file = std::fopen(path.c_str(), "w");
  dup2(fileno(file), STDOUT_FILENO);
  const auto restore = [&] {
    std::fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    std::fclose(file);
  };
  try {
    function();
  } catch (...) {
    restore();
    throw;
  }
  restore();
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace labhost::testing
