// The training thread appends rows to a buffer under a mutex; the writer thread swaps the buffer
// for an empty one and commits it: about once a second, when a batch is full, or when asked to
// flush.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/store/connection.hpp"
#include "core/store/open.hpp"
#include "core/store/store.hpp"

namespace labhost {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kHeartbeat{1};
constexpr std::size_t kBatch = 20'000;         // rows that are worth a transaction of their own
constexpr std::size_t kTransaction = 100'000;  // rows after which other writers get their turn
constexpr std::size_t kPending = 1'000'000;    // rows after which add() waits

struct Batch {
  std::vector<MetricRow> metrics;
  std::vector<EpisodeRow> episodes;
  std::int64_t step = -1;  // -1: not known yet

  std::size_t size() const { return metrics.size() + episodes.size(); }
  void clear() {
    metrics.clear();
    episodes.clear();
  }
};

/// The database side, used by one thread at a time.
class BatchWriter {
 public:
  BatchWriter(const std::filesystem::path& file, std::int64_t run_id, std::int64_t attempt)
      : connection_(open_store(file, Store::Access::kReadWrite)),
        run_id_(run_id),
        attempt_(attempt) {
    // Each transaction looks at its run first, so rows need not look it up one by one.
    execute(connection_.get(), "PRAGMA foreign_keys = OFF");
  }

  /// One transaction, or several for a large batch. With `synced`, all is on disk afterwards.
  void write(Batch& batch, bool synced) {
    // In the order of the table a batch touches each page once. Stable: where a step was added
    // twice, the later value stays.
    std::stable_sort(batch.metrics.begin(), batch.metrics.end(),
                     [](const MetricRow& a, const MetricRow& b) {
                       const int order = a.name.compare(b.name);
                       return order != 0 ? order < 0 : a.step < b.step;
                     });
    std::size_t begin = 0;
    for (; batch.metrics.size() - begin > kTransaction; begin += kTransaction) {
      Transaction transaction(connection_.get());
      check_in(batch.step);
      write_metrics(batch.metrics, begin, begin + kTransaction);
      transaction.commit();
    }
    // Syncing the last commit syncs those before it: they lie in the same log.
    std::optional<SyncedCommits> syncing;
    if (synced) syncing.emplace(connection_.get());
    Transaction transaction(connection_.get());
    check_in(batch.step);
    write_metrics(batch.metrics, begin, batch.metrics.size());
    write_episodes(batch.episodes);
    transaction.commit();
  }

 private:
  /// Heartbeat and step; refuses to go on for a run that is no longer ours.
  void check_in(std::int64_t step) {
    check_in_.with(run_id_, attempt_, now_seconds(), step).run();
    if (sqlite3_changes(connection_.get()) != 0) return;
    throw Superseded("run " + std::to_string(run_id_) + ": attempt " + std::to_string(attempt_) +
                     " writes no more, another process has taken the run over or deleted it");
  }

  void write_metrics(const std::vector<MetricRow>& rows, std::size_t begin, std::size_t end) {
    const std::string* name = nullptr;
    metric_.bind(1, run_id_);
    for (std::size_t i = begin; i < end; ++i) {
      const MetricRow& row = rows[i];
      if (name == nullptr || *name != row.name) metric_.bind(2, row.name);
      name = &row.name;
      metric_.bind(3, row.step);
      metric_.bind(4, row.value);
      metric_.bind(5, row.time);
      metric_.run();
    }
  }

  void write_episodes(const std::vector<EpisodeRow>& rows) {
    for (const EpisodeRow& row : rows) {
      episode_.with(run_id_, row.step, row.episode, row.episode_return, row.score, row.length)
          .run();
    }
  }

  Connection connection_;
  std::int64_t run_id_, attempt_;
  // Writes a row even after the run's end, so that a synced transaction always has what to sync.
  Statement check_in_{connection_.get(),
                      "UPDATE run SET heartbeat_at = ?3, step = CASE WHEN ?4 >= 0 AND "
                      "status = 'running' THEN ?4 ELSE step END WHERE id = ?1 AND attempt = ?2"};
  // A resumed run may write a step again that it wrote before its end.
  Statement metric_{connection_.get(), "INSERT OR REPLACE INTO metric VALUES (?1, ?2, ?3, ?4, ?5)"};
  Statement episode_{connection_.get(),
                     "INSERT OR REPLACE INTO episode VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
};

}  // namespace

struct MetricWriter::Impl {
  Impl(const std::filesystem::path& file, std::int64_t run_id, std::int64_t attempt)
      : database(file, run_id, attempt) {
    // Signals belong to the thread that trains: it checkpoints and stops.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      thread = std::thread([this] { work(); });
    } catch (...) {
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_all();
    thread.join();
  }

  void work() {
    try {
      Batch batch;
      while (take(batch)) {
        database.write(batch, taken_flush > finished_flush);
        batch.clear();
        finish();
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = std::current_exception();
      failed = true;
      pending.clear();
      done.notify_all();
    }
  }

  /// Waits for work and takes what is pending; false when the writer is to end.
  bool take(Batch& batch) {
    std::unique_lock lock(mutex);
    wake.wait_until(lock, next_heartbeat, [this] {
      return stopping || asked_flush > finished_flush || pending.size() >= kBatch;
    });
    if (stopped) return false;
    if (stopping) {
      stopped = true;  // after this last batch
      ++asked_flush;
    }
    next_heartbeat = Clock::now() + kHeartbeat;
    taken_flush = asked_flush;
    batch.step = pending.step;  // stays in both
    std::swap(batch, pending);
    done.notify_all();  // there is room again
    return true;
  }

  void finish() {
    const std::lock_guard lock(mutex);
    finished_flush = taken_flush;
    done.notify_all();
  }

  template <typename Row>
  void add(std::vector<Row> Batch::*rows, Row row) {
    std::unique_lock lock(mutex);
    if (pending.size() >= kPending) {
      done.wait(lock, [this] { return pending.size() < kPending || failed; });
    }
    if (failed) return;  // the rows of a run that has failed to write are of no use
    (pending.*rows).push_back(std::move(row));
    if (pending.size() == kBatch) wake.notify_one();
  }

  void flush() {
    std::unique_lock lock(mutex);
    const std::uint64_t mine = ++asked_flush;
    wake.notify_one();
    done.wait(lock, [this, mine] { return finished_flush >= mine || failed; });
    if (error) std::rethrow_exception(error);
  }

  BatchWriter database;
  std::mutex mutex;
  std::condition_variable wake, done;
  // Guarded by the mutex; taken_flush is the writer thread's own.
  Batch pending;
  std::uint64_t asked_flush = 0, taken_flush = 0, finished_flush = 0;
  bool stopping = false, stopped = false;
  std::exception_ptr error;
  std::atomic<bool> failed{false};
  Clock::time_point next_heartbeat = Clock::now() + kHeartbeat;
  std::thread thread;
};

MetricWriter::MetricWriter(const std::filesystem::path& file, std::int64_t run_id,
                           std::int64_t attempt)
    : impl_(std::make_unique<Impl>(file, run_id, attempt)) {}

MetricWriter::~MetricWriter() = default;

void MetricWriter::add(MetricRow row) { impl_->add(&Batch::metrics, std::move(row)); }

void MetricWriter::add(EpisodeRow row) { impl_->add(&Batch::episodes, row); }

void MetricWriter::progress(std::int64_t step) {
  const std::lock_guard lock(impl_->mutex);
  impl_->pending.step = step;
}

void MetricWriter::flush() { impl_->flush(); }

bool MetricWriter::failed() const { return impl_->failed; }

}  // namespace labhost
