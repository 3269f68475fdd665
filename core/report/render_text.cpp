// Aligned columns for a terminal.
#include <algorithm>

#include "core/report/render.hpp"
#include "core/report/values.hpp"

namespace labhost {
namespace {

constexpr const char* kGap = "   ";

/// The part of a cell that is aligned to the right: its mean.
std::string lead_of(const std::string& text) { return text.substr(0, text.find(' ')); }

std::string cell_words(const GridCell& cell, std::size_t lead) {
  const std::string first = lead_of(cell.text);
  return pad_left(first, lead) + cell.text.substr(first.size()) + (cell.best ? "*" : "");
}

void append_line(std::string& out, const std::string& line) {
  const std::size_t end = line.find_last_not_of(' ');
  out += line.substr(0, end == std::string::npos ? 0 : end + 1) + "\n";
}

std::string row_label(const GridRow& row) { return (row.detail ? "  " : "") + row.label; }

}  // namespace

std::string render_text(const Grid& grid) {
  std::size_t label_width = 0;
  for (const GridRow& row : grid.rows) {
    label_width = std::max(label_width, display_width(row_label(row)));
  }
  std::vector<std::size_t> leads(grid.header.size(), 0), widths;
  for (std::size_t c = 0; c < grid.header.size(); ++c) {
    for (const GridRow& row : grid.rows) {
      leads[c] = std::max(leads[c], display_width(lead_of(row.cells[c].text)));
    }
    widths.push_back(display_width(grid.header[c]));
    for (const GridRow& row : grid.rows) {
      widths[c] = std::max(widths[c], display_width(cell_words(row.cells[c], leads[c])));
    }
  }
  std::string out = grid.title + "\n\n";
  std::string line = std::string(label_width, ' ');
  std::size_t total = label_width;
  for (std::size_t c = 0; c < grid.header.size(); ++c) {
    line += kGap + pad_right(grid.header[c], widths[c]);
    total += 3 + widths[c];
  }
  append_line(out, line);
  out += std::string(total, '-') + "\n";
  for (const GridRow& row : grid.rows) {
    line = pad_right(row_label(row), label_width);
    for (std::size_t c = 0; c < grid.header.size(); ++c) {
      line += kGap + pad_right(cell_words(row.cells[c], leads[c]), widths[c]);
    }
    append_line(out, line);
  }
  out += "\n" + with_mark(grid.legend, "*") + "\n";
  for (const std::string& note : grid.notes) out += note + "\n";
  return out;
}

}  // namespace labhost
