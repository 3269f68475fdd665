// What `labhost status` knows and how it says it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/store/store.hpp"

namespace labhost {

/// One experiment and profile. A run that two of its cells show counts once.
struct ExperimentStatus {
  std::string experiment, profile;
  std::int64_t queued = 0, running = 0, completed = 0, failed = 0, interrupted = 0;
  std::int64_t steps = 0, total_steps = 0;
  double compute_seconds = 0;     ///< of all attempts that have ended
  std::optional<double> elapsed;  ///< wall clock from the last `labhost run` to now or the last end
  std::optional<double> left;     ///< while runs are running: estimated wall clock to the end
};

struct RunningStatus {
  RunRow run;
  double heartbeat_age = 0;
  Liveness liveness = Liveness::kUnknown;
};

struct StatusReport {
  std::vector<ExperimentStatus> experiments;  ///< the one recorded last comes last
  std::vector<RunningStatus> running;
  std::vector<RunRow> failed;

  /// Whether a run of any experiment is queued or running.
  bool active() const;
};

/// `now` in seconds since the epoch.
StatusReport load_status(Store& store, double now);

/// The whole report as text; at most `max_listed` running and as many failed runs by name.
std::string render_status(const StatusReport& status, std::size_t max_listed);

/// One line on an experiment: counts, progress, times.
std::string status_line(const ExperimentStatus& experiment);

}  // namespace labhost
