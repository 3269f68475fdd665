// A booktabs tabular, ready for \input. Title, legend and missing seeds are comments: the caption
// is the author's; the cells themselves say how many seeds they lack.
#include <array>
#include <string_view>
#include <utility>

#include "core/report/render.hpp"

namespace labhost {
namespace {

using Replacement = std::pair<std::string_view, std::string_view>;

// Brackets and stars stand in braces because they mean something after "\\".
constexpr std::array<Replacement, 20> kReplacements = {{{"\\", "\\textbackslash{}"},
                                                        {"&", "\\&"},
                                                        {"%", "\\%"},
                                                        {"$", "\\$"},
                                                        {"#", "\\#"},
                                                        {"_", "\\_"},
                                                        {"{", "\\{"},
                                                        {"}", "\\}"},
                                                        {"~", "\\textasciitilde{}"},
                                                        {"^", "\\textasciicircum{}"},
                                                        {"<", "\\textless{}"},
                                                        {">", "\\textgreater{}"},
                                                        {"|", "\\textbar{}"},
                                                        {"[", "{[}"},
                                                        {"]", "{]}"},
                                                        {"*", "{*}"},
                                                        {"±", "$\\pm$"},
                                                        {"–", "--"},
                                                        {"\n", " "},
                                                        {"\r", " "}}};

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t used = 0;
    for (const auto& [from, to] : kReplacements) {
      if (text.substr(0, from.size()) != from) continue;
      out += to;
      used = from.size();
      break;
    }
    if (used == 0) {
      out += text.front();
      used = 1;
    }
    text.remove_prefix(used);
  }
  return out;
}

/// A number's minus sign is a hyphen outside mathematics.
std::string cell_words(const GridCell& cell) {
  const std::string& text = cell.text;
  const bool negative = !text.empty() && text.front() == '-';
  const std::string words = negative ? "$-$" + escaped(text.substr(1)) : escaped(text);
  return cell.best ? "\\textbf{" + words + "}" : words;
}

std::string comment(const std::string& text) {
  std::string line = "% " + text;
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return line + "\n";
}

/// The headings over columns, with a rule below each.
std::string heading_line(const Grid& grid, bool row_groups) {
  std::string headings, rules;
  std::size_t column = row_groups ? 3 : 2;
  if (row_groups) headings += " &";
  for (const Span& span : spans_of(grid.groups)) {
    const std::string count = std::to_string(span.count);
    headings += " & \\multicolumn{" + count + "}{c}{" + escaped(span.heading) + "}";
    if (!span.heading.empty()) {
      rules += "\\cmidrule(lr){" + std::to_string(column) + "-" +
               std::to_string(column + span.count - 1) + "}";
    }
    column += span.count;
  }
  return headings + " \\\\\n" + rules + "\n";
}

}  // namespace

std::string render_latex(const Grid& grid) {
  std::string out = comment(grid.title) + comment("needs \\usepackage{booktabs}");
  const bool row_groups = grid.has_row_groups();
  out += std::string("\\begin{tabular}{") + (row_groups ? "ll" : "l") +
         std::string(grid.header.size(), 'c') + "}\n\\toprule\n";
  if (grid.has_column_groups()) out += heading_line(grid, row_groups);
  if (row_groups) out += " &";
  for (const std::string& label : grid.header) out += " & " + escaped(label);
  out += " \\\\\n\\midrule\n";
  for (std::size_t i = 0; i < grid.rows.size(); ++i) {
    const GridRow& row = grid.rows[i];
    const bool first = i == 0 || grid.rows[i - 1].group != row.group;
    if (row_groups && first && i > 0) out += "\\midrule\n";
    if (row_groups) out += (first ? escaped(row.group) : "") + " & ";
    out += (row.detail ? "\\quad " : "") + escaped(row.label);
    for (const GridCell& cell : row.cells) out += " & " + cell_words(cell);
    out += " \\\\\n";
  }
  out += "\\bottomrule\n\\end{tabular}\n" + comment(with_mark(grid.legend, "bold"));
  for (const std::string& note : grid.notes) out += comment(note);
  for (const GridClaim& claim : grid.claims) {
    out +=
        comment("[" + claim.verdict + "] " + claim.text + " (" + claim.source + "): " + claim.why);
  }
  for (const Grid& summary : grid.summary) out += "\n" + render_latex(summary);
  return out;
}

}  // namespace labhost
