// Tables from the store: the paper's layout, our mean and standard error, the paper's own numbers.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "core/store/store.hpp"

namespace labhost {

struct CellSummary {
  std::string task, column;         ///< column: an algorithm, or a metric where the layout says so
  std::vector<double> values;       ///< one per completed seed, in seed order
  std::vector<std::int64_t> seeds;  ///< the seed of each value
  std::vector<std::int64_t> missing_seeds;    ///< planned, without a value
  std::vector<std::int64_t> failed_seeds;     ///< the part of missing_seeds that failed
  std::vector<std::int64_t> valueless_seeds;  ///< the part that completed without a number (NaN)
  std::optional<double> mean, sem;            ///< sem needs two seeds
  std::optional<double> paper_mean, paper_sem;
  bool best = false;  ///< best of its row, or not significantly different from it (Welch, 5 %)
};

struct Table {
  std::string experiment, profile;
  ReportLayout layout;
  std::vector<std::vector<CellSummary>> cells;  ///< [row][column]
};

/// Throws InputError when the store has no such experiment (nearest name) or profile. Without
/// `profile`: the one whose runs were recorded last.
Table load_table(Store& store, const std::string& experiment,
                 const std::optional<std::string>& profile);

enum class TableFormat { kText, kMarkdown, kLatex, kCsv, kJson };
TableFormat parse_table_format(const std::string& name);  // InputError on unknown names

/// `compare_paper` puts the paper's cell and the difference beside ours.
std::string render_table(const Table& table, TableFormat format, bool compare_paper);

}  // namespace labhost
