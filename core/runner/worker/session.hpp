// One run in one process: plugins, training loop, evaluation, checkpoints, metrics.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/runner/worker/assembly.hpp"

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
  void resume();
  void record_provenance();
  void check_and_log(const Metrics& metrics);
  void evaluate_team(std::int64_t episodes);
  void write_checkpoint();
  void complete();
  std::filesystem::path file(const std::string& name) const;

  Store& store_;
  const Job& job_;
  Logger& logger_;
  double started_;
  Assembly parts_;
  const RunSpec& spec_;
  Algorithm& algorithm_;
  std::unique_ptr<MetricWriter> writer_;
  std::int64_t step_ = 0;
  std::optional<double> score_;  ///< of the last evaluation, or the algorithm's own "eval/score"
};

}  // namespace labhost
