// The paper's own numbers: experiments/paper/*.toml.
//
//   table = "table3"
//   [cells]
//   neutral = { maiql = [0.9, 0.1], ibc = [0.55, 0.11] }     # task -> algorithm -> [mean, sem]
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/experiment/plan.hpp"

namespace labhost {

struct PaperTable {
  std::string name;
  std::vector<PaperCell> cells;
};

/// Throws InputError "FILE:LINE: ...". A cell is [mean, sem] or [mean].
PaperTable read_paper_table(const std::filesystem::path& file);

}  // namespace labhost
