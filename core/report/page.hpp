// Everything of a store on one HTML page: tables, claims, statistics, interactive curves, and for
// each cell the runs behind it. The page's own code is in core/report/page/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/store/store.hpp"

namespace labhost {

/// A self-contained document: it asks for no other file and no network. `experiments`: which, in
/// this order; empty: all, the one recorded last first. `profile`: of all of them; without it every
/// profile that the store has. Throws InputError for an unknown name.
std::string results_page(Store& store, const std::vector<std::string>& experiments,
                         const std::optional<std::string>& profile);

}  // namespace labhost
