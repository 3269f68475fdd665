// The formats behind render_table, and what the three for people share.
#pragma once

#include <string>
#include <vector>

#include "core/report/report.hpp"

namespace labhost {

struct GridCell {
  std::string text;   ///< UTF-8: "0.90 ± 0.10 (8/10)", "–" without any run
  bool best = false;  ///< to be marked
};

struct GridRow {
  std::string label;
  std::vector<GridCell> cells;
  bool detail = false;  ///< belongs to the row above: the paper's cells, the difference
};

/// A table as words: what text, Markdown and LaTeX write in their own ways.
struct Grid {
  std::string title;
  std::vector<std::string> header;  ///< one label per column of cells
  std::vector<GridRow> rows;
  std::string legend;              ///< what a cell says; see with_mark
  std::vector<std::string> notes;  ///< each missing or failed seed by name
};

Grid make_grid(const Table& table, bool compare_paper);

std::string render_text(const Grid& grid);
std::string render_markdown(const Grid& grid);
std::string render_latex(const Grid& grid);
std::string render_csv(const Table& table);
std::string render_json(const Table& table);

/// The legend in the words of a format: its name for the mark of best cells.
std::string with_mark(std::string legend, const std::string& mark);

/// "3, 4", "0-9, 12".
std::string seed_list(const std::vector<std::int64_t>& seeds);

}  // namespace labhost
