// Opening, the rows of runs, and who owns them.
#include "core/store/store.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "core/sdk/error.hpp"
#include "core/store/connection.hpp"
#include "core/store/functions.hpp"
#include "core/store/open.hpp"

namespace labhost {
namespace {

std::string select_runs(const char* condition) {
  return std::string(
             "SELECT id, run_key, uuid, experiment, task, algorithm, environment, dataset, seed, "
             "status, "
             "step, total_steps, score, started_at, finished_at, heartbeat_at, host, pid, "
             "pid_start, attempt, error, seconds FROM run WHERE ") +
         condition;
}

/// A row of select_runs.
RunRow read_run(const Statement& row) {
  RunRow run;
  int column = 0;
  run.id = row.integer(column++);
  run.run_key = row.text(column++);
  run.uuid = row.text(column++);
  run.experiment = row.text(column++);
  run.task = row.text(column++);
  run.algorithm = row.text(column++);
  run.environment = row.text(column++);
  run.dataset = row.text(column++);
  run.seed = row.integer(column++);
  run.status = row.text(column++);
  run.step = row.integer(column++);
  run.total_steps = row.integer(column++);
  run.score = row.optional_real(column++);
  run.started_at = row.optional_real(column++);
  run.finished_at = row.optional_real(column++);
  run.heartbeat_at = row.optional_real(column++);
  run.host = row.text(column++);
  run.pid = row.integer(column++);
  run.pid_start = row.integer(column++);
  run.attempt = row.integer(column++);
  run.error = row.text(column++);
  run.seconds = row.real(column++);
  return run;
}

bool is_alive(const RunRow& run, double stale_seconds) {
  if (run.status != "running") return false;
  switch (liveness({run.host, run.pid, run.pid_start})) {
    case Liveness::kAlive:
      return true;
    case Liveness::kDead:
      return false;
    default:
      return run.heartbeat_at && now_seconds() - *run.heartbeat_at <= stale_seconds;
  }
}

}  // namespace

Store::Store(std::filesystem::path file, Access access) : file_(std::move(file)) {
  Connection connection = open_store(file_, access);
  register_functions(connection.get());
  db_ = connection.release();
}

Store::~Store() { sqlite3_close_v2(db_); }

Store::Store(Store&& other) noexcept
    : file_(std::move(other.file_)), db_(std::exchange(other.db_, nullptr)) {}

std::filesystem::path Store::folder() const {
  return std::filesystem::absolute(file_).parent_path();
}

std::map<std::string, RunRow> Store::runs_by_key(const std::vector<std::string>& run_keys) {
  // One statement, so that all rows are of one moment.
  const std::string keys = nlohmann::json(run_keys).dump();
  Statement rows(db_, select_runs("run_key IN (SELECT value FROM json_each(?1))"));
  rows.with(keys);
  std::map<std::string, RunRow> runs;
  while (rows.step()) {
    RunRow run = read_run(rows);
    runs.emplace(run.run_key, std::move(run));
  }
  return runs;
}

std::optional<RunRow> Store::run_by_id(std::int64_t run_id) {
  Statement row(db_, select_runs("id = ?1"));
  if (!row.with(run_id).step()) return std::nullopt;
  return read_run(row);
}

std::optional<std::int64_t> Store::claim(std::int64_t run_id, const ProcessId& owner,
                                         double stale_seconds) {
  const auto claimable = [&] {
    const std::optional<RunRow> run = run_by_id(run_id);
    if (!run) {
      throw InputError(file_.string() + ": run " + std::to_string(run_id) +
                       " is no longer in the result store; it was deleted meanwhile");
    }
    return run->status != "completed" && !is_alive(*run, stale_seconds);
  };
  // Most answers are no; they need not wait for the write lock.
  if (!claimable()) return std::nullopt;
  Transaction transaction(db_);
  if (!claimable()) return std::nullopt;
  std::int64_t attempt = 0;
  {
    Statement update(db_,
                     "UPDATE run SET status = 'running', attempt = attempt + 1, host = ?2, "
                     "pid = ?3, pid_start = ?4, heartbeat_at = ?5, "
                     "started_at = coalesce(started_at, ?5), finished_at = NULL, error = NULL "
                     "WHERE id = ?1 RETURNING attempt");
    update.with(run_id, owner.host, owner.pid, owner.start, now_seconds());
    while (update.step()) attempt = update.integer(0);
  }
  transaction.commit();
  return attempt;
}

void Store::transfer_claim(std::int64_t run_id, std::int64_t attempt, const ProcessId& owner) {
  Transaction transaction(db_);
  Statement(db_,
            "UPDATE run SET host = ?3, pid = ?4, pid_start = ?5, heartbeat_at = ?6 "
            "WHERE id = ?1 AND attempt = ?2 AND status = 'running'")
      .with(run_id, attempt, owner.host, owner.pid, owner.start, now_seconds())
      .run();
  if (sqlite3_changes(db_) == 0) {
    throw Superseded("run " + std::to_string(run_id) + ": attempt " + std::to_string(attempt) +
                     " is over or another process has taken the run over");
  }
  transaction.commit();
}

void Store::end_attempt(std::int64_t run_id, std::int64_t attempt, const std::string& status,
                        const std::string& error, double seconds) {
  if (status != "failed" && status != "interrupted") {
    throw std::logic_error("end_attempt: a run ends as failed or interrupted, not " + status);
  }
  Transaction transaction(db_);
  Statement(db_,
            "UPDATE run SET status = ?3, error = nullif(?4, ''), seconds = seconds + ?5, "
            "finished_at = ?6 WHERE id = ?1 AND attempt = ?2 AND status = 'running'")
      .with(run_id, attempt, status, error, seconds, now_seconds())
      .run();
  transaction.commit();
}

std::vector<std::string> Store::delete_runs(const std::vector<std::int64_t>& run_ids) {
  const double stale_seconds = RunnerSettings().heartbeat_stale_seconds;
  std::vector<std::string> paths;
  Transaction transaction(db_);
  Statement artifacts(db_, "SELECT path FROM artifact WHERE run_id = ?1 ORDER BY id");
  Statement remove(db_, "DELETE FROM run WHERE id = ?1");  // its other rows go by foreign key
  for (const std::int64_t run_id : run_ids) {
    const std::optional<RunRow> run = run_by_id(run_id);
    if (!run) {
      throw InputError(file_.string() + ": no run " + std::to_string(run_id) +
                       " in the result store; `labhost runs` lists them");
    }
    if (is_alive(*run, stale_seconds)) {
      throw InputError("run " + std::to_string(run_id) + " is running (process " +
                       std::to_string(run->pid) + " on " + run->host +
                       "); stop it first, nothing has been deleted");
    }
    artifacts.with(run_id);
    while (artifacts.step()) paths.push_back(artifacts.text(0));
    remove.with(run_id).run();
  }
  transaction.commit();
  return paths;
}

}  // namespace labhost
