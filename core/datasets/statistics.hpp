// What `labhost datasets info` counts in a dataset. Pure functions on what was read.
//
// T rows of the file, S state, W joint action.
#pragma once

#include <cstdint>
#include <vector>

#include "core/d4rl/reader.hpp"
#include "core/sdk/types.hpp"

namespace labhost {

/// Episodes of a file. One is complete when a terminal ended it or it has the task's full horizon.
/// Others were cut: where a recording stopped, a timeout stands short of the horizon.
struct Episodes {
  std::vector<double> returns;  ///< of the complete ones, in the order of time
  double length_mean = 0;       ///< of the complete ones
  std::int64_t cut = 0;         ///< how many are not complete
  std::int64_t tail_steps = 0;  ///< of the last one, if it was cut
};
Episodes find_episodes(const D4rlRecord& record, std::int64_t horizon);

/// Of at least one value. The deviation is that of the values themselves (divided by their number).
struct Summary {
  double min = 0, mean = 0, median = 0, max = 0, deviation = 0;
};
Summary summarise(std::vector<double> values);

/// Share of the components of actions [T, W] that lie on a bound: |a| >= 1, without any slack.
double share_at_bounds(const Tensor& action);

}  // namespace labhost
