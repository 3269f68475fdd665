#include "core/cli/runs_view.hpp"

#include <algorithm>
#include <filesystem>
#include <map>

#include "core/base/text.hpp"
#include "core/report/values.hpp"
#include "core/runner/job.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

struct Condition {
  const char* key;
  const char* sql;  ///< true for a run r; %s stands for the list of placeholders
};

/// An experiment shows runs that another one planned first, so its links decide, not the column.
constexpr Condition kConditions[] = {
    {"id", "r.id IN (%s)"},
    {"experiment", "r.id IN (SELECT e.run_id FROM experiment_run e WHERE e.experiment IN (%s))"},
    {"profile", "r.id IN (SELECT e.run_id FROM experiment_run e WHERE e.profile IN (%s))"},
    {"task", "r.task IN (%s)"},
    {"algorithm", "r.algorithm IN (%s)"},
    {"environment", "r.environment IN (%s)"},
    {"dataset", "r.dataset IN (%s)"},
    {"seed", "r.seed IN (%s)"},
    {"status", "r.status IN (%s)"},
};

const Condition& find_condition(const std::string& key) {
  std::vector<std::string> keys;
  for (const Condition& condition : kConditions) {
    if (key == condition.key) return condition;
    keys.emplace_back(condition.key);
  }
  throw InputError("--filter: unknown key \"" + key + "\"" + suggestion(key, keys));
}

Cell filter_value(const std::string& key, const std::string& text) {
  if (key == "id" || key == "seed") {
    if (const auto integer = parse_integer(text)) return *integer;
    throw InputError("--filter: " + key + " is an integer, found \"" + text + "\"");
  }
  const std::vector<std::string> states = {"queued", "running", "completed", "failed",
                                           "interrupted"};
  if (key == "status" && std::find(states.begin(), states.end(), text) == states.end()) {
    throw InputError("--filter: unknown status \"" + text + "\"" + suggestion(text, states));
  }
  return text;
}

/// "AND ..." for each part of the filter; its values are added to `params`.
std::string filter_sql(const std::string& filter, std::vector<Cell>& params) {
  std::string sql;
  for (const std::string& part : split(filter, ',')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == part.size()) {
      throw InputError("--filter: expected KEY=VALUE[,KEY=VALUE...], found \"" + part + "\"");
    }
    const std::string key = part.substr(0, equals);
    const Condition& condition = find_condition(key);
    std::vector<std::string> places;
    for (const std::string& text : split(part.substr(equals + 1), '|')) {
      params.push_back(filter_value(key, text));
      places.push_back("?" + std::to_string(params.size()));
    }
    std::string clause = condition.sql;
    clause.replace(clause.find("%s"), 2, join(places, ", "));
    sql += " AND " + clause;
  }
  return sql;
}

/// Name and value of each row.
using Values = std::map<std::string, std::string>;

Values load_values(Store& store, const std::string& sql, std::int64_t run_id) {
  Values values;
  for (const auto& row : store.query(sql, {run_id}).rows) {
    values[cell_text(row[0])] = single_line(cell_text(row[1]));
  }
  return values;
}

constexpr const char* kParamsSql = "SELECT name, value FROM run_param WHERE run_id = ?1";
constexpr const char* kProvenanceSql = "SELECT name, value FROM provenance WHERE run_id = ?1";
constexpr const char* kMetricsSql =
    "SELECT name, coalesce(value, 'nan') FROM latest_metric WHERE run_id = ?1";

/// The columns of a run's row as texts, in the table's order; times are UTC.
std::vector<std::vector<std::string>> row_texts(Store& store, std::int64_t run_id) {
  const QueryResult found = store.query(
      "SELECT id, run_key, uuid, experiment, task, algorithm, environment, dataset, seed, status,"
      " step, total_steps, score, datetime(started_at, 'unixepoch') AS started_at,"
      " datetime(finished_at, 'unixepoch') AS finished_at,"
      " datetime(heartbeat_at, 'unixepoch') AS heartbeat_at,"
      " host, pid, attempt, round(seconds, 3) AS seconds FROM run WHERE id = ?1",
      {run_id});
  if (found.rows.empty()) throw InputError("no run " + std::to_string(run_id));
  std::vector<std::vector<std::string>> lines;
  for (std::size_t c = 0; c < found.columns.size(); ++c) {
    lines.push_back({found.columns[c], single_line(cell_text(found.rows[0][c]))});
  }
  return lines;
}

std::string section(const std::string& title, const std::string& body) {
  return body.empty() ? "" : "\n" + title + "\n" + body;
}

std::string values_section(const std::string& title, const Values& values) {
  std::vector<std::vector<std::string>> lines;
  for (const auto& [name, value] : values) lines.push_back({name, value});
  return section(title, align(lines, 2));
}

/// Rows of a query as lines.
std::string rows_section(Store& store, const std::string& title, const std::string& sql,
                         std::int64_t run_id) {
  std::vector<std::vector<std::string>> lines;
  for (const auto& row : store.query(sql, {run_id}).rows) {
    std::vector<std::string> words;
    for (const Cell& cell : row) words.push_back(single_line(cell_text(cell)));
    lines.push_back(std::move(words));
  }
  return section(title, align(lines, 2));
}

/// Where the run's stdout and stderr are: the file that its worker recorded, or the folder where a
/// worker that died too early to record it would have left it. Empty when there is neither.
std::string log_lines(Store& store, std::int64_t run_id) {
  const QueryResult found = store.query(
      "SELECT r.uuid, p.value FROM run r LEFT JOIN provenance p"
      " ON p.run_id = r.id AND p.name = 'log' WHERE r.id = ?1",
      {run_id});
  const std::string recorded = cell_text(found.rows[0][1]);
  std::filesystem::path path = store.folder();
  path /= recorded.empty() ? run_folder(cell_text(found.rows[0][0])).string() : recorded;
  if (recorded.empty() && !std::filesystem::exists(path)) return "";
  return "  " + path.lexically_normal().string() + "\n";
}

std::string error_lines(Store& store, std::int64_t run_id) {
  std::string out;
  const QueryResult found = store.query("SELECT error FROM run WHERE id = ?1", {run_id});
  for (const std::string& line : split(cell_text(found.rows[0][0]), '\n')) {
    out += "  " + single_line(line) + "\n";
  }
  return out;
}

std::string difference_section(const std::string& title, const Values& first,
                               const Values& second) {
  Values names = first;
  names.insert(second.begin(), second.end());
  const auto text = [](const Values& values, const std::string& name) {
    const auto found = values.find(name);
    return found == values.end() ? std::string("–") : found->second;
  };
  std::vector<std::vector<std::string>> lines;
  for (const auto& [name, value] : names) {
    if (text(first, name) == text(second, name)) continue;
    lines.push_back({name, text(first, name), text(second, name)});
  }
  return section(title, align(lines, 2));
}

}  // namespace

QueryResult list_runs(Store& store, const std::string& filter,
                      const std::optional<std::int64_t>& limit, bool full) {
  std::vector<Cell> params;
  const std::string where = filter_sql(filter, params);
  const std::string columns =
      full ? "r.id, r.run_key, r.experiment, r.task, r.algorithm, r.environment, r.dataset, r.seed,"
             " r.status, r.step, r.total_steps, r.score, r.seconds, r.started_at, r.finished_at,"
             " r.attempt, r.error"
           : "r.id, substr(r.run_key, 1, 8) AS run_key, r.experiment, r.task, r.algorithm, r.seed,"
             " r.status, r.step, r.total_steps, round(r.score, 4) AS score,"
             " round(r.seconds, 1) AS seconds,"
             " substr(r.error, 1, instr(r.error || char(10), char(10)) - 1) AS error";
  std::string sql = "SELECT " + columns + " FROM run r WHERE 1" + where + " ORDER BY r.id DESC";
  if (limit) {
    params.emplace_back(*limit);
    sql += " LIMIT ?" + std::to_string(params.size());
  }
  return store.query(sql, params);
}

std::int64_t find_run(Store& store, const std::string& id) {
  constexpr std::size_t kShortestPrefix = 6;
  std::vector<Cell> params = {std::int64_t{-1}, std::string("none")};
  if (const auto number = parse_integer(id)) params[0] = *number;
  const bool hexadecimal = id.find_first_not_of("0123456789abcdef") == std::string::npos;
  // Keys are compared as a range, so that their index answers; 'g' follows the last digit.
  if (hexadecimal && id.size() >= kShortestPrefix) params[1] = id;
  const QueryResult found = store.query(
      "SELECT id, run_key FROM run WHERE id = ?1 OR (run_key >= ?2 AND run_key < ?2 || 'g')"
      " ORDER BY id LIMIT 3",
      params);
  if (found.rows.size() == 1) return cell_integer(found.rows[0][0]);
  if (found.rows.empty()) {
    throw InputError("no run \"" + id + "\" in " + store.file().string() +
                     "; expected a run id, or the first " + std::to_string(kShortestPrefix) +
                     " digits or more of a run key (labhost runs lists both)");
  }
  std::vector<std::string> ids;
  for (const auto& row : found.rows) ids.push_back(cell_text(row[0]));
  throw InputError("\"" + id + "\" may mean runs " + join(ids, ", ") + "; give more digits");
}

std::string describe_run(Store& store, std::int64_t run_id) {
  std::string out = align(row_texts(store, run_id));
  out += rows_section(store, "shown by",
                      "SELECT experiment, 'profile ' || profile, task, algorithm,"
                      " CASE reported WHEN 0 THEN 'needed by other runs' ELSE '' END"
                      " FROM experiment_run WHERE run_id = ?1",
                      run_id);
  out += values_section("parameters", load_values(store, kParamsSql, run_id));
  out += rows_section(store, "needs",
                      "SELECT a.kind, 'of run ' || a.run_id, a.path FROM run_needs n"
                      " JOIN artifact a ON a.id = n.artifact_id WHERE n.run_id = ?1 ORDER BY a.id",
                      run_id);
  out += rows_section(store, "artifacts",
                      "SELECT kind, path, bytes || ' bytes', 'sha256 ' || sha256 FROM artifact"
                      " WHERE run_id = ?1 ORDER BY id",
                      run_id);
  out += values_section("provenance", load_values(store, kProvenanceSql, run_id));
  out += rows_section(store, "last metrics",
                      "SELECT name, coalesce(value, 'nan'), 'at step ' || step FROM latest_metric"
                      " WHERE run_id = ?1 ORDER BY name",
                      run_id);
  out += section("log", log_lines(store, run_id));
  out += section("error", error_lines(store, run_id));
  return out;
}

std::string compare_runs(Store& store, std::int64_t first, std::int64_t second) {
  const auto columns = [&](std::int64_t run_id) {
    Values values;
    for (const auto& line : row_texts(store, run_id)) values[line[0]] = line[1];
    values["error"] = single_line(
        cell_text(store.query("SELECT error FROM run WHERE id = ?1", {run_id}).rows[0][0]));
    // They differ between any two runs.
    for (const char* name :
         {"id", "uuid", "run_key", "started_at", "finished_at", "heartbeat_at", "pid"}) {
      values.erase(name);
    }
    return values;
  };
  const auto both = [&](const char* title, const char* sql) {
    return difference_section(title, load_values(store, sql, first),
                              load_values(store, sql, second));
  };
  const std::string differences =
      difference_section("run", columns(first), columns(second)) + both("parameters", kParamsSql) +
      both("provenance", kProvenanceSql) + both("last metrics", kMetricsSql);
  const std::string title =
      "run " + std::to_string(first) + " beside run " + std::to_string(second) + "\n";
  return title + (differences.empty() ? "no difference\n" : differences);
}

}  // namespace labhost
