// Opening, the rows of runs, and who owns them.
#include "core/store/store.hpp"

#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>
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
             "pid_start, attempt, error, seconds, lost FROM run WHERE ") +
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
  run.lost = row.integer(column++);
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
  const std::filesystem::path parent = std::filesystem::absolute(file_).parent_path();
  return is_shard() ? parent.parent_path() : parent;
}

bool Store::is_shard() const { return is_shard_path(file_); }

std::filesystem::path Store::shard_of(const std::string& uuid) const {
  return folder() / kShardFolder / (uuid + ".sqlite");
}

void Store::share() {
  std::filesystem::create_directories(folder() / kSharedFolder);
  // The journal changes when no other connection is open. Two processes that both want it close
  // theirs in turn.
  const double end = now_seconds() + 60;
  for (int turn = 0; now_seconds() < end; ++turn) {
    sqlite3_busy_timeout(db_, 100);
    sqlite3_exec(db_, "PRAGMA main.journal_mode = DELETE", nullptr, nullptr, nullptr);
    bool shared = false;
    try {
      Statement mode(db_, "PRAGMA main.journal_mode");
      shared = mode.step() && mode.text(0) == "delete";
    } catch (const InputError&) {
      // locked by the other one's change of the journal
    }
    sqlite3_close_v2(std::exchange(db_, nullptr));
    const auto pause = (getpid() * 7 + turn * 13) % 50 * (turn + 1);
    if (!shared) std::this_thread::sleep_for(std::chrono::milliseconds(pause));
    Connection connection = open_store(file_, Access::kReadWrite);
    register_functions(connection.get());
    db_ = connection.release();
    if (shared) return;
  }
  throw InputError(file_.string() +
                   ": another process has the result store open (a local `labhost run`, `status "
                   "--follow`), which keeps other machines from reading it; end that first");
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

bool Store::is_at_slurm(std::int64_t run_id) {
  Statement task(db_, "SELECT 1 FROM slurm_task WHERE run_id = ?1");
  return task.with(run_id).step();
}

std::optional<std::int64_t> Store::claim(std::int64_t run_id, const ProcessId& owner,
                                         double stale_seconds) {
  const auto claimable = [&] {
    const std::optional<RunRow> run = run_by_id(run_id);
    if (!run) {
      throw InputError(file_.string() + ": run " + std::to_string(run_id) +
                       " is no longer in the result store; it was deleted meanwhile");
    }
    return run->status != "completed" && !is_alive(*run, stale_seconds) && !is_at_slurm(run_id);
  };
  // Most answers are no; they need not wait for the write lock.
  if (!claimable()) return std::nullopt;
  Transaction transaction(db_);
  if (!claimable()) return std::nullopt;
  std::int64_t attempt = 0;
  {
    Statement update(db_,
                     // One that is still 'running' here has lost its owner.
                     "UPDATE run SET lost = lost + (status = 'running'), "
                     "status = 'running', attempt = attempt + 1, host = ?2, "
                     "pid = ?3, pid_start = ?4, heartbeat_at = ?5, "
                     "started_at = coalesce(started_at, ?5), finished_at = NULL, error = NULL "
                     "WHERE id = ?1 RETURNING attempt");
    update.with(run_id, owner.host, owner.pid, owner.start, now_seconds());
    while (update.step()) attempt = update.integer(0);
  }
  transaction.commit();
  return attempt;
}

bool Store::alive(std::int64_t run_id, double stale_seconds) {
  const std::optional<RunRow> run = run_by_id(run_id);
  return run && is_alive(*run, stale_seconds);
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

void Store::note_loss(const RunRow& run, const std::string& error, bool give_up) {
  Transaction transaction(db_);
  Statement(db_,
            "UPDATE run SET lost = lost + 1, status = ?3, error = nullif(?2, ''), finished_at = ?4 "
            "WHERE id = ?1 AND status <> 'completed' AND attempt = ?5 AND lost = ?6")
      .with(run.id, error, give_up ? "failed" : "interrupted", now_seconds(), run.attempt, run.lost)
      .run();
  transaction.commit();
}

void Store::note_cancelled(std::int64_t run_id) {
  Transaction transaction(db_);
  Statement(db_,
            // A writer that is still there somewhere finds itself superseded.
            "UPDATE run SET error = ?2, attempt = attempt + (status = 'running'), "
            "status = CASE status WHEN 'running' THEN 'interrupted' ELSE status END "
            "WHERE id = ?1 AND status NOT IN ('completed', 'failed')")
      .with(run_id, kCancelled)
      .run();
  transaction.commit();
}

void Store::note_waiting_cancelled(const std::optional<std::string>& experiment) {
  Transaction transaction(db_);
  Statement(db_,
            "UPDATE run SET error = ?1 WHERE status IN ('queued', 'interrupted') AND id IN "
            "(SELECT run_id FROM experiment_run WHERE ?2 = '' OR experiment = ?2)")
      .with(kCancelled, experiment.value_or(""))
      .run();
  transaction.commit();
}

void Store::forget_losses(std::int64_t run_id) {
  Transaction transaction(db_);
  Statement(db_,
            "UPDATE run SET lost = 0, error = NULL, "
            "status = CASE status WHEN 'failed' THEN 'interrupted' ELSE status END "
            "WHERE id = ?1 AND status NOT IN ('completed', 'running')")
      .with(run_id)
      .run();
  transaction.commit();
}

void Store::show_progress(std::int64_t run_id, const RunRow& elsewhere) {
  Transaction transaction(db_);
  Statement(db_,
            "UPDATE run SET status = ?2, step = ?3, started_at = ?4, heartbeat_at = ?5, host = ?6, "
            "pid = ?7, pid_start = ?8, attempt = ?9, lost = ?10, finished_at = NULL, error = NULL "
            "WHERE id = ?1 AND status <> 'completed' AND attempt <= ?9")
      .with(run_id, elsewhere.status, elsewhere.step, elsewhere.started_at, elsewhere.heartbeat_at,
            elsewhere.host, elsewhere.pid, elsewhere.pid_start, elsewhere.attempt, elsewhere.lost)
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
    if (is_at_slurm(run_id)) {
      throw InputError("run " + std::to_string(run_id) +
                       " is with Slurm; `labhost cancel` ends it, nothing has been deleted");
    }
    artifacts.with(run_id);
    while (artifacts.step()) paths.push_back(artifacts.text(0));
    remove.with(run_id).run();
  }
  transaction.commit();
  return paths;
}

}  // namespace labhost
