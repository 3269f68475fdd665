// A table as a piece of HTML, to paste into a page: no styles of its own but bold.
#include "core/report/html.hpp"
#include "core/report/render.hpp"

namespace labhost {
namespace {

using html::escaped;

std::string headings(const Grid& grid, bool row_groups) {
  std::string out = row_groups ? "<tr><td colspan=\"2\"></td>" : "<tr><td></td>";
  for (const Span& span : spans_of(grid.groups)) {
    out += "<th scope=\"colgroup\" colspan=\"" + std::to_string(span.count) + "\">" +
           escaped(span.heading) + "</th>";
  }
  return out + "</tr>\n";
}

/// The heading of the rows from `first` on, over all of its group.
std::string row_group(const Grid& grid, std::size_t first) {
  std::size_t count = 1;
  while (first + count < grid.rows.size() &&
         grid.rows[first + count].group == grid.rows[first].group) {
    ++count;
  }
  return "<th scope=\"rowgroup\" rowspan=\"" + std::to_string(count) + "\">" +
         escaped(grid.rows[first].group) + "</th>";
}

std::string body(const Grid& grid, bool row_groups) {
  std::string out;
  for (std::size_t i = 0; i < grid.rows.size(); ++i) {
    const GridRow& row = grid.rows[i];
    out += "<tr>";
    if (row_groups && (i == 0 || grid.rows[i - 1].group != row.group)) out += row_group(grid, i);
    out += "<th scope=\"row\">" + escaped(row.label) + "</th>";
    for (const GridCell& cell : row.cells) {
      const std::string text = escaped(cell.text);
      out += "<td>" + (cell.best ? "<b>" + text + "</b>" : text) + "</td>";
    }
    out += "</tr>\n";
  }
  return out;
}

std::string list_of(const Grid& grid) {
  std::string out;
  for (const std::string& note : grid.notes) out += "<li>" + escaped(note) + "</li>\n";
  for (const GridClaim& claim : grid.claims) {
    out += "<li>" + escaped(claim.text) + " (" + escaped(claim.source) + "): <b>" +
           escaped(claim.verdict) + "</b>; " + escaped(claim.why) + "</li>\n";
  }
  return out.empty() ? out : "<ul>\n" + out + "</ul>\n";
}

}  // namespace

std::string render_html(const Grid& grid) {
  const bool row_groups = grid.has_row_groups();
  std::string out = "<table>\n<caption>" + escaped(grid.title) + "</caption>\n<thead>\n";
  if (grid.has_column_groups()) out += headings(grid, row_groups);
  out += row_groups ? "<tr><td colspan=\"2\"></td>" : "<tr><td></td>";
  for (const std::string& label : grid.header) {
    out += "<th scope=\"col\">" + escaped(label) + "</th>";
  }
  out += "</tr>\n</thead>\n<tbody>\n" + body(grid, row_groups) + "</tbody>\n</table>\n";
  out += "<p>" + escaped(with_mark(grid.legend, "bold")) + "</p>\n" + list_of(grid);
  for (const Grid& summary : grid.summary) out += render_html(summary);
  return out;
}

}  // namespace labhost
