// A GitHub-flavoured Markdown table.
#include "core/report/render.hpp"

namespace labhost {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      out += ' ';
      continue;
    }
    if (std::string("\\|*_`<[]#").find(c) != std::string::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string render_markdown(const Grid& grid) {
  // A Markdown table has neither spans nor a second header: a group stands above its first column's
  // label, and before its rows'.
  std::string out = "**" + escaped(grid.title) + "**\n\n|";
  for (std::size_t c = 0; c < grid.header.size(); ++c) {
    const std::string& group = grid.groups[c];
    const bool first = !group.empty() && (c == 0 || grid.groups[c - 1] != group);
    out += " | " + (first ? "*" + escaped(group) + "*<br>" : "") + escaped(grid.header[c]);
  }
  out += " |\n|---";
  for (std::size_t c = 0; c < grid.header.size(); ++c) out += "|---:";
  out += "|\n";
  for (const GridRow& row : grid.rows) {
    const std::string group = row.group.empty() ? "" : escaped(row.group) + " ";
    out += "| " + (row.detail ? "*" + escaped(row.label) + "*" : group + escaped(row.label));
    for (const GridCell& cell : row.cells) {
      const std::string text = escaped(cell.text);
      out += " | " + (cell.best ? "**" + text + "**" : text);
    }
    out += " |\n";
  }
  out += "\n" + escaped(with_mark(grid.legend, "bold")) + "\n";
  if (!grid.notes.empty()) out += "\n";
  for (const std::string& note : grid.notes) out += "- " + escaped(note) + "\n";
  if (!grid.claims.empty()) {
    out += "\n| the paper's claim | on these runs | why |\n|---|---|---|\n";
    for (const GridClaim& claim : grid.claims) {
      out += "| " + escaped(claim.text) + " (" + escaped(claim.source) + ") | " +
             escaped(claim.verdict) + " | " + escaped(claim.why) + " |\n";
    }
  }
  for (const Grid& summary : grid.summary) out += "\n" + render_markdown(summary);
  return out;
}

}  // namespace labhost
