// Everything that a table knows; numbers read back as the same doubles.
#include <nlohmann/json.hpp>

#include "core/report/claims.hpp"
#include "core/report/render.hpp"
#include "core/report/values.hpp"

namespace labhost {
namespace {

using Json = nlohmann::ordered_json;

Json cell_object(const CellSummary& cell) {
  Json values = Json::array();
  for (std::size_t i = 0; i < cell.values.size(); ++i) {
    values.push_back({{"seed", cell.seeds[i]}, {"value", real_json(cell.values[i])}});
  }
  std::optional<double> difference;
  if (cell.mean && cell.paper_mean) difference = *cell.mean - *cell.paper_mean;
  return {{"task", cell.task},
          {"algorithm", cell.column},
          {"seeds", cell.values.size()},
          {"mean", real_json(cell.mean)},
          {"sem", real_json(cell.sem)},
          {"paper_mean", real_json(cell.paper_mean)},
          {"paper_sem", real_json(cell.paper_sem)},
          {"difference", real_json(difference)},
          {"best", cell.best},
          {"values", values},
          {"missing_seeds", cell.missing_seeds},
          {"failed_seeds", cell.failed_seeds},
          {"valueless_seeds", cell.valueless_seeds}};
}

Json estimate_json(const std::optional<Estimate>& estimate) {
  if (!estimate) return nullptr;
  std::optional<double> low, high;
  if (estimate->interval) {
    low = estimate->interval->low;
    high = estimate->interval->high;
  }
  return {
      {"value", real_json(estimate->value)}, {"low", real_json(low)}, {"high", real_json(high)}};
}

Json summary_object(const Summary& summary) {
  Json algorithms = Json::array();
  for (const AlgorithmSummary& of : summary.algorithms) {
    algorithms.push_back({{"algorithm", of.algorithm},
                          {"tasks", of.tasks},
                          {"runs", of.runs},
                          {"iqm", estimate_json(of.last)},
                          {"best_iqm", estimate_json(of.best)},
                          {"improvement", estimate_json(of.improvement)}});
  }
  return {{"reference", summary.reference}, {"algorithms", std::move(algorithms)}};
}

}  // namespace

nlohmann::ordered_json claims_json(const Table& table) {
  Json claims = Json::array();
  for (const Judgement& judged : judge_claims(table)) {
    claims.push_back({{"text", judged.claim.text},
                      {"source", judged.claim.source},
                      {"verdict", verdict_text(judged.verdict)},
                      {"why", judged.why}});
  }
  return claims;
}

std::string render_json(const Table& table, const Summary* summary) {
  Json cells = Json::array();
  for (const auto& row : table.cells) {
    for (const CellSummary& cell : row) cells.push_back(cell_object(cell));
  }
  Json document = {{"experiment", table.experiment},
                   {"profile", table.profile},
                   {"layout", table.layout.to_json()},
                   {"cells", cells},
                   {"claims", claims_json(table)}};
  if (summary != nullptr) document["statistics"] = summary_object(*summary);
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace labhost
