// The formats behind render_table, and what the three for people share.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/report/report.hpp"
#include "core/report/summary.hpp"

namespace labhost {

struct GridCell {
  std::string text;   ///< UTF-8: "0.90 ± 0.10 (8/10)", "–" without any run
  bool best = false;  ///< to be marked
};

struct GridRow {
  std::string label;
  std::vector<GridCell> cells;
  bool detail = false;  ///< belongs to the row above: the paper's cells, the difference
  std::string group;    ///< heading before neighbouring rows; "": none
};

struct GridClaim {
  std::string verdict, text, source, why;
};

/// A table as words: what text, Markdown, LaTeX and HTML write in their own ways.
struct Grid {
  std::string title;
  std::vector<std::string> groups;  ///< heading over neighbouring columns; all "": none
  std::vector<std::string> header;  ///< one label per column of cells
  std::vector<GridRow> rows;
  std::string legend;              ///< what a cell says; see with_mark
  std::vector<std::string> notes;  ///< each missing or failed seed by name
  std::vector<GridClaim> claims;   ///< of the paper, judged; with `compare_paper`
  std::vector<Grid> summary;       ///< statistics over all tasks: one table, or none

  bool has_row_groups() const;
  bool has_column_groups() const;
};

/// A heading and how many neighbours it is over.
struct Span {
  std::string heading;
  std::size_t count;
};
std::vector<Span> spans_of(const std::vector<std::string>& headings);

Grid make_grid(const Table& table, bool compare_paper, const Summary* summary = nullptr);
Grid summary_grid(const Table& table, const Summary& summary);

/// An estimate and its interval: "0.91 [0.87, 0.95]".
std::string estimate_text(const std::optional<Estimate>& estimate, std::int64_t digits);

std::string render_text(const Grid& grid);
std::string render_markdown(const Grid& grid);
std::string render_latex(const Grid& grid);
std::string render_html(const Grid& grid);
std::string render_csv(const Table& table);
std::string render_json(const Table& table, const Summary* summary);
/// The table's claims, judged: an array.
nlohmann::ordered_json claims_json(const Table& table);

/// With so many digits after the point; a value that rounds to zero has no sign.
std::string rounded(double value, std::int64_t digits, bool with_sign = false);

/// The legend in the words of a format: its name for the mark of best cells.
std::string with_mark(std::string legend, const std::string& mark);

/// "3, 4", "0-9, 12".
std::string seed_list(const std::vector<std::int64_t>& seeds);

}  // namespace labhost
