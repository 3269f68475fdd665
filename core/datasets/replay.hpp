// Rows of a dataset, played again in their task's simulator: do data and simulator belong together?
//
// R rows, S state, W joint action.
#pragma once

#include <nlohmann/json.hpp>

#include "core/d4rl/reader.hpp"
#include "core/sdk/environment.hpp"

namespace labhost {

/// A row fits when no component of its next state differs by more, and it ends where it was
/// recorded to end.
inline constexpr double kReplayTolerance = 1e-3;
/// A dataset fits when at most this share of its rows does not, and when half of its rewards differ
/// by less than the tolerance for rewards. That one is wide: positions in rewards may be those of
/// the last integration stage before the row, which a row does not hold (gym's Ant: hundredths).
inline constexpr double kReplayMisfits = 0.01;
inline constexpr double kReplayRewards = 0.05;

/// About `count` rows of the dataset, evenly spaced (0: all), whose next states were recorded. A
/// file without next states lacks those of terminal rows.
Transitions rows_to_replay(const D4rlData& data, std::int64_t count);

/// What the simulator makes of state and action, beside what was recorded.
struct Replay {
  Tensor next_state;  ///< [R] largest difference of a component
  Tensor reward;      ///< [R] difference
  Tensor terminal;    ///< [R] bool: the flag differs

  double misfits() const;  ///< share of the rows that do not fit
  bool fits() const;
};
/// Steps each row once, in as many copies as the environment has.
Replay replay(Environment& environment, std::int64_t copies, const Transitions& rows);

/// Quantiles of differences, and the share of those above the tolerance.
nlohmann::json to_json(const Replay& replay);

}  // namespace labhost
