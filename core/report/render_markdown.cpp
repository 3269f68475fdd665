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
  std::string out = "**" + escaped(grid.title) + "**\n\n|";
  for (const std::string& label : grid.header) out += " | " + escaped(label);
  out += " |\n|---";
  for (std::size_t c = 0; c < grid.header.size(); ++c) out += "|---:";
  out += "|\n";
  for (const GridRow& row : grid.rows) {
    out += "| " + (row.detail ? "*" + escaped(row.label) + "*" : escaped(row.label));
    for (const GridCell& cell : row.cells) {
      const std::string text = escaped(cell.text);
      out += " | " + (cell.best ? "**" + text + "**" : text);
    }
    out += " |\n";
  }
  out += "\n" + escaped(with_mark(grid.legend, "bold")) + "\n";
  if (!grid.notes.empty()) out += "\n";
  for (const std::string& note : grid.notes) out += "- " + escaped(note) + "\n";
  return out;
}

}  // namespace labhost
