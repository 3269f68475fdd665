// Store::record_plan: an experiment, its runs and what the paper says of them.
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/store/connection.hpp"
#include "core/store/store.hpp"

namespace labhost {
namespace {

/// A random (version 4) UUID.
std::string new_uuid() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);  // version 4
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);  // RFC 4122
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", bytes[i]);
    text += digits.data();
  }
  return text;
}

/// All that a user may want to filter runs by, under the names of the experiment file.
std::map<std::string, std::string> params_of(const RunSpec& run) {
  std::map<std::string, std::string> params = {
      {"steps", std::to_string(run.total_steps)},
      {"log_every", std::to_string(run.log_every)},
      {"evaluation.episodes", std::to_string(run.evaluation.episodes)},
      {"evaluation.every", std::to_string(run.evaluation.every)},
      {"evaluation.episodes_during", std::to_string(run.evaluation.episodes_during)}};
  const auto add = [&params](const std::string& kind, const PluginUse& use) {
    for (const auto& [name, value] : use.params) params[kind + '.' + name] = value;
    for (const auto& [name, hash] : use.file_hashes) params[kind + '.' + name + ".sha256"] = hash;
  };
  add("algorithm", run.method);
  add("environment", run.environment);
  add("dataset", run.dataset);
  for (const NeedSpec& need : run.needs) params["needs." + need.role] = need.run_key;
  return params;
}

class PlanWriter {
 public:
  PlanWriter(sqlite3* db, const Plan& plan) : db_(db), plan_(plan) {}

  void write_experiment() {
    const std::string layout = plan_.layout.to_json().dump();
    Statement(
        db_,
        "INSERT INTO experiment (name, profile, layout, planned_at) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT DO UPDATE SET layout = excluded.layout, planned_at = excluded.planned_at")
        .with(plan_.experiment, plan_.profile, layout, planned_at_)
        .run();
    Statement cell(db_, "INSERT OR REPLACE INTO paper_cell VALUES (?1, ?2, ?3, ?4, ?5)");
    for (const PaperCell& paper : plan_.paper) {
      cell.with(paper.table_name, paper.task, paper.algorithm, paper.mean, paper.sem).run();
    }
  }

  /// An earlier plan may have had runs in cells that are left out now. They stay in the store, but
  /// no longer in this table.
  void empty_left_out_cells() {
    Statement empty(db_,
                    "DELETE FROM experiment_run WHERE experiment = ?1 AND profile = ?2 AND "
                    "task = ?3 AND algorithm = ?4 AND reported = 1");
    for (const CellName& cell : plan_.left_out) {
      empty.with(plan_.experiment, plan_.profile, cell.task, cell.algorithm).run();
    }
  }

  void write_run(const RunSpec& run) {
    const std::string config = run.config().dump();
    std::int64_t run_id = find(run.run_key);
    if (run_id == 0) {
      run_id = insert(run, config);
    } else {
      // Same identity, but its files may lie elsewhere now. A finished or running one keeps what it
      // was run with.
      refresh_.with(run_id, config).run();
    }
    link_
        .with(plan_.experiment, plan_.profile, run.task, run.algorithm, run.seed, run_id,
              run.reported, run.settings, planned_at_)
        .run();
    // A cell averages runs of one kind: seeds of other settings, planned earlier, leave it.
    unlink_.with(plan_.experiment, plan_.profile, run.task, run.algorithm, run.settings).run();
  }

 private:
  std::int64_t find(const std::string& run_key) {
    std::int64_t run_id = 0;
    find_.with(run_key);
    while (find_.step()) run_id = find_.integer(0);
    return run_id;
  }

  std::int64_t insert(const RunSpec& run, const std::string& config) {
    const std::string uuid = new_uuid();
    insert_
        .with(run.run_key, uuid, plan_.experiment, run.task, run.algorithm, run.environment.plugin,
              run.dataset.plugin, run.seed, run.total_steps, config)
        .run();
    const std::int64_t run_id = sqlite3_last_insert_rowid(db_);
    for (const auto& [name, value] : params_of(run)) param_.with(run_id, name, value).run();
    return run_id;
  }

  sqlite3* db_;
  const Plan& plan_;
  double planned_at_ = now_seconds();
  Statement find_{db_, "SELECT id FROM run WHERE run_key = ?1"};
  Statement insert_{db_,
                    "INSERT INTO run (run_key, uuid, experiment, task, algorithm, environment, "
                    "dataset, seed, total_steps, config) "
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"};
  Statement refresh_{db_,
                     "UPDATE run SET config = ?2 WHERE id = ?1 AND config <> ?2 "
                     "AND status IN ('queued', 'failed', 'interrupted')"};
  Statement param_{db_, "INSERT INTO run_param VALUES (?1, ?2, ?3)"};
  // A changed file links its cells to other runs. What is shown in a table is not replaced by what
  // is only needed, so the order of runs in the plan does not matter.
  Statement link_{
      db_,
      "INSERT INTO experiment_run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
      "ON CONFLICT DO UPDATE SET run_id = excluded.run_id, reported = excluded.reported, "
      "settings = excluded.settings, planned_at = excluded.planned_at "
      "WHERE excluded.reported >= reported"};
  Statement unlink_{db_,
                    "DELETE FROM experiment_run WHERE experiment = ?1 AND profile = ?2 AND "
                    "task = ?3 AND algorithm = ?4 AND settings <> ?5"};
};

}  // namespace

void Store::record_plan(const Plan& plan) {
  Transaction transaction(db_);
  {
    PlanWriter writer(db_, plan);
    writer.write_experiment();
    writer.empty_left_out_cells();
    for (const RunSpec& run : plan.runs) writer.write_run(run);
  }
  transaction.commit();
}

}  // namespace labhost
