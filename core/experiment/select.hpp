// Narrowing a plan: --only and --seeds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/experiment/plan.hpp"

namespace labhost {

/// "0,1,4", "0-9" or both mixed; in the order given, each once.
std::vector<std::int64_t> parse_seeds(const std::string& text);

/// Keeps the runs of `plan` that all of `only` let through, and the runs that those need. A run
/// that is there only because others need it counts by itself where --only names its algorithm.
/// Throws InputError for unknown keys, values that match nothing, and when nothing is left.
void keep_only(Plan& plan, const std::vector<std::string>& only);

}  // namespace labhost
