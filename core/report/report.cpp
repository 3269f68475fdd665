#include "core/report/report.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/base/text.hpp"
#include "core/report/render.hpp"
#include "core/report/statistics.hpp"
#include "core/report/values.hpp"
#include "core/sdk/error.hpp"
#include "core/store/functions.hpp"

namespace labhost {
namespace {

using CellKey = std::pair<std::string, std::string>;  // task, column

/// The experiment's name, profile and layout; no cells yet.
Table find_experiment(Store& store, const std::string& experiment,
                      const std::optional<std::string>& profile) {
  const QueryResult found =
      store.query("SELECT name, profile, layout FROM experiment ORDER BY planned_at DESC, profile");
  std::vector<std::string> names, profiles;
  for (const auto& row : found.rows) {
    const std::string name = cell_text(row[0]);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    if (name != experiment) continue;
    profiles.push_back(cell_text(row[1]));
    if (profile && profiles.back() != *profile) continue;
    Table table;
    table.experiment = name;
    table.profile = profiles.back();
    table.layout = ReportLayout::from_json(nlohmann::json::parse(cell_text(row[2])));
    return table;
  }
  const std::string where = " in " + store.file().string();
  if (names.empty()) {
    throw InputError("no experiment" + where +
                     " yet; start one: labhost run experiments/NAME.toml");
  }
  if (profiles.empty()) {
    throw InputError("no experiment \"" + experiment + "\"" + where +
                     suggestion(experiment, names));
  }
  throw InputError("experiment \"" + experiment + "\" has no profile \"" + *profile + "\"" + where +
                   suggestion(*profile, profiles));
}

/// Rows of task, column, seed, status, value, updates; in seed order.
QueryResult planned_scores(Store& store, const Table& table) {
  const std::string score = table.score == TableScore::kLast
                                ? "r.score"
                                : "(SELECT max(m.value) FROM metric m WHERE m.run_id = r.id"
                                  " AND m.name = 'eval/score')";
  return store.query(
      "SELECT e.task, e.algorithm, e.seed, r.status, " + score +
          ", r.total_steps FROM experiment_run e JOIN run r ON r.id = e.run_id"
          " WHERE e.experiment = ?1 AND e.profile = ?2 AND e.reported = 1 ORDER BY e.seed",
      {table.experiment, table.profile});
}

/// The same with one row per metric. A metric's table shows one algorithm: the layout's first.
QueryResult planned_metrics(Store& store, const Table& table) {
  const auto& columns = table.layout.columns;
  // latest_metric spelled out: a look-up in the primary key for each run and metric, where the view
  // would visit every step of every metric.
  return store.query(
      "SELECT e.task, n.value, e.seed, r.status, CASE n.value WHEN 'score' THEN r.score ELSE"
      " (SELECT m.value FROM metric m WHERE m.run_id = r.id AND m.name = n.value"
      "  ORDER BY m.step DESC LIMIT 1) END, r.total_steps"
      " FROM experiment_run e JOIN run r ON r.id = e.run_id JOIN json_each(?3) n"
      " WHERE e.experiment = ?1 AND e.profile = ?2 AND e.reported = 1"
      " AND (?4 = '' OR e.algorithm = ?4) ORDER BY e.seed",
      {table.experiment, table.profile, nlohmann::json(table.layout.metrics).dump(),
       columns.empty() ? std::string() : columns.front()});
}

std::map<CellKey, CellSummary> collect_cells(const QueryResult& planned) {
  std::map<CellKey, CellSummary> cells;
  for (const auto& row : planned.rows) {
    CellSummary& cell = cells[{cell_text(row[0]), cell_text(row[1])}];
    const std::int64_t seed = cell_integer(row[2]);
    const std::string status = cell_text(row[3]);
    const std::optional<double> value = cell_real(row[4]);
    if (status == "completed" && value) {
      cell.values.push_back(*value);
      cell.seeds.push_back(seed);
      cell.updates = cell_integer(row[5]);
      continue;
    }
    cell.missing_seeds.push_back(seed);
    if (status == "failed") cell.failed_seeds.push_back(seed);
    if (status == "completed") cell.valueless_seeds.push_back(seed);
  }
  for (auto& [key, cell] : cells) {
    if (cell.values.empty()) continue;
    cell.mean = mean(cell.values);
    cell.sem = standard_error(cell.values);
  }
  return cells;
}

std::map<CellKey, PaperCell> paper_cells(Store& store, const std::string& table_name) {
  std::map<CellKey, PaperCell> cells;
  const QueryResult found = store.query(
      "SELECT task, algorithm, mean, sem FROM paper_cell WHERE table_name = ?1", {table_name});
  for (const auto& row : found.rows) {
    PaperCell cell{table_name, cell_text(row[0]), cell_text(row[1]), cell_real(row[2]),
                   cell_real(row[3])};
    cells[{cell.task, cell.algorithm}] = cell;
  }
  return cells;
}

/// What a cell lacks beside the others: its runs were deleted, or a narrower plan came last.
void find_absent_seeds(std::vector<std::vector<CellSummary>>& cells) {
  const auto planned = [](const CellSummary& cell) {
    std::set<std::int64_t> seeds(cell.seeds.begin(), cell.seeds.end());
    seeds.insert(cell.missing_seeds.begin(), cell.missing_seeds.end());
    return seeds;
  };
  std::set<std::int64_t> all;
  for (const auto& row : cells) {
    for (const CellSummary& cell : row) all.merge(planned(cell));
  }
  for (auto& row : cells) {
    for (CellSummary& cell : row) {
      const std::set<std::int64_t> own = planned(cell);
      if (own.empty()) continue;
      std::set_difference(all.begin(), all.end(), own.begin(), own.end(),
                          std::back_inserter(cell.absent_seeds));
    }
  }
}

/// With a single column there is nothing to be best of.
void mark_best(std::vector<CellSummary>& row) {
  std::vector<CellSummary*> with_values;
  for (CellSummary& cell : row) {
    if (cell.mean) with_values.push_back(&cell);
  }
  if (with_values.size() < 2) return;
  // Among equal means the one with most seeds, which can be tested against.
  const CellSummary& best = **std::max_element(with_values.begin(), with_values.end(),
                                               [](const CellSummary* a, const CellSummary* b) {
                                                 return std::make_pair(*a->mean, a->values.size()) <
                                                        std::make_pair(*b->mean, b->values.size());
                                               });
  for (CellSummary* cell : with_values) cell->best = ties(cell->values, best.values);
}

}  // namespace

Table load_table(Store& store, const std::string& experiment,
                 const std::optional<std::string>& profile, TableScore score) {
  Table table = find_experiment(store, experiment, profile);
  table.score = score;
  const bool of_metrics = !table.layout.metrics.empty();
  const auto ours =
      collect_cells(of_metrics ? planned_metrics(store, table) : planned_scores(store, table));
  const auto paper = paper_cells(store, table.layout.paper_table);
  for (const std::string& task : table.layout.rows) {
    std::vector<CellSummary> row;
    for (const std::string& column : of_metrics ? table.layout.metrics : table.layout.columns) {
      const CellKey key(task, column);
      const auto own = ours.find(key);
      CellSummary cell = own == ours.end() ? CellSummary{} : own->second;
      cell.task = task;
      cell.column = column;
      const auto published = paper.find(key);
      if (published != paper.end()) {
        cell.paper_mean = published->second.mean;
        cell.paper_sem = published->second.sem;
      }
      row.push_back(std::move(cell));
    }
    if (!of_metrics) mark_best(row);
    table.cells.push_back(std::move(row));
  }
  find_absent_seeds(table.cells);
  return table;
}

TableFormat parse_table_format(const std::string& name) {
  static const std::map<std::string, TableFormat> kFormats = {
      {"text", TableFormat::kText}, {"md", TableFormat::kMarkdown}, {"latex", TableFormat::kLatex},
      {"csv", TableFormat::kCsv},   {"json", TableFormat::kJson},   {"html", TableFormat::kHtml}};
  const auto found = kFormats.find(name);
  if (found != kFormats.end()) return found->second;
  throw InputError("unknown format \"" + name + "\"; known: text, md, latex, csv, json, html");
}

std::string render_table(const Table& table, TableFormat format, bool compare_paper,
                         const Summary* summary) {
  switch (format) {
    case TableFormat::kMarkdown:
      return render_markdown(make_grid(table, compare_paper, summary));
    case TableFormat::kLatex:
      return render_latex(make_grid(table, compare_paper, summary));
    case TableFormat::kHtml:
      return render_html(make_grid(table, compare_paper, summary));
    case TableFormat::kCsv:
      return render_csv(table);
    case TableFormat::kJson:
      return render_json(table, summary);
    case TableFormat::kText:
      break;
  }
  return render_text(make_grid(table, compare_paper, summary));
}

}  // namespace labhost
