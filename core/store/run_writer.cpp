// What a worker reads and writes of its own run, apart from metrics.
#include "core/sdk/error.hpp"
#include "core/store/connection.hpp"
#include "core/store/store.hpp"

namespace labhost {

std::string Store::run_config(std::int64_t run_id) {
  Statement row(db_, "SELECT config FROM run WHERE id = ?1");
  if (!row.with(run_id).step()) {
    throw InputError(file_.string() + ": no run " + std::to_string(run_id) +
                     " in the result store; `labhost runs` lists them");
  }
  return row.text(0);
}

void Store::set_provenance(std::int64_t run_id, const std::map<std::string, std::string>& values) {
  Transaction transaction(db_);
  Statement insert(db_, "INSERT OR REPLACE INTO provenance VALUES (?1, ?2, ?3)");
  for (const auto& [name, value] : values) insert.with(run_id, name, value).run();
  transaction.commit();
}

void Store::drop_after(std::int64_t run_id, std::int64_t step) {
  Transaction transaction(db_);
  Statement(db_, "DELETE FROM metric WHERE run_id = ?1 AND step > ?2").with(run_id, step).run();
  Statement(db_, "DELETE FROM episode WHERE run_id = ?1 AND step > ?2").with(run_id, step).run();
  Statement(db_, "UPDATE run SET step = max(?2, 0) WHERE id = ?1 AND step > max(?2, 0)")
      .with(run_id, step)
      .run();
  transaction.commit();
}

std::optional<ArtifactRow> Store::artifact_of(const std::string& run_key) {
  Statement row(db_,
                "SELECT artifact.id, kind, run_id, path, sha256, bytes "
                "FROM artifact JOIN run ON run.id = run_id "
                "WHERE run_key = ?1 AND kind NOT IN ('video', 'figure', 'checkpoint') ORDER BY "
                "artifact.id DESC LIMIT 1");
  if (!row.with(run_key).step()) return std::nullopt;
  return ArtifactRow{row.integer(0), row.text(1), row.integer(2),
                     row.text(3),    row.text(4), row.integer(5)};
}

void Store::add_need(std::int64_t run_id, std::int64_t artifact_id) {
  Transaction transaction(db_);
  Statement(db_, "INSERT OR IGNORE INTO run_needs VALUES (?1, ?2)").with(run_id, artifact_id).run();
  transaction.commit();
}

namespace {

/// An artifact that is there already keeps its id: other runs may refer to it.
void insert_artifact(sqlite3* db, std::int64_t run_id, const ArtifactRow& artifact) {
  Statement(db,
            "INSERT INTO artifact (kind, run_id, path, sha256, bytes) "
            "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (run_id, kind, path) "
            "DO UPDATE SET sha256 = excluded.sha256, bytes = excluded.bytes")
      .with(artifact.kind, run_id, artifact.path, artifact.sha256, artifact.bytes)
      .run();
}

}  // namespace

void Store::add_artifact(const ArtifactRow& artifact) {
  Transaction transaction(db_);
  insert_artifact(db_, artifact.run_id, artifact);
  transaction.commit();
}

void Store::complete(std::int64_t run_id, std::int64_t attempt, std::optional<double> score,
                     const std::vector<ArtifactRow>& artifacts, double seconds) {
  const SyncedCommits synced(db_);
  Transaction transaction(db_);
  Statement(db_,
            "UPDATE run SET status = 'completed', score = ?3, step = total_steps, error = NULL, "
            "finished_at = ?4, heartbeat_at = ?4, seconds = seconds + ?5 "
            "WHERE id = ?1 AND attempt = ?2")
      .with(run_id, attempt, score, now_seconds(), seconds)
      .run();
  if (sqlite3_changes(db_) == 0) {
    throw Superseded("run " + std::to_string(run_id) + ": attempt " + std::to_string(attempt) +
                     " is finished, but another process has taken the run over; its result counts");
  }
  for (const ArtifactRow& artifact : artifacts) insert_artifact(db_, run_id, artifact);
  transaction.commit();
}

}  // namespace labhost
