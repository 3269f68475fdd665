// One run in one process: plugins, training loop, evaluation, checkpoints, metrics.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/experiment/plan.hpp"
#include "core/plugins/loader.hpp"
#include "core/runner/job.hpp"
#include "core/store/store.hpp"

namespace labhost {

class Session {
 public:
  /// The run must be claimed: `job.attempt` is the claim's. Throws InputError and std::exception
  /// for all that keeps the run from starting.
  Session(Store& store, const Job& job, Logger& logger);
  ~Session();

  enum class End { kCompleted, kInterrupted };
  /// Trains to the end, or until `stop()` is true between two updates (then a checkpoint is
  /// written).
  End train(bool (*stop)());

 private:
  void load_data();
  void build_algorithm();
  void resume();
  void record_provenance();
  void check_and_log(const Metrics& metrics);
  void evaluate_team(std::int64_t episodes);
  void write_checkpoint();
  void complete();
  Archive snapshot() const;
  std::filesystem::path file(const std::string& name) const;
  std::unique_ptr<Environment> make_environment(std::int64_t copies, const std::string& stream);

  Store& store_;
  const Job& job_;
  Logger& logger_;
  RunSpec spec_;
  std::filesystem::path folder_;  ///< of the run's files
  torch::Device device_;
  Streams streams_;
  double started_;

  LoadedPlugin environment_, dataset_, method_;
  Params environment_params_, dataset_params_, method_params_;
  TaskSpec task_;
  Transitions data_;
  std::map<std::string, std::string> data_provenance_;
  std::unique_ptr<Algorithm> algorithm_;
  std::unique_ptr<MetricWriter> writer_;
  std::int64_t step_ = 0;
  std::optional<double> score_;  ///< of the last evaluation, or the algorithm's own "eval/score"
};

}  // namespace labhost
