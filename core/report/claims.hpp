// The paper's claims, judged on the cells of a table.
#pragma once

#include <string>
#include <vector>

#include "core/report/report.hpp"

namespace labhost {

enum class Verdict { kHolds, kDoesNotHold, kNotEnoughRuns };
const char* verdict_text(Verdict verdict);  // "holds", "does not hold", "not enough runs"

struct Judgement {
  Claim claim;
  Verdict verdict = Verdict::kNotEnoughRuns;
  /// What decided it: the first comparison that fails, or that lacks runs; how many held otherwise.
  /// Where one algorithm is compared on two tasks and was trained for longer on one, it says so.
  std::string why;
};

/// Judges each claim on our cells. A comparison that tests significance needs two seeds on both
/// sides, any other one seed; one that fails decides the claim, whatever is missing elsewhere.
/// Only cells all of whose planned runs have completed count, so that a verdict does not change
/// while an experiment runs.
std::vector<Judgement> judge_claims(const Table& table);

/// The same on the paper's own cells, each over `seeds` seeds. What the paper says must hold there.
std::vector<Judgement> judge_claims_on_paper(const Table& table, std::int64_t seeds);

}  // namespace labhost
