// One line per cell: our numbers, the paper's, and the seeds that are missing.
#include "core/base/text.hpp"
#include "core/report/render.hpp"
#include "core/report/values.hpp"

namespace labhost {
namespace {

std::string real_or_empty(const std::optional<double>& value) {
  return value ? format_real(*value) : std::string();
}

}  // namespace

std::string render_csv(const Table& table) {
  std::string out =
      "experiment,profile,task,algorithm,seeds,mean,sem,paper_mean,paper_sem,difference,best,"
      "missing_seeds\n";
  for (const auto& row : table.cells) {
    for (const CellSummary& cell : row) {
      std::optional<double> difference;
      if (cell.mean && cell.paper_mean) difference = *cell.mean - *cell.paper_mean;
      std::vector<std::string> missing;
      for (const std::int64_t seed : cell.missing_seeds) missing.push_back(std::to_string(seed));
      out += join({csv_field(table.experiment), csv_field(table.profile), csv_field(cell.task),
                   csv_field(cell.column), std::to_string(cell.values.size()),
                   real_or_empty(cell.mean), real_or_empty(cell.sem),
                   real_or_empty(cell.paper_mean), real_or_empty(cell.paper_sem),
                   real_or_empty(difference), cell.best ? "1" : "0", join(missing, " ")},
                  ",") +
             "\n";
    }
  }
  return out;
}

}  // namespace labhost
