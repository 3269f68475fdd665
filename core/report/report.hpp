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
  std::vector<std::int64_t> absent_seeds;     ///< other cells have them; none is planned here
  std::optional<double> mean, sem;            ///< sem needs two seeds
  std::optional<double> paper_mean, paper_sem;
  std::optional<std::int64_t> updates;  ///< of each completed run
  bool best = false;  ///< best of its row, or not significantly different from it (Welch, 5 %)
};

/// Which score of a completed run: the last, which counts, or the best of its evaluations, which
/// is chosen by the result and therefore optimistic.
enum class TableScore { kLast, kBest };

struct Table {
  std::string experiment, profile;
  TableScore score = TableScore::kLast;
  ReportLayout layout;
  std::vector<std::vector<CellSummary>> cells;  ///< [row][column]
};

/// Throws InputError when the store has no such experiment (nearest name) or profile. Without
/// `profile`: the one whose runs were recorded last. A table of metrics has no best scores.
Table load_table(Store& store, const std::string& experiment,
                 const std::optional<std::string>& profile, TableScore score = TableScore::kLast);

enum class TableFormat { kText, kMarkdown, kLatex, kCsv, kJson, kHtml };
TableFormat parse_table_format(const std::string& name);  // InputError on unknown names

struct Summary;

/// `compare_paper` puts the paper's cell and the difference below ours, and the paper's claims
/// below the table. `summary` may be nullptr.
std::string render_table(const Table& table, TableFormat format, bool compare_paper,
                         const Summary* summary = nullptr);

}  // namespace labhost
