// The paper's own numbers, and what it says of them: experiments/paper/*.toml.
//
//   table = "table3"
//   [cells]
//   neutral = { maiql = [0.9, 0.1], ibc = [0.55, 0.11] }     # task -> algorithm -> [mean, sem]
//   [[claims]]
//   text = "IBC coordinates only where the data does"
//   source = "Section 6.1"
//   conditions = [
//     { algorithms = ["ibc"], tasks = ["favorable"], above = 0.95 },
//     { algorithms = ["ibc"], tasks = ["neutral", "unfavorable"], lower = { tasks = ["favorable"] }
//     },
//   ]
//
// A condition has one relation: `above` or `below` a number; or `beats`, `matches`, `higher`,
// `lower`, each with the `algorithms` or the `tasks` that are compared with. `somewhere = true`:
// on one of the tasks at least.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/experiment/plan.hpp"

namespace labhost {

struct PaperTable {
  std::string name;
  std::vector<PaperCell> cells;
  std::vector<Claim> claims;
};

/// Throws InputError "FILE:LINE: ...". A cell is [mean, sem] or [mean]. A table without numbers
/// (a figure) may have claims alone.
PaperTable read_paper_table(const std::filesystem::path& file);

}  // namespace labhost
