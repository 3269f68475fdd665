// Where episodes end, and transitions without stored next states. Pure functions on what was read.
//
// T rows of a file, in the order of time.
#pragma once

#include <cstdint>
#include <optional>

#include "core/sdk/types.hpp"

namespace labhost {

/// Timeouts of a file that has none: the `horizon`-th row of an episode, as D4RL counts. Bool [T].
Tensor derive_timeouts(const Tensor& terminal, std::int64_t horizon);

/// First row of the first episode that has more than `horizon` rows.
std::optional<std::int64_t> endless_episode(const Transitions& data, std::int64_t horizon);

/// Sets the last row's timeout when the last episode neither ends nor times out; true if it did.
bool close_last_episode(Transitions& data);

/// Takes next states from the following rows, as D4RL's Q-learning view does: the row in which an
/// episode times out has no successor in its episode and is dropped, and so is the file's last row.
/// A terminal row stays. The row after it is another episode's, so its next state is extrapolated
/// from the two states before: nothing is bootstrapped there, but world models learn from it.
/// Where a dropped row ended an episode, the row before it times out instead, so that episodes
/// never run into each other. Works in place, so `data` becomes a view of its first rows; returns
/// how many were dropped.
std::int64_t derive_next_states(Transitions& data);

}  // namespace labhost
