// Small tasks with data, for checking and measuring algorithms without an environment plugin.
#pragma once

#include <memory>
#include <vector>

#include "core/sdk/environment.hpp"

namespace labhost {

struct LABHOST_API SyntheticTask {
  TaskSpec task;
  Transitions data;
  /// A simulator whose next state and reward are fixed smooth functions of state and action.
  std::unique_ptr<Environment> environment(std::int64_t copies) const;
};

/// Two agents: a task with discrete choices (2 and 3) and one with continuous actions (2 components
/// each), both with unequal observations; and one where both see all, with continuous actions of 2
/// and 1 components. 600 transitions with terminals and timeouts each.
LABHOST_API std::vector<SyntheticTask> synthetic_tasks();

}  // namespace labhost
