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

}  // namespace

std::string render_latex(const Grid& grid) {
  std::string out = comment(grid.title) + comment("needs \\usepackage{booktabs}");
  out += "\\begin{tabular}{l" + std::string(grid.header.size(), 'c') + "}\n\\toprule\n";
  for (const std::string& label : grid.header) out += " & " + escaped(label);
  out += " \\\\\n\\midrule\n";
  for (const GridRow& row : grid.rows) {
    out += (row.detail ? "\\quad " : "") + escaped(row.label);
    for (const GridCell& cell : row.cells) out += " & " + cell_words(cell);
    out += " \\\\\n";
  }
  out += "\\bottomrule\n\\end{tabular}\n" + comment(with_mark(grid.legend, "bold"));
  for (const std::string& note : grid.notes) out += comment(note);
  return out;
}

}  // namespace labhost
