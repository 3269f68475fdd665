// Evaluation: all episodes together, one policy call per time step.
#pragma once

#include <vector>

#include "core/sdk/algorithm.hpp"

namespace labhost {

struct EpisodeResult {
  double episode_return = 0;
  std::int64_t length = 0;
  bool full_length = false;  ///< ended by the horizon, not by a terminal state
};

struct LABHOST_API EvaluationResult {
  std::vector<EpisodeResult> episodes;
  double mean_return() const;
  double median_return() const;
  double mean_length() const;
  double full_length_share() const;
};

/// One episode in each copy of `environment`. Rewards are summed in double, in the order of time.
LABHOST_API EvaluationResult evaluate(Environment& environment, Policy& policy,
                                      std::int64_t copies);

}  // namespace labhost
