// The result store: every run, parameter, metric, episode, artifact and failure is a row.
//
// This folder holds the only SQLite code of the project. One Store is one connection; it is not
// thread-safe (MetricWriter owns a second connection on its own thread). Any number of processes
// may have the same file open: WAL, BEGIN IMMEDIATE for every write, a long busy timeout.
// Creation and migration happen under an exclusive flock on `FILE.lock`, so that two processes
// never migrate at once. The schema and its promises to SQL users are in schema.sql.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/process.hpp"
#include "core/experiment/plan.hpp"
#include "core/sdk/error.hpp"

struct sqlite3;

namespace labhost {

inline constexpr int kSchemaVersion = 2;

/// Folders beside a store: for the shards of its runs, and for what their machines start from.
/// While the second is there, the store is shared (Store::share()).
inline constexpr const char* kShardFolder = "shards";
inline constexpr const char* kSharedFolder = "slurm";

/// A write refused because another process has taken the run over since (its attempt is newer).
class Superseded : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The file is no store any more: torn by a power failure, overwritten.
class DamagedStore : public InputError {
 public:
  using InputError::InputError;
};

struct RunRow {
  std::int64_t id = 0;
  std::string run_key, uuid, experiment, task, algorithm, environment, dataset;
  std::int64_t seed = 0;
  std::string status;  ///< queued, running, completed, failed, interrupted
  std::int64_t step = 0, total_steps = 0;
  std::optional<double> score, started_at, finished_at, heartbeat_at;
  std::string host;
  std::int64_t pid = 0, pid_start = 0, attempt = 0;
  std::string error;
  double seconds = 0;     ///< compute time of all attempts so far
  std::int64_t lost = 0;  ///< attempts that ended without a word: killed, lost with their node
};

struct MetricRow {
  std::string name;
  std::int64_t step;
  double value;
  double time;  ///< seconds since the epoch
};

struct EpisodeRow {
  std::int64_t step, episode;
  double episode_return, score;
  std::int64_t length;
};

struct ArtifactRow {
  std::int64_t id = 0;
  std::string kind;  ///< checkpoint, dataset, world-model, policy, video, figure
  std::int64_t run_id = 0;
  std::string path, sha256;  ///< path relative to the store's folder
  std::int64_t bytes = 0;
};

using Cell = std::variant<std::monostate, std::int64_t, double, std::string>;
struct QueryResult {
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
};

/// Takes the rows of a query one by one.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void begin(const std::vector<std::string>& columns) = 0;  ///< once, before any row
  virtual void row(const std::vector<Cell>& cells) = 0;
};

class Store {
 public:
  enum class Access {
    kReadOnly,  ///< the file must exist; never creates, never migrates
    kReadWrite  ///< creates folder, file and schema when absent; migrates an older schema
  };

  /// Throws InputError: no such file (read-only), not a database, damaged, a newer schema (both
  /// versions named), folder not writable, disk full.
  Store(std::filesystem::path file, Access access);
  ~Store();
  Store(Store&&) noexcept;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const std::filesystem::path& file() const { return file_; }
  /// Below it lie checkpoints, artifacts and logs: the folder of the store's file. A shard
  /// (shards/UUID.sqlite) has its files where the store has them that it belongs to.
  std::filesystem::path folder() const;
  /// Where a task on another machine keeps the rows of one run: a store of its own.
  std::filesystem::path shard_of(const std::string& uuid) const;
  bool is_shard() const;

  /// WAL is unsafe on a shared file system. From now on, until the folder slurm/ beside it is gone,
  /// the store keeps a rollback journal instead, as every shard does. Throws InputError where
  /// another process keeps the store open for a minute.
  void share();

  // --- planning and scheduling -----------------------------------------------------------------

  /// Records the experiment, its layout, the paper's cells, and each run that is new (queued) with
  /// its parameters and needs; links runs to experiment and profile. One transaction; idempotent.
  /// A plan narrowed by --only or --seeds adds links and removes none.
  void record_plan(const Plan& plan);

  /// The rows of these run keys that exist, by key.
  std::map<std::string, RunRow> runs_by_key(const std::vector<std::string>& run_keys);
  std::optional<RunRow> run_by_id(std::int64_t run_id);

  /// Takes the run for `owner` when it is queued, interrupted, failed, or running under an owner
  /// that is dead (same host: process gone; other host: heartbeat older than `stale_seconds`).
  /// Returns the new attempt number, or nothing when it is completed, alive elsewhere or with
  /// Slurm. Atomic.
  std::optional<std::int64_t> claim(std::int64_t run_id, const ProcessId& owner,
                                    double stale_seconds);

  /// Whether the run is being computed: its process lives, or, on another host, beats.
  bool alive(std::int64_t run_id, double stale_seconds);

  /// Whether the run has been handed to Slurm and its result is not yet here.
  bool is_at_slurm(std::int64_t run_id);

  /// What note_cancelled() leaves in run.error.
  static constexpr const char* kCancelled = "cancelled";

  /// Moves the claim to another process of the same attempt (scheduler to worker). Throws
  /// Superseded when the attempt is over or no longer the run's.
  void transfer_claim(std::int64_t run_id, std::int64_t attempt, const ProcessId& owner);

  /// Ends the attempt as `failed` or `interrupted`; `error` may be empty. No effect when the
  /// attempt is over already or superseded. `seconds` is added to the run's compute time.
  void end_attempt(std::int64_t run_id, std::int64_t attempt, const std::string& status,
                   const std::string& error, double seconds);

  /// Books the end of an attempt that could not say it itself, on whatever machine: one more is
  /// lost, and the run is interrupted, or failed when nobody will try again. No effect where the
  /// row is no longer at the attempt and the losses of `run`: two who see one end book it once.
  void note_loss(const RunRow& run, const std::string& error, bool give_up);
  /// The run's end was asked for: running becomes interrupted, error `cancelled`, and its attempt
  /// is over. No effect on one that has ended.
  void note_cancelled(std::int64_t run_id);
  /// The same for all runs of an experiment (or of all) that wait to be submitted.
  void note_waiting_cancelled(const std::optional<std::string>& experiment);
  /// Lets a failed or cancelled run be tried anew: forgets losses and error.
  void forget_losses(std::int64_t run_id);
  /// Shows here how far a run is that another store has: status, step, owner, times.
  void show_progress(std::int64_t run_id, const RunRow& elsewhere);

  // --- a worker's own run ----------------------------------------------------------------------

  /// The configuration text recorded by record_plan (RunSpec::config).
  std::string run_config(std::int64_t run_id);
  void set_provenance(std::int64_t run_id, const std::map<std::string, std::string>& values);
  /// Deletes metric and episode rows later than `step`: what a dead attempt wrote after its
  /// checkpoint. step = -1 deletes all.
  void drop_after(std::int64_t run_id, std::int64_t step);
  /// What the run with this key left for others: its last artifact that is no picture of it.
  std::optional<ArtifactRow> artifact_of(const std::string& run_key);
  /// Books a file that was made of a run (a video), in the place of an earlier one of that
  /// path.
  void add_artifact(const ArtifactRow& artifact);
  void add_need(std::int64_t run_id, std::int64_t artifact_id);
  /// status completed, score, step = total_steps, artifacts: one transaction, synced to disk.
  /// Throws Superseded when `attempt` is no longer the run's.
  void complete(std::int64_t run_id, std::int64_t attempt, std::optional<double> score,
                const std::vector<ArtifactRow>& artifacts, double seconds);

  // --- reading ---------------------------------------------------------------------------------

  /// Runs one read-only statement. Throws InputError with SQLite's message; a statement that
  /// writes is refused. `params` bind to ?1, ?2, ... The scalar aggregates iqm(x), sem(x),
  /// boot_lo(x), boot_hi(x) are available.
  QueryResult query(const std::string& sql, const std::vector<Cell>& params = {});
  /// The same for more rows than memory should hold.
  void query(const std::string& sql, const std::vector<Cell>& params, RowSink& sink);

  /// While it lives, all queries of this connection see the store as it is now, whatever runs
  /// write meanwhile.
  class Snapshot {
   public:
    explicit Snapshot(Store& store);
    ~Snapshot();
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

   private:
    Store& store_;
  };

  /// Deletes runs with their metrics, episodes, artifacts' rows and parameters; returns the paths
  /// of their files. Throws InputError when one is alive.
  std::vector<std::string> delete_runs(const std::vector<std::int64_t>& run_ids);

  sqlite3* handle() const { return db_; }

 private:
  std::filesystem::path file_;
  sqlite3* db_ = nullptr;
};

/// Writes the metrics of one run off the training thread: one thread, one connection, batched
/// transactions. The training thread only appends to a buffer.
class MetricWriter {
 public:
  MetricWriter(const std::filesystem::path& file, std::int64_t run_id, std::int64_t attempt);
  /// Flushes; errors are swallowed here, so call flush() first to see them.
  ~MetricWriter();
  MetricWriter(const MetricWriter&) = delete;

  void add(MetricRow row);
  void add(EpisodeRow row);
  /// The step that the next heartbeat (about once a second) writes to run.step.
  void progress(std::int64_t step);

  /// Returns when all that was added is committed and on disk (synchronous = FULL): the barrier
  /// before a checkpoint is renamed into place. Throws what the writer thread met: Superseded, or
  /// std::runtime_error (disk full, I/O error).
  void flush();

  /// True when the writer met an error: the worker should stop and call flush() for the reason.
  bool failed() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace labhost
