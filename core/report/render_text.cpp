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

/// "--- CTDE ---" over what is `width` columns wide.
std::string barred(const std::string& heading, std::size_t width) {
  if (heading.empty()) return std::string(width, ' ');
  const std::string bare = " " + heading + " ";
  const std::size_t bars = width - display_width(bare), left = bars / 2;
  return std::string(left, '-') + bare + std::string(bars - left, '-');
}

/// The headings over columns; one that is wider than its columns widens the last of them.
std::string heading_line(const Grid& grid, std::vector<std::size_t>& widths) {
  std::string line;
  std::size_t column = 0;
  for (const Span& span : spans_of(grid.groups)) {
    std::size_t width = 3 * (span.count - 1);
    for (std::size_t i = 0; i < span.count; ++i) width += widths[column + i];
    const std::size_t least = span.heading.empty() ? 0 : display_width(span.heading) + 4;
    if (least > width) {
      widths[column + span.count - 1] += least - width;
      width = least;
    }
    line += kGap + barred(span.heading, width);
    column += span.count;
  }
  return line;
}

/// Each row's group and label, the group only at its first row.
std::vector<std::string> row_heads(const Grid& grid) {
  std::size_t group_width = 0;
  for (const GridRow& row : grid.rows) {
    group_width = std::max(group_width, display_width(row.group));
  }
  std::vector<std::string> heads;
  for (std::size_t i = 0; i < grid.rows.size(); ++i) {
    const bool first = i == 0 || grid.rows[i].group != grid.rows[i - 1].group;
    std::string head = pad_right(first ? grid.rows[i].group : "", group_width);
    if (group_width > 0) head += "  ";
    heads.push_back(head + row_label(grid.rows[i]));
  }
  return heads;
}

std::string claims_text(const Grid& grid) {
  if (grid.claims.empty()) return "";
  std::string out = "\nThe paper's claims on these runs\n";
  for (const GridClaim& claim : grid.claims) {
    out += "  [" + claim.verdict + "] " + claim.text + " (" + claim.source + ")\n      " +
           claim.why + "\n";
  }
  return out;
}

}  // namespace

std::string render_text(const Grid& grid) {
  const std::vector<std::string> heads = row_heads(grid);
  std::size_t label_width = 0;
  for (const std::string& head : heads) label_width = std::max(label_width, display_width(head));
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
  if (grid.has_column_groups()) {
    append_line(out, std::string(label_width, ' ') + heading_line(grid, widths));
  }
  std::string line = std::string(label_width, ' ');
  std::size_t total = label_width;
  for (std::size_t c = 0; c < grid.header.size(); ++c) {
    line += kGap + pad_right(grid.header[c], widths[c]);
    total += 3 + widths[c];
  }
  append_line(out, line);
  out += std::string(total, '-') + "\n";
  for (std::size_t r = 0; r < grid.rows.size(); ++r) {
    line = pad_right(heads[r], label_width);
    for (std::size_t c = 0; c < grid.header.size(); ++c) {
      line += kGap + pad_right(cell_words(grid.rows[r].cells[c], leads[c]), widths[c]);
    }
    append_line(out, line);
  }
  out += "\n" + with_mark(grid.legend, "*") + "\n";
  for (const std::string& note : grid.notes) out += note + "\n";
  out += claims_text(grid);
  for (const Grid& summary : grid.summary) out += "\n" + render_text(summary);
  return out;
}

}  // namespace labhost
