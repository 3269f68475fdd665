// What `labhost runs` finds and how it shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/cli/table.hpp"
#include "core/store/store.hpp"

namespace labhost {

/// The runs that `filter` ("status=failed,task=neutral|favorable": all must hold) leaves, newest
/// first, at most `limit`. `full` has whole keys, errors and numbers; otherwise shortened for a
/// terminal. Throws InputError on an unknown key (nearest suggested), status or seed.
QueryResult list_runs(Store& store, const std::string& filter,
                      const std::optional<std::int64_t>& limit, bool full);

/// The run that `id` means: a run id, or the first six digits or more of a run key. Throws
/// InputError when none or several runs match.
std::int64_t find_run(Store& store, const std::string& id);

/// All that the store knows of a run but its curves and episodes.
std::string describe_run(Store& store, std::int64_t run_id);

/// What differs between two runs: columns, parameters, provenance, last metrics.
std::string compare_runs(Store& store, std::int64_t first, std::int64_t second);

}  // namespace labhost
