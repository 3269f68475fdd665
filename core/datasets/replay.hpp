// Rows of a dataset, played again in their task's simulator: do data and simulator belong together?
//
// R rows, S state, W joint action.
#pragma once

#include <nlohmann/json.hpp>

#include "core/d4rl/reader.hpp"
#include "core/sdk/environment.hpp"

namespace labhost {

/// A row fits when no component of its next state differs by more.
inline constexpr double kReplayTolerance = 1e-3;
/// A dataset fits when at most this share of its rows does not.
inline constexpr double kReplayMisfits = 0.01;

/// About `count` rows of the dataset, evenly spaced (0: all), whose next states were recorded. A
/// file without next states lacks those of terminal rows.
Transitions rows_to_replay(const D4rlData& data, std::int64_t count);

/// What the simulator makes of state and action, beside what was recorded.
struct Replay {
  Tensor next_state;       ///< [R] largest difference of a component
  Tensor reward;           ///< [R] difference
  std::int64_t terminals;  ///< rows whose terminal flag differs

  double misfits() const;  ///< share of the rows that do not fit
};
/// Steps each row once, in as many copies as the environment has.
Replay replay(Environment& environment, std::int64_t copies, const Transitions& rows);

/// Quantiles of differences, and the share of those above the tolerance.
nlohmann::json to_json(const Replay& replay);

}  // namespace labhost
