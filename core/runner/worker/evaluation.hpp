// Evaluation: all episodes together, one policy call per time step.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/sdk/algorithm.hpp"

namespace labhost {

struct EpisodeResult {
  double episode_return = 0;
  std::int64_t length = 0;
  bool full_length = false;  ///< ended by the horizon, not by a terminal state
};

/// One of Environment::measure(), over all states of all episodes, each with the same weight.
struct Measure {
  double sum = 0;
  std::int64_t positive = 0, states = 0;
  double mean() const { return sum / static_cast<double>(states); }
  double positive_share() const {
    return static_cast<double>(positive) / static_cast<double>(states);
  }
};

struct LABHOST_API EvaluationResult {
  std::vector<EpisodeResult> episodes;
  std::map<std::string, Measure> measures;
  double mean_return() const;
  double median_return() const;
  double mean_length() const;
  double full_length_share() const;
};

/// One episode in each copy of `environment`, from its reset on. Rewards are summed in double, in
/// the order of time.
LABHOST_API EvaluationResult evaluate(Environment& environment, Policy& policy,
                                      std::int64_t copies);

}  // namespace labhost
