// A table as words: rounding, marks, and the notes that name what is missing.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "core/base/text.hpp"
#include "core/report/claims.hpp"
#include "core/report/render.hpp"

namespace labhost {
namespace {

constexpr const char* kNothing = "–";
constexpr const char* kMark = "{mark}";  // in a legend: what the format marks best cells with

std::string mean_and_error(const std::optional<double>& mean, const std::optional<double>& sem,
                           std::int64_t digits) {
  if (!mean) return kNothing;
  std::string text = rounded(*mean, digits);
  if (sem) text += " ± " + rounded(*sem, digits);
  return text;
}

std::string our_text(const CellSummary& cell, std::int64_t digits) {
  std::string text = mean_and_error(cell.mean, cell.sem, digits);
  const std::size_t lacking = cell.missing_seeds.size() + cell.absent_seeds.size();
  if (lacking > 0) {
    const std::size_t planned = cell.values.size() + lacking;
    text += " (" + std::to_string(cell.values.size()) + "/" + std::to_string(planned) + ")";
  }
  return text;
}

GridRow our_row(const std::vector<CellSummary>& row, const ReportLayout& layout,
                const std::string& task) {
  GridRow words;
  words.group = layout.group(task);
  words.label = layout.label(task);
  for (const CellSummary& cell : row) {
    words.cells.push_back({our_text(cell, layout.digits), cell.best});
  }
  return words;
}

GridRow paper_row(const std::vector<CellSummary>& row, std::int64_t digits) {
  GridRow words;
  words.label = "paper";
  words.detail = true;
  for (const CellSummary& cell : row) {
    words.cells.push_back({mean_and_error(cell.paper_mean, cell.paper_sem, digits), false});
  }
  return words;
}

GridRow difference_row(const std::vector<CellSummary>& row, std::int64_t digits) {
  GridRow words;
  words.label = "difference";
  words.detail = true;
  for (const CellSummary& cell : row) {
    const bool both = cell.mean && cell.paper_mean;
    words.cells.push_back(
        {both ? rounded(*cell.mean - *cell.paper_mean, digits, true) : kNothing, false});
  }
  return words;
}

/// One line on the seeds that `cell` lacks. `columns` are all that lack the same ones.
std::string missing_note(const CellSummary& cell, const std::string& columns) {
  std::string note = "missing: " + cell.task;
  if (!columns.empty()) note += " " + columns;
  note += cell.missing_seeds.size() == 1 ? " seed " : " seeds ";
  note += seed_list(cell.missing_seeds);
  std::vector<std::string> reasons;
  if (!cell.failed_seeds.empty()) {
    reasons.push_back("failed: " + seed_list(cell.failed_seeds));
    reasons.push_back("see labhost runs --filter status=failed");
  }
  if (!cell.valueless_seeds.empty()) {
    reasons.insert(reasons.begin(),
                   "completed without a number: " + seed_list(cell.valueless_seeds));
  }
  if (!reasons.empty()) note += " (" + join(reasons, "; ") + ")";
  return note;
}

/// One line on the seeds that a row's cells do not have, and other cells do.
void add_absent_notes(const std::vector<CellSummary>& row, std::vector<std::string>& notes) {
  std::map<std::vector<std::int64_t>, std::vector<std::string>> columns;
  for (const CellSummary& cell : row) {
    if (!cell.absent_seeds.empty()) columns[cell.absent_seeds].push_back(cell.column);
  }
  for (const auto& [seeds, names] : columns) {
    notes.push_back("not planned: " + row.front().task + " " + join(names, ", ") +
                    (seeds.size() == 1 ? " seed " : " seeds ") + seed_list(seeds));
  }
}

/// The metrics of one run are missing together: one line for all that lack the same seeds.
void add_missing_notes(const std::vector<CellSummary>& row, bool of_metrics,
                       std::vector<std::string>& notes) {
  std::set<std::size_t> named;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i].missing_seeds.empty() || named.count(i) > 0) continue;
    std::vector<std::string> columns = {row[i].column};
    for (std::size_t j = i + 1; of_metrics && j < row.size(); ++j) {
      if (row[j].missing_seeds != row[i].missing_seeds ||
          row[j].valueless_seeds != row[i].valueless_seeds) {
        continue;
      }
      columns.push_back(row[j].column);
      named.insert(j);
    }
    const bool all = of_metrics && columns.size() == row.size();
    notes.push_back(missing_note(row[i], all ? "" : join(columns, ", ")));
  }
}

std::string legend_of(const Table& table) {
  std::set<std::size_t> planned;
  bool any_best = false, any_tested = false;
  for (const auto& row : table.cells) {
    for (const CellSummary& cell : row) {
      const std::size_t seeds =
          cell.values.size() + cell.missing_seeds.size() + cell.absent_seeds.size();
      if (seeds > cell.absent_seeds.size()) planned.insert(seeds);
      any_best = any_best || cell.best;
      any_tested = any_tested || cell.values.size() > 1;
    }
  }
  if (planned.empty()) return "no runs yet";
  std::string legend;
  if (planned.size() > 1) {
    legend = "mean ± standard error over seeds";
  } else if (*planned.begin() == 1) {
    legend = "one seed";
  } else {
    legend = "mean ± standard error over " + std::to_string(*planned.begin()) + " seeds";
  }
  if (any_best) {
    legend += std::string("; ") + kMark + ": ";
    legend += any_tested ? "best of its row, or not significantly different from it (Welch, 5 %)"
                         : "highest of its row; a single seed cannot be tested";
  }
  return legend;
}

}  // namespace

std::string rounded(double value, std::int64_t digits, bool with_sign) {
  if (!std::isfinite(value)) return format_real(value);
  const int places = static_cast<int>(std::clamp<std::int64_t>(digits, 0, 17));
  // Room for every digit of the largest double.
  char text[400];
  std::snprintf(text, sizeof text, with_sign ? "%+.*f" : "%.*f", places, value);
  // A value that rounds to zero has no sign to show.
  const std::string number = text;
  const bool zero = number.find_first_of("123456789") == std::string::npos;
  const bool has_sign = number[0] == '-' || number[0] == '+';
  return zero && has_sign ? number.substr(1) : number;
}

std::string with_mark(std::string legend, const std::string& mark) {
  const std::size_t at = legend.find(kMark);
  if (at != std::string::npos) legend.replace(at, std::string(kMark).size(), mark);
  return legend;
}

std::string seed_list(const std::vector<std::int64_t>& seeds) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < seeds.size();) {
    std::size_t last = i;
    while (last + 1 < seeds.size() && seeds[last + 1] == seeds[last] + 1) ++last;
    if (last - i >= 2) {
      parts.push_back(std::to_string(seeds[i]) + "-" + std::to_string(seeds[last]));
      i = last + 1;
    } else {
      parts.push_back(std::to_string(seeds[i]));
      ++i;
    }
  }
  return join(parts, ", ");
}

std::vector<Span> spans_of(const std::vector<std::string>& headings) {
  std::vector<Span> spans;
  for (const std::string& heading : headings) {
    if (!spans.empty() && spans.back().heading == heading) {
      ++spans.back().count;
    } else {
      spans.push_back({heading, 1});
    }
  }
  return spans;
}

bool Grid::has_row_groups() const {
  return std::any_of(rows.begin(), rows.end(),
                     [](const GridRow& row) { return !row.group.empty(); });
}

bool Grid::has_column_groups() const {
  return std::any_of(groups.begin(), groups.end(),
                     [](const std::string& group) { return !group.empty(); });
}

std::string estimate_text(const std::optional<Estimate>& estimate, std::int64_t digits) {
  if (!estimate) return kNothing;
  std::string text = rounded(estimate->value, digits);
  if (!estimate->interval) return text;
  return text + " [" + rounded(estimate->interval->low, digits) + ", " +
         rounded(estimate->interval->high, digits) + "]";
}

Grid summary_grid(const Table& table, const Summary& summary) {
  const ReportLayout& layout = table.layout;
  Grid grid;
  grid.title = "Over all tasks (" + table.experiment + ", profile " + table.profile + ")";
  grid.header = {"IQM, last", "IQM, best", "P(" + layout.label(summary.reference) + " better)",
                 "runs"};
  grid.groups.assign(grid.header.size(), "");
  for (const AlgorithmSummary& of : summary.algorithms) {
    GridRow row;
    row.label = layout.label(of.algorithm);
    row.cells = {{estimate_text(of.last, layout.digits), false},
                 {estimate_text(of.best, layout.digits), false},
                 {estimate_text(of.improvement, layout.digits), false},
                 {std::to_string(of.runs) + " on " + std::to_string(of.tasks) +
                      (of.tasks == 1 ? " task" : " tasks"),
                  false}};
    grid.rows.push_back(std::move(row));
  }
  grid.legend =
      "IQM: interquartile mean over all runs [95 % stratified bootstrap interval]; best: each "
      "run's best evaluation, optimistic; P: of a run of " +
      layout.label(summary.reference) + " against one of the row on the tasks of both";
  return grid;
}

Grid make_grid(const Table& table, bool compare_paper, const Summary* summary) {
  const ReportLayout& layout = table.layout;
  const bool of_metrics = !layout.metrics.empty();
  Grid grid;
  const std::string origin = table.experiment + ", profile " + table.profile;
  grid.title = layout.title.empty() ? origin : layout.title + " (" + origin + ")";
  if (table.score == TableScore::kBest) grid.title += ": best evaluations, optimistic";
  for (const std::string& column : of_metrics ? layout.metrics : layout.columns) {
    grid.header.push_back(layout.label(column));
    grid.groups.push_back(layout.group(column));
  }
  bool in_paper = false;
  for (std::size_t i = 0; i < table.cells.size(); ++i) {
    const auto& row = table.cells[i];
    grid.rows.push_back(our_row(row, layout, layout.rows[i]));
    add_missing_notes(row, of_metrics, grid.notes);
    add_absent_notes(row, grid.notes);
    if (!compare_paper) continue;
    for (GridRow detail : {paper_row(row, layout.digits), difference_row(row, layout.digits)}) {
      detail.group = grid.rows.back().group;
      grid.rows.push_back(std::move(detail));
    }
    in_paper = in_paper || std::any_of(row.begin(), row.end(), [](const CellSummary& cell) {
                 return cell.paper_mean.has_value();
               });
  }
  grid.legend = legend_of(table);
  if (compare_paper) {
    for (const Judgement& judged : judge_claims(table)) {
      grid.claims.push_back(
          {verdict_text(judged.verdict), judged.claim.text, judged.claim.source, judged.why});
    }
  }
  if (summary != nullptr) grid.summary.push_back(summary_grid(table, *summary));
  if (compare_paper && !in_paper) {
    grid.notes.insert(grid.notes.begin(), "the paper has no numbers for this table");
  }
  return grid;
}

}  // namespace labhost
