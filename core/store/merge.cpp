#include "core/store/merge.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "core/sdk/error.hpp"
#include "core/store/connection.hpp"
#include "core/store/open.hpp"

namespace labhost {
namespace {

/// All that a record says of its run, but its number here.
constexpr const char* kRunColumns =
    "run_key, uuid, experiment, task, algorithm, environment, dataset, seed, status, step, "
    "total_steps, score, started_at, finished_at, heartbeat_at, host, pid, attempt, error, "
    "pid_start, seconds, config, lost";

/// The order of two records of one run as a row value: the greater one is better.
std::string order_of(const std::string& run) {
  const auto column = [&run](const char* name) { return run + '.' + name; };
  const std::string done = column("status") + " = 'completed'";
  return "(" + done + ", CASE WHEN " + done + " THEN -coalesce(" + column("finished_at") +
         ", 0) ELSE 0 END, " + column("attempt") + ", CASE " + column("status") +
         " WHEN 'queued' THEN 0 WHEN 'running' THEN 1 WHEN 'interrupted' THEN 2 ELSE 3 END, " +
         column("step") + ", coalesce(" + column("heartbeat_at") + ", 0), " + column("lost") +
         ", " + column("uuid") + ")";
}

std::string json_list(const std::vector<std::string>& texts) {
  return nlohmann::json(texts).dump();
}

/// "name type" of each column of a table.
std::set<std::string> columns_of(sqlite3* db, const char* schema, const std::string& table) {
  Statement rows(db, "SELECT name || ' ' || type FROM pragma_table_info(?1, ?2)");
  rows.with(table, schema);
  std::set<std::string> columns;
  while (rows.step()) columns.insert(rows.text(0));
  return columns;
}

}  // namespace

StoreMerger::StoreMerger(Store& target, std::filesystem::path source)
    : target_(target), source_(std::move(source)) {
  // Opened for reading first: errors about the file are this one's, and none is migrated.
  { const Connection checked = open_store(source_, Store::Access::kReadOnly); }
  sqlite3* db = target_.handle();
  Statement(db, "ATTACH ?1 AS source").with(std::filesystem::absolute(source_).string()).run();
  try {
    check_columns();
    execute(db,
            "CREATE TEMP TABLE IF NOT EXISTS taken (source_id INTEGER PRIMARY KEY, "
            "target_id INTEGER, run_key TEXT, uuid TEXT, added INTEGER)");
  } catch (...) {
    sqlite3_exec(db, "DETACH source", nullptr, nullptr, nullptr);
    throw;
  }
}

StoreMerger::~StoreMerger() {
  sqlite3_exec(target_.handle(), "DETACH source", nullptr, nullptr, nullptr);
}

void StoreMerger::check_columns() {
  // Made by one program, as almost always: one look instead of one for each table.
  Statement same(target_.handle(),
                 "SELECT (SELECT group_concat(sql) FROM main.sqlite_schema) = "
                 "(SELECT group_concat(sql) FROM source.sqlite_schema)");
  if (same.step() && same.integer(0) != 0) return;
  for (const char* table : {"experiment", "run", "experiment_run", "run_param", "metric", "episode",
                            "artifact", "provenance", "paper_cell"}) {
    const auto here = columns_of(target_.handle(), "main", table);
    const auto there = columns_of(target_.handle(), "source", table);
    if (here == there) continue;
    std::string differing;
    for (const auto* one : {&here, &there}) {
      for (const std::string& column : *one) {
        if (here.count(column) + there.count(column) == 1) differing += ' ' + column + ',';
      }
    }
    if (!differing.empty()) differing.pop_back();
    throw InputError(source_.string() + ": its table " + table + " differs from that of " +
                     target_.file().string() + " in" + differing +
                     "; only stores of one schema can be merged");
  }
}

void StoreMerger::choose(const std::vector<std::string>& run_keys) {
  sqlite3* db = target_.handle();
  execute(db, "DELETE FROM temp.taken");
  const std::string better = order_of("s") + " > " + order_of("t");
  const std::string equal = order_of("s") + " = " + order_of("t");
  const std::string keys = json_list(run_keys);
  Statement(db,
            "INSERT INTO temp.taken "
            "SELECT s.id, t.id, s.run_key, s.uuid, t.id IS NULL "
            "FROM source.run AS s LEFT JOIN main.run AS t ON t.run_key = s.run_key "
            "WHERE s.reference = 0 AND (s.status <> 'queued' OR t.id IS NULL) "
            "AND (?1 = '[]' OR s.run_key IN (SELECT value FROM json_each(?1))) "
            "AND (t.id IS NULL OR t.reference = 1 OR " +
                better +
                // Its heartbeat may have been shown here without the rows that it stands for.
                " OR (s.status = 'running' AND " + equal + "))")
      .with(keys)
      .run();
  // Another record of the run is being computed here: it stays.
  Statement rivals(db,
                   "SELECT target_id FROM temp.taken JOIN main.run AS t ON t.id = target_id "
                   "WHERE t.uuid <> taken.uuid");
  std::vector<std::int64_t> alive;
  while (rivals.step()) {
    const std::int64_t run_id = rivals.integer(0);
    if (target_.is_at_slurm(run_id) ||
        target_.alive(run_id, RunnerSettings().heartbeat_stale_seconds)) {
      alive.push_back(run_id);
    }
  }
  Statement spare(db, "DELETE FROM temp.taken WHERE target_id = ?1");
  for (const std::int64_t run_id : alive) spare.with(run_id).run();
}

std::vector<MergedRun> StoreMerger::wanted(const std::vector<std::string>& run_keys) {
  choose(run_keys);
  Statement rows(target_.handle(),
                 "SELECT source_id, target_id, taken.run_key, taken.uuid, "
                 "nullif(t.uuid, taken.uuid) FROM temp.taken "
                 "LEFT JOIN main.run AS t ON t.id = target_id ORDER BY source_id");
  std::vector<MergedRun> runs;
  while (rows.step()) {
    runs.push_back({rows.integer(0), rows.integer(1), rows.text(2), rows.text(3), rows.text(4)});
  }
  return runs;
}

std::vector<ArtifactRow> StoreMerger::artifacts(std::int64_t source_id) {
  Statement rows(target_.handle(),
                 "SELECT id, kind, run_id, path, sha256, bytes FROM source.artifact "
                 "WHERE run_id = ?1 ORDER BY id");
  rows.with(source_id);
  std::vector<ArtifactRow> artifacts;
  while (rows.step()) {
    artifacts.push_back({rows.integer(0), rows.text(1), rows.integer(2), rows.text(3), rows.text(4),
                         rows.integer(5)});
  }
  return artifacts;
}

std::int64_t StoreMerger::copy_runs() {
  sqlite3* db = target_.handle();
  const std::string columns = kRunColumns;
  for (const char* table : {"metric", "episode", "run_param", "provenance", "run_needs"}) {
    execute(db, ("DELETE FROM main." + std::string(table) +
                 " WHERE run_id IN (SELECT target_id FROM temp.taken WHERE added = 0)")
                    .c_str());
  }
  // An artifact that both have keeps its number: other runs may refer to it.
  execute(db,
          "DELETE FROM main.artifact WHERE run_id IN (SELECT target_id FROM temp.taken) "
          "AND NOT EXISTS (SELECT 1 FROM temp.taken JOIN source.artifact AS s "
          "  ON s.run_id = taken.source_id WHERE taken.target_id = artifact.run_id "
          "  AND s.kind = artifact.kind AND s.path = artifact.path)");
  execute(db, ("UPDATE main.run SET reference = 0, (" + columns + ") = (SELECT " + columns +
               " FROM source.run WHERE id = taken.source_id) FROM temp.taken "
               "WHERE main.run.id = taken.target_id AND taken.added = 0")
                  .c_str());
  execute(db, ("INSERT INTO main.run (" + columns + ") SELECT " + columns +
               " FROM source.run WHERE id IN (SELECT source_id FROM temp.taken WHERE added = 1) "
               "ORDER BY id")
                  .c_str());
  execute(db,
          "UPDATE temp.taken SET target_id = (SELECT id FROM main.run AS r "
          "WHERE r.run_key = taken.run_key) WHERE added = 1");
  // In the order of the primary keys, run by run: rows are appended, not sorted in.
  execute(db,
          "INSERT INTO main.metric SELECT target_id, name, step, value, time "
          "FROM temp.taken CROSS JOIN source.metric AS s ON s.run_id = source_id");
  const std::int64_t metric_rows = sqlite3_changes(db);
  execute(db,
          "INSERT INTO main.episode SELECT target_id, step, episode, return, score, length "
          "FROM temp.taken CROSS JOIN source.episode AS s ON s.run_id = source_id");
  for (const char* table : {"run_param", "provenance"}) {
    execute(db, ("INSERT INTO main." + std::string(table) +
                 " SELECT target_id, name, value FROM temp.taken CROSS JOIN source." + table +
                 " AS s ON s.run_id = source_id")
                    .c_str());
  }
  execute(db,
          "INSERT INTO main.artifact (kind, run_id, path, sha256, bytes) "
          "SELECT kind, target_id, path, sha256, bytes FROM temp.taken CROSS JOIN "
          "source.artifact AS s ON s.run_id = source_id WHERE true ORDER BY s.id "
          "ON CONFLICT (run_id, kind, path) "
          "DO UPDATE SET sha256 = excluded.sha256, bytes = excluded.bytes");
  return metric_rows;
}

void StoreMerger::copy_experiments() {
  sqlite3* db = target_.handle();
  execute(db,
          "INSERT INTO main.experiment SELECT name, profile, layout, planned_at "
          "FROM source.experiment WHERE true ON CONFLICT DO UPDATE SET "
          "layout = excluded.layout, planned_at = excluded.planned_at "
          "WHERE (excluded.planned_at, excluded.layout) > (experiment.planned_at, "
          "experiment.layout)");
  execute(db,
          "INSERT OR IGNORE INTO main.paper_cell SELECT table_name, task, algorithm, mean, sem "
          "FROM source.paper_cell");
  // A cell averages runs of one kind: those of the latest plan.
  execute(db,
          "CREATE TEMP TABLE plan_of_cell AS "
          "SELECT experiment, profile, task, algorithm, settings FROM ("
          "  SELECT *, row_number() OVER (PARTITION BY experiment, profile, task, algorithm "
          "    ORDER BY planned_at DESC, settings DESC) AS place FROM ("
          "    SELECT experiment, profile, task, algorithm, settings, planned_at "
          "    FROM main.experiment_run WHERE (experiment, profile, task, algorithm) IN "
          "      (SELECT experiment, profile, task, algorithm FROM source.experiment_run) "
          "    UNION ALL "
          "    SELECT experiment, profile, task, algorithm, settings, planned_at "
          "    FROM source.experiment_run)) WHERE place = 1");
  const char* same_cell =
      "(experiment, profile, task, algorithm, settings) IN "
      "(SELECT experiment, profile, task, algorithm, settings FROM temp.plan_of_cell)";
  execute(db, ("DELETE FROM main.experiment_run WHERE (experiment, profile, task, algorithm) IN "
               "(SELECT experiment, profile, task, algorithm FROM temp.plan_of_cell) AND NOT " +
               std::string(same_cell))
                  .c_str());
  execute(db, ("INSERT INTO main.experiment_run "
               "SELECT experiment, profile, task, algorithm, seed, "
               "  (SELECT id FROM main.run WHERE run_key = r.run_key), "
               "  reported, settings, planned_at "
               "FROM (SELECT er.*, run.run_key FROM source.experiment_run AS er "
               "  JOIN source.run AS run ON run.id = er.run_id) AS r WHERE " +
               std::string(same_cell) +
               " AND EXISTS (SELECT 1 FROM main.run WHERE run_key = r.run_key) "
               "ON CONFLICT DO UPDATE SET reported = max(reported, excluded.reported), "
               "planned_at = max(planned_at, excluded.planned_at)")
                  .c_str());
  execute(db, "DROP TABLE temp.plan_of_cell");
}

MergeCounts StoreMerger::take_runs(const std::vector<std::string>& run_keys) {
  return run_keys.empty() ? MergeCounts() : take(run_keys, false);
}

MergeCounts StoreMerger::take(const std::vector<std::string>& run_keys, bool with_experiments) {
  sqlite3* db = target_.handle();
  Transaction transaction(db, "DELETE FROM main.run WHERE false");
  choose(run_keys);
  MergeCounts counts;
  {
    Statement taken(db,
                    "SELECT coalesce(sum(added), 0), coalesce(sum(1 - added), 0) FROM temp.taken");
    while (taken.step()) {
      counts.added = taken.integer(0);
      counts.replaced = taken.integer(1);
    }
    Statement all(db, "SELECT count(*) FROM source.run WHERE reference = 0");
    while (all.step()) counts.known = all.integer(0) - counts.added - counts.replaced;
  }
  if (counts.added + counts.replaced > 0) counts.metric_rows = copy_runs();
  if (with_experiments) copy_experiments();
  transaction.commit();
  return counts;
}

void StoreMerger::take_references(const std::vector<std::string>& run_keys) {
  sqlite3* db = target_.handle();
  Transaction transaction(db, "DELETE FROM main.run WHERE false");
  execute(db, "DELETE FROM temp.taken");
  const std::string keys = json_list(run_keys);
  Statement(db,
            "WITH RECURSIVE needed (run_key) AS ("
            "  SELECT value FROM json_each(?1) UNION "
            "  SELECT p.value FROM needed JOIN source.run AS r ON r.run_key = needed.run_key "
            "    JOIN source.run_param AS p ON p.run_id = r.id WHERE p.name GLOB 'needs.*') "
            "INSERT INTO temp.taken SELECT s.id, t.id, s.run_key, s.uuid, t.id IS NULL "
            "FROM needed JOIN source.run AS s ON s.run_key = needed.run_key "
            "LEFT JOIN main.run AS t ON t.run_key = s.run_key "
            "WHERE t.id IS NULL OR (t.reference = 1 AND " +
                order_of("s") + " > " + order_of("t") + ")")
      .with(keys)
      .run();
  const std::string columns = kRunColumns;
  execute(db, ("DELETE FROM main.run WHERE id IN (SELECT target_id FROM temp.taken); "
               "INSERT INTO main.run (" +
               columns + ", reference) SELECT " + columns +
               ", 1 FROM source.run WHERE id IN (SELECT source_id FROM temp.taken); "
               "UPDATE temp.taken SET target_id = (SELECT id FROM main.run AS r "
               "WHERE r.run_key = taken.run_key); "
               "INSERT INTO main.run_param SELECT target_id, name, value FROM temp.taken "
               "CROSS JOIN source.run_param AS s ON s.run_id = source_id; "
               "INSERT INTO main.artifact (kind, run_id, path, sha256, bytes) "
               "SELECT kind, target_id, path, sha256, bytes FROM temp.taken "
               "CROSS JOIN source.artifact AS s ON s.run_id = source_id ORDER BY s.id")
                  .c_str());
  transaction.commit();
}

double copy_metrics(const Store& from, Store& to) {
  Statement(to.handle(), "ATTACH ?1 AS source")
      .with(std::filesystem::absolute(from.file()).string())
      .run();
  const double begun = now_seconds();
  execute(to.handle(), "INSERT INTO main.metric SELECT * FROM source.metric");
  const double seconds = now_seconds() - begun;
  execute(to.handle(), "DETACH source");
  return seconds;
}

void link_needs(Store& target) {
  Transaction transaction(target.handle());
  execute(target.handle(),
          "INSERT OR IGNORE INTO run_needs "
          "SELECT run_id, artifact_id FROM ("
          "  SELECT p.run_id, (SELECT a.id FROM artifact AS a WHERE a.run_id = needed.id "
          "    AND a.kind NOT IN ('video', 'figure', 'checkpoint') ORDER BY a.id DESC LIMIT 1) "
          "    AS artifact_id "
          "  FROM run_param AS p JOIN run ON run.id = p.run_id AND run.status <> 'queued' "
          "  JOIN run AS needed ON needed.run_key = p.value WHERE p.name GLOB 'needs.*') "
          "WHERE artifact_id IS NOT NULL");
  transaction.commit();
}

}  // namespace labhost
