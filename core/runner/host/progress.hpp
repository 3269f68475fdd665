// How a sweep goes: repainted lines on a terminal, one plain line per ended run elsewhere.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/store/store.hpp"

namespace labhost {

/// Seconds per update of each algorithm, by plugin, from the completed runs of a store.
std::map<std::string, double> seconds_per_update(Store& store);

/// Estimated seconds of `steps` updates per algorithm plugin on `jobs` workers; nothing while no
/// speed is known. Algorithms of unknown speed count as the mean of the known ones.
std::optional<double> estimate_seconds(const std::map<std::string, std::int64_t>& steps,
                                       const std::map<std::string, double>& speeds,
                                       std::int64_t jobs);

class Progress {
 public:
  explicit Progress(std::int64_t total_runs);

  struct Running {
    std::string name, plugin;
    std::int64_t step, total;
    std::int64_t steps_here;  ///< of them in this attempt, which has taken `seconds`
    double seconds;
  };
  struct View {
    std::int64_t done = 0, failed = 0, jobs = 1;
    std::vector<Running> running;
    std::string elsewhere;                           ///< what the cluster says, for the last line
    std::map<std::string, std::int64_t> open_steps;  ///< updates still to do, by algorithm plugin
  };

  void learn_speeds(Store& store);
  /// A run of `plugin` ended: one line, and its speed is learnt.
  void ended(const std::string& name, const std::string& plugin, const RunRow& row);
  void note(const std::string& message);
  /// Repaints on a terminal. Elsewhere nothing but a line on the cluster, once a minute where it
  /// has changed.
  void show(const View& view);
  void clear();

 private:
  std::int64_t total_, ended_ = 0;
  bool terminal_;
  int painted_lines_ = 0;
  std::string told_elsewhere_;
  double told_at_ = 0;
  std::map<std::string, double> speeds_;       // seconds per update, of ended runs
  std::map<std::string, double> speeds_seen_;  // the same of running ones
  double begun_;
};

}  // namespace labhost
