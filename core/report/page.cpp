#include "core/report/page.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/report/claims.hpp"
#include "core/report/curves.hpp"
#include "core/report/render.hpp"
#include "core/report/summary.hpp"
#include "core/report/values.hpp"
#include "core/sdk/error.hpp"
#include "page_assets.hpp"

namespace labhost {
namespace {

using Json = nlohmann::ordered_json;

/// A larger video stays out of the page.
constexpr std::int64_t kMostVideoBytes = 64 << 20;

Json named(const ReportLayout& layout, const std::vector<std::string>& names) {
  Json list = Json::array();
  for (const std::string& name : names) {
    list.push_back({{"name", name}, {"label", layout.label(name)}, {"group", layout.group(name)}});
  }
  return list;
}

/// Runs of each cell, by task and algorithm, in seed order.
std::map<std::pair<std::string, std::string>, std::vector<std::int64_t>> runs_by_cell(
    Store& store, const Table& table) {
  std::map<std::pair<std::string, std::string>, std::vector<std::int64_t>> runs;
  const QueryResult found = store.query(
      "SELECT task, algorithm, run_id FROM experiment_run"
      " WHERE experiment = ?1 AND profile = ?2 AND reported = 1 ORDER BY seed",
      {table.experiment, table.profile});
  for (const auto& row : found.rows) {
    runs[{cell_text(row[0]), cell_text(row[1])}].push_back(cell_integer(row[2]));
  }
  return runs;
}

/// The words of each cell with those of the paper's, and its runs.
Json cells_json(Store& store, const Table& table, std::set<std::int64_t>& shown) {
  const Grid ours = make_grid(table, true);  // each row, the paper's, the difference
  const auto runs = runs_by_cell(store, table);
  const bool of_metrics = !table.layout.metrics.empty();
  const auto paper_words = [](const GridCell& cell) {
    return cell.text == "–" ? Json(nullptr) : Json(cell.text);
  };
  Json rows = Json::array();
  for (std::size_t r = 0; r < table.cells.size(); ++r) {
    Json row = Json::array();
    for (std::size_t c = 0; c < table.cells[r].size(); ++c) {
      const CellSummary& cell = table.cells[r][c];
      // A table of metrics shows one algorithm: the layout's first.
      const std::string algorithm =
          !of_metrics ? cell.column
                      : (table.layout.columns.empty() ? "" : table.layout.columns.front());
      const auto behind = runs.find({cell.task, algorithm});
      const auto ids = behind == runs.end() ? std::vector<std::int64_t>{} : behind->second;
      shown.insert(ids.begin(), ids.end());
      row.push_back({{"text", ours.rows[3 * r].cells[c].text},
                     {"best", cell.best},
                     {"mean", real_json(cell.mean)},
                     {"sem", real_json(cell.sem)},
                     {"paper", paper_words(ours.rows[3 * r + 1].cells[c])},
                     {"difference", paper_words(ours.rows[3 * r + 2].cells[c])},
                     {"algorithm", algorithm},
                     {"runs", ids}});
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

void add_interval(Json& entry, const Estimate& estimate) {
  entry["low"] = estimate.interval ? Json(estimate.interval->low) : Json(nullptr);
  entry["high"] = estimate.interval ? Json(estimate.interval->high) : Json(nullptr);
}

Json statistics_json(Store& store, const Table& table) {
  if (!table.layout.metrics.empty()) return nullptr;
  const Summary summary =
      summarise(table, load_table(store, table.experiment, table.profile, TableScore::kBest));
  Json algorithms = Json::array();
  for (const AlgorithmSummary& of : summary.algorithms) {
    if (!of.last) continue;
    Json improvement = nullptr;
    if (of.improvement) {
      improvement = {{"p", of.improvement->value}};
      add_interval(improvement, *of.improvement);
    }
    Json entry = {{"name", of.algorithm},
                  {"label", table.layout.label(of.algorithm)},
                  {"runs", of.runs},
                  {"iqm", of.last->value},
                  {"best_iqm", of.best ? Json(of.best->value) : Json(nullptr)},
                  {"improvement", std::move(improvement)}};
    add_interval(entry, *of.last);
    algorithms.push_back(std::move(entry));
  }
  if (algorithms.empty()) return nullptr;
  return {{"reference", summary.reference},
          {"reference_label", table.layout.label(summary.reference)},
          {"algorithms", std::move(algorithms)}};
}

Json curves_json(Store& store, const Table& table) {
  if (!table.layout.metrics.empty()) return nullptr;
  FigureSpec figure = table.layout.figure;
  Curves curves;
  try {
    curves = load_curves(store, table, figure);
  } catch (const InputError&) {  // no run has the metric of its x axis yet
    return nullptr;
  }
  if (curves.empty()) return nullptr;
  Json panels = Json::array();
  for (const CurvePanel& panel : curves.panels) {
    Json series = Json::array();
    for (const CurveSeries& one : panel.series) {
      Json runs = Json::array();
      for (const Curve& curve : one.runs) {
        runs.push_back({{"run", curve.run_id}, {"x", curve.x}, {"y", curve.y}});
      }
      series.push_back({{"name", one.algorithm},
                        {"label", table.layout.label(one.algorithm)},
                        {"runs", std::move(runs)}});
    }
    panels.push_back(
        {{"label", table.layout.full_label(panel.task)}, {"series", std::move(series)}});
  }
  return {{"x_label", curves.x_label},
          {"y_label", curves.y_label},
          {"smoothing", figure.smoothing},
          {"individual", figure.individual},
          {"panels", std::move(panels)}};
}

Json experiment_json(Store& store, const Table& table, std::set<std::int64_t>& shown) {
  const Grid grid = make_grid(table, false);
  const auto& layout = table.layout;
  return {{"name", table.experiment},
          {"profile", table.profile},
          {"title", layout.title},
          {"rows", named(layout, layout.rows)},
          {"columns", named(layout, layout.metrics.empty() ? layout.columns : layout.metrics)},
          {"of_metrics", !layout.metrics.empty()},
          {"digits", layout.digits},
          {"legend", with_mark(grid.legend, "bold")},
          {"notes", grid.notes},
          {"cells", cells_json(store, table, shown)},
          {"claims", claims_json(table)},
          {"statistics", statistics_json(store, table)},
          {"curves", curves_json(store, table)}};
}

std::string base64(const std::string& bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&bytes, i](std::size_t k) {
      return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u;
    };
    const unsigned group = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (int shift = 18; shift >= 0; shift -= 6) out += kDigits[group >> shift & 63];
  }
  const std::size_t padding = (3 - bytes.size() % 3) % 3;
  return out.replace(out.size() - padding, padding, padding, '=');
}

Json pairs_json(Store& store, const char* table, std::int64_t run_id) {
  Json pairs = Json::object();
  const QueryResult found = store.query(
      std::string("SELECT name, value FROM ") + table + " WHERE run_id = ?1 ORDER BY name",
      {run_id});
  for (const auto& row : found.rows) pairs[cell_text(row[0])] = cell_text(row[1]);
  return pairs;
}

Json needs_json(Store& store, std::int64_t run_id) {
  Json needs = Json::array();
  const QueryResult found = store.query(
      "SELECT substr(p.name, 7), r.id FROM run_param p JOIN run r ON r.run_key = p.value"
      " WHERE p.run_id = ?1 AND p.name LIKE 'needs.%' ORDER BY p.name",
      {run_id});
  for (const auto& row : found.rows) {
    needs.push_back({{"role", cell_text(row[0])}, {"run", cell_integer(row[1])}});
  }
  return needs;
}

/// A file that has gone since, or is too large for a page, is left out.
Json videos_json(Store& store, std::int64_t run_id) {
  Json videos = Json::array();
  const QueryResult found = store.query(
      "SELECT path, bytes FROM artifact WHERE run_id = ?1 AND kind = 'video' ORDER BY path",
      {run_id});
  for (const auto& row : found.rows) {
    const std::filesystem::path file = store.folder() / cell_text(row[0]);
    std::error_code error;
    if (cell_integer(row[1]) > kMostVideoBytes || !std::filesystem::is_regular_file(file, error)) {
      continue;
    }
    videos.push_back({{"name", file.filename().string()}, {"data", base64(read_file(file))}});
  }
  return videos;
}

Json run_json(Store& store, std::int64_t run_id) {
  const RunRow run = *store.run_by_id(run_id);
  return {{"id", run.id},
          {"key", run.run_key},
          {"task", run.task},
          {"algorithm", run.algorithm},
          {"seed", run.seed},
          {"status", run.status},
          {"score", real_json(run.score)},
          {"seconds", run.seconds},
          {"started_at", real_json(run.started_at)},
          {"finished_at", real_json(run.finished_at)},
          {"step", run.step},
          {"total_steps", run.total_steps},
          {"error", run.error.empty() ? Json(nullptr) : Json(run.error)},
          {"params", pairs_json(store, "run_param", run_id)},
          {"provenance", pairs_json(store, "provenance", run_id)},
          {"needs", needs_json(store, run_id)},
          {"videos", videos_json(store, run_id)}};
}

/// The runs behind the cells, and the ones that those need in turn.
Json runs_json(Store& store, const std::set<std::int64_t>& shown) {
  Json runs = Json::object();
  std::vector<std::int64_t> open(shown.begin(), shown.end());
  while (!open.empty()) {
    const std::int64_t run_id = open.back();
    open.pop_back();
    const std::string name = std::to_string(run_id);
    if (runs.contains(name)) continue;
    runs[name] = run_json(store, run_id);
    for (const Json& need : runs[name]["needs"]) open.push_back(need["run"].get<std::int64_t>());
  }
  return runs;
}

std::string utc_now() {
  const auto now = static_cast<std::time_t>(now_seconds());
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &utc);
  return text.data();
}

/// Every experiment and profile that is asked for; one that is unknown throws.
std::vector<Table> tables_of(Store& store, const std::vector<std::string>& experiments,
                             const std::optional<std::string>& profile) {
  const QueryResult found =
      store.query("SELECT name, profile FROM experiment ORDER BY planned_at DESC, name, profile");
  std::vector<std::string> names = experiments;
  if (names.empty()) {
    for (const auto& row : found.rows) {
      const std::string name = cell_text(row[0]);
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  std::vector<Table> tables;
  for (const std::string& name : names) {
    std::vector<std::string> profiles;
    for (const auto& row : found.rows) {
      if (cell_text(row[0]) == name && (!profile || cell_text(row[1]) == *profile)) {
        profiles.push_back(cell_text(row[1]));
      }
    }
    if (profiles.empty()) {
      if (experiments.empty()) continue;                   // it has no such profile
      tables.push_back(load_table(store, name, profile));  // says what is wrong
    }
    for (const std::string& one : profiles) tables.push_back(load_table(store, name, one));
  }
  return tables;
}

/// `</script>` within a text must not end the element that the data stands in.
std::string within_script(std::string json) {
  std::string out;
  for (std::size_t at = 0; at < json.size(); ++at) {
    out += json[at];
    if (json[at] == '<' && at + 1 < json.size() && (json[at + 1] == '/' || json[at + 1] == '!')) {
      out.back() = '\\';
      out += "u003c";
    }
  }
  return out;
}

void fill(std::string& page, const std::string& marker, const std::string& content) {
  const std::size_t at = page.find(marker);
  page.replace(at, marker.size(), content);
}

}  // namespace

std::string results_page(Store& store, const std::vector<std::string>& experiments,
                         const std::optional<std::string>& profile) {
  std::set<std::int64_t> shown;
  Json listed = Json::array();
  for (const Table& table : tables_of(store, experiments, profile)) {
    listed.push_back(experiment_json(store, table, shown));
  }
  const Json data = {
      {"title", "labhost results"},       {"generated_at", utc_now()},
      {"labhost", LABHOST_VERSION},       {"store", store.file().filename().string()},
      {"experiments", std::move(listed)}, {"runs", runs_json(store, shown)}};
  std::string page = kPageHtml;
  fill(page, "{{STYLE}}", std::string(kChartCss) + kPageCss);
  fill(page, "{{SCRIPT}}", std::string(kChartJs) + "\n" + kPageJs);
  fill(page, "{{DATA}}", within_script(data.dump(-1, ' ', false, Json::error_handler_t::replace)));
  return page;
}

}  // namespace labhost
