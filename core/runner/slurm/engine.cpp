#include "core/runner/slurm/engine.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"
#include "core/runner/host/interrupts.hpp"
#include "core/runner/slurm/commands.hpp"
#include "core/sdk/error.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;

constexpr double kFirstPause = 0.25;  // seconds; doubles while nothing moves
constexpr double kGraceSeconds = 3;   // for Slurm to list what a dead process has submitted
constexpr double kDoubtSeconds = 60;  // after which a submission without an answer is none
constexpr std::int64_t kLogLines = 10;

/// A pending job that nobody will start: one whose launch failed (slurmctld was killed in it) is
/// held for an administrator.
bool will_never_start(const std::string& reason) {
  return reason == "launch failed requeued held" || reason == "DependencyNeverSatisfied";
}

}  // namespace

SlurmEngine::SlurmEngine(const Plan& plan, Store& store, const Catalogue& catalogue,
                         ScheduleOptions options)
    : plan_(plan),
      store_(store),
      catalogue_(catalogue),
      options_(std::move(options)),
      tasks_(store),
      progress_(static_cast<std::int64_t>(plan.runs.size())) {
  for (const RunSpec& spec : plan.runs) {
    by_key_[spec.run_key] = entries_.size();
    entries_.emplace_back();
    entries_.back().spec = &spec;
  }
  client_.require_commands();
  store_.share();
  progress_.learn_speeds(store_);
  std::vector<std::string> keys;
  for (const RunSpec& spec : plan.runs) keys.push_back(spec.run_key);
  const std::map<std::string, RunRow> rows = store_.runs_by_key(keys);
  for (Entry& entry : entries_) {
    entry.row = rows.at(entry.spec->run_key);
    if (entry.row.status == "completed") entry.state = State::kDone;
    if (entry.row.status == "failed" && options_.skip_failed) {
      entry.state = State::kFailed;
      entry.reason = entry.row.error;
    }
  }
  for (const SlurmTask& task : tasks_.all()) {
    const auto found = by_key_.find(task.run_key);
    if (found == by_key_.end()) continue;
    entries_[found->second].state = State::kAtSlurm;
    entries_[found->second].task = task;
  }
  for (Entry& entry : entries_) {
    if (entry.state != State::kPending) continue;
    if (entry.row.status != "failed" && entry.row.error != Store::kCancelled) continue;
    // Asked for anew. The shard first: main must not be the better record of the two in between.
    const fs::path file = store_.shard_of(entry.row.uuid);
    if (fs::exists(file)) {
      Store shard(file, Store::Access::kReadWrite);
      for (const auto& [key, row] : shard.runs_by_key({entry.row.run_key})) {
        shard.forget_losses(row.id);
      }
    }
    store_.forget_losses(entry.row.id);
    entry.row = store_.run_by_id(entry.row.id).value();
  }
}

// --- following -----------------------------------------------------------------------------------

/// False where Slurm does not answer.
bool SlurmEngine::look() {
  // The tasks first: what another follower submits after Slurm has answered must not seem gone.
  std::map<std::int64_t, SlurmTask> tasks;
  for (SlurmTask& task : tasks_.all()) tasks[task.run_id] = task;
  Queue queue;
  try {
    for (SlurmJob& job : client_.queue()) queue[job.id] = job;
  } catch (const SlurmError& error) {
    tell(error.what());
    for (Entry& entry : entries_) {
      if (entry.task.job.empty()) entry.seen_at = 0;  // what is in doubt is so from anew
    }
    return false;
  }
  if (!trouble_.empty()) progress_.note("Slurm answers again");
  trouble_.clear();
  for (Entry& entry : entries_) {
    const auto known = tasks.find(entry.row.id);
    if (entry.state == State::kElsewhere || entry.state == State::kPending) {
      entry.row = store_.run_by_id(entry.row.id).value();
      entry.state = entry.row.status == "completed"        ? State::kDone
                    : known != tasks.end()                 ? State::kAtSlurm  // another's
                    : entry.row.error == Store::kCancelled ? State::kCancelled
                                                           : State::kPending;
    }
    if (entry.state != State::kAtSlurm) continue;
    if (known == tasks.end()) {
      settle(entry);  // another follower, or `labhost cancel`, has taken it in
      continue;
    }
    entry.task = known->second;
    try {
      look_at(entry, queue);
    } catch (const SlurmError& error) {
      tell(error.what());
    } catch (const DamagedStore& error) {
      restart(entry, error.what());
    } catch (const InputError& error) {
      tell(error.what());  // locked for long, a full disk: the next look may do
    }
  }
  return true;
}

void SlurmEngine::tell(const std::string& trouble) {
  if (trouble_ != trouble) progress_.note(trouble + "; trying again");
  trouble_ = trouble;
}

/// The shard cannot be read. Rows are missing, so the run begins anew, without its checkpoint.
void SlurmEngine::restart(Entry& entry, const std::string& damage) {
  if (!entry.task.job.empty()) client_.cancel({entry.task.job});
  const fs::path shard = store_.shard_of(entry.row.uuid);
  std::error_code error;
  fs::rename(shard, shard.string() + ".damaged", error);
  fs::remove(store_.folder() / run_folder(entry.row.uuid) / "checkpoint.pt", error);
  entry.row = store_.run_by_id(entry.row.id).value();
  store_.note_loss(entry.row, damage, entry.row.lost + 1 >= plan_.slurm.max_attempts);
  tasks_.remove(entry.row.id, entry.task.submission);
  settle(entry);
  progress_.note(name_of(*entry.spec) + ": " + damage);
}

void SlurmEngine::look_at(Entry& entry, const Queue& queue) {
  if (entry.task.job.empty() && !adopt(entry, queue)) return;
  const auto job = queue.find(entry.task.job);
  if (job == queue.end() || !is_live(job->second.state)) return finish(entry);
  const SlurmJob& now = job->second;
  if (now.state == "PENDING" && entry.task.state == "PENDING" && now.reason == entry.task.reason &&
      !will_never_start(now.reason)) {
    return;  // as before: no shard to look at
  }
  if (now.state != entry.task.state || now.reason != entry.task.reason) {
    if (entry.task.state != kCancelling) moved_ = true;
    tasks_.set_state(entry.task, now.state, now.reason);
    if (entry.task.state != kCancelling) entry.task.state = now.state;
  }
  if (now.state == "PENDING" && will_never_start(now.reason)) {
    client_.cancel({now.id});  // the next look finds it ended, and submits it anew where that helps
    return;
  }
  // A slurmctld that was killed may show a task as running, or queue it again, long after its end.
  const std::optional<RunRow> shard_row = take_shard(store_, entry.row.uuid, entry.row.run_key);
  if (shard_row && shard_row->status == "completed") return finish(entry);
  if (shard_row) {
    entry.row = store_.run_by_id(entry.row.id).value();
    if (entry.seen_at == 0) {
      entry.seen_at = now_seconds();
      entry.first_step = entry.row.step;
    }
  }
}

/// Finds the job of a submission whose sbatch answer nobody has written down: its process died in
/// between, or is waiting for the answer now.
bool SlurmEngine::adopt(Entry& entry, const Queue& queue) {
  for (const auto& [id, job] : queue) {
    if (job.name != entry.task.submission) continue;
    const std::string number = id.substr(0, id.find('_'));
    tasks_.set_job(entry.task.submission, number, 0);
    entry.task.job = number + "_" + std::to_string(entry.task.task);
    return true;
  }
  const auto row = take_shard(store_, entry.row.uuid, entry.row.run_key);
  if (row && row->status == "completed") return true;  // it has come and gone
  if (entry.seen_at == 0) entry.seen_at = now_seconds();
  // Slurm lists a job as soon as it has it. Who waits for its answer may be on another machine.
  const fs::path tasks = submission_folder(store_, entry.task.submission) / "tasks.json";
  std::error_code error;
  const bool dead = fs::exists(tasks, error) &&
                    liveness(Submission::from_text(read_file(tasks)).submitter) == Liveness::kDead;
  if (now_seconds() - entry.seen_at < (dead ? kGraceSeconds : kDoubtSeconds)) return false;
  tasks_.remove(entry.row.id, entry.task.submission);
  settle(entry);
  moved_ = true;
  return false;
}

/// Slurm has no live job for the run any more.
void SlurmEngine::finish(Entry& entry) {
  const std::optional<RunRow> shard_row = take_shard(store_, entry.row.uuid, entry.row.run_key);
  if (shard_row && shard_row->status == "running") {
    Store shard(store_.shard_of(entry.row.uuid), Store::Access::kReadWrite);
    // A node that Slurm has lost may compute on; its heartbeat tells.
    if (shard.alive(shard_row->id, plan_.runner.heartbeat_stale_seconds)) {
      entry.task.job.clear();  // nothing can wait for that job any more
      return;
    }
  }
  moved_ = true;
  const bool cancelled = entry.task.state == kCancelling;
  const bool ended =
      shard_row && (shard_row->status == "completed" || shard_row->status == "failed");
  // Slurm cancels what waits for a job that failed: no fault of this run's.
  const bool needs_failed =
      std::any_of(entry.spec->needs.begin(), entry.spec->needs.end(), [&](const NeedSpec& need) {
        return entries_[by_key_.at(need.run_key)].state != State::kDone;
      });
  if (!ended && !cancelled && !needs_failed) lose(entry, shard_row);
  if (shard_row && shard_row->status == "running" && (cancelled || needs_failed)) {
    // Its rows go into the store before the store says that it is over.
    Store(store_.shard_of(entry.row.uuid), Store::Access::kReadWrite).note_cancelled(shard_row->id);
    take_shard(store_, entry.row.uuid, entry.row.run_key);
  }
  tasks_.remove(entry.row.id, entry.task.submission);
  settle(entry);
  if (entry.state == State::kCancelled) {
    store_.note_cancelled(entry.row.id);
    return;
  }
  if (needs_failed && entry.state == State::kPending) return;  // blocked, or submitted with them
  if (entry.state == State::kPending) {
    progress_.note(name_of(*entry.spec) + ": " +
                   entry.row.error.substr(0, entry.row.error.find('\n')) + "; trying again (" +
                   std::to_string(entry.row.lost) + " of " +
                   std::to_string(plan_.slurm.max_attempts) + " attempts lost)");
    return;
  }
  progress_.ended(name_of(*entry.spec), entry.spec->method.plugin, entry.row);
  const std::size_t rest = entry.row.error.find('\n');
  if (entry.state == State::kFailed && rest != std::string::npos) {
    progress_.note(entry.row.error.substr(rest + 1));
  }
}

void SlurmEngine::lose(Entry& entry, const std::optional<RunRow>& shard_row) {
  const std::int64_t lost = (shard_row ? shard_row->lost : entry.row.lost) + 1;
  const bool give_up = lost >= plan_.slurm.max_attempts;
  if (!shard_row) {
    entry.row = store_.run_by_id(entry.row.id).value();
    return store_.note_loss(entry.row, why_lost(entry), give_up);
  }
  entry.row.attempt = shard_row->attempt;
  {
    Store shard(store_.shard_of(entry.row.uuid), Store::Access::kReadWrite);
    shard.note_loss(*shard_row, why_lost(entry), give_up);
  }
  take_shard(store_, entry.row.uuid, entry.row.run_key);
}

std::string SlurmEngine::why_lost(const Entry& entry) const {
  std::optional<SlurmEnd> end;
  if (!entry.task.job.empty()) end = client_.end_of(entry.task.job);
  std::string reason = "Slurm: " + (end ? end->text() : "the job is gone, and nothing tells why");
  const fs::path run_log = store_.folder() / run_folder(entry.row.uuid) /
                           ("attempt-" + std::to_string(entry.row.attempt) + ".log");
  const fs::path task_log =
      submission_folder(store_, entry.task.submission) / (std::to_string(entry.task.task) + ".out");
  for (const fs::path& log : {run_log, task_log}) {
    const std::string tail = tail_of_file(log, kLogLines);
    if (!tail.empty()) return reason + "\nlast log lines:\n" + tail;
  }
  return reason;
}

/// The entry's state from the store's row, once the run is no longer with Slurm.
void SlurmEngine::settle(Entry& entry) {
  entry.row = store_.run_by_id(entry.row.id).value();
  entry.seen_at = 0;
  if (entry.row.status == "completed") {
    entry.state = State::kDone;
    ++completed_;
  } else if (entry.row.status == "failed") {
    entry.state = State::kFailed;
    entry.reason = entry.row.error;
  } else {
    const bool cancelled = entry.task.state == kCancelling || entry.row.error == Store::kCancelled;
    entry.state = cancelled ? State::kCancelled : State::kPending;
  }
}

// --- the loop ------------------------------------------------------------------------------------

bool SlurmEngine::finished() const {
  return std::none_of(entries_.begin(), entries_.end(), [](const Entry& entry) {
    return entry.state == State::kPending || entry.state == State::kAtSlurm ||
           entry.state == State::kElsewhere;
  });
}

/// Slurm is asked often while something moves, seldom otherwise.
void SlurmEngine::wait() {
  pause_ = moved_ ? kFirstPause : std::min(2 * pause_, plan_.slurm.poll_seconds);
  pause_ = std::min(pause_, plan_.slurm.poll_seconds);
  moved_ = false;
  usleep(static_cast<useconds_t>(pause_ * 1e6));  // a signal ends it
}

void SlurmEngine::show_progress() {
  Progress::View view;
  std::vector<SlurmTask> tasks;
  for (const Entry& entry : entries_) {
    view.done += entry.state == State::kDone ? 1 : 0;
    view.failed += entry.state == State::kFailed || entry.state == State::kBlocked ? 1 : 0;
    const bool at_slurm = entry.state == State::kAtSlurm;
    if (at_slurm || entry.state == State::kPending || entry.state == State::kElsewhere) {
      view.open_steps[entry.spec->method.plugin] += entry.row.total_steps - entry.row.step;
    }
    if (!at_slurm) continue;
    tasks.push_back(entry.task);
    if (entry.task.state != "RUNNING") continue;
    ++view.jobs;
    constexpr std::size_t kShown = 10;
    if (view.running.size() >= kShown) continue;
    view.running.push_back({name_of(*entry.spec), entry.spec->method.plugin, entry.row.step,
                            entry.row.total_steps, entry.row.step - entry.first_step,
                            entry.seen_at > 0 ? now_seconds() - entry.seen_at : 0});
  }
  view.jobs = std::max<std::int64_t>(1, view.jobs - 1);
  view.elsewhere = counted_states(tasks);
  progress_.show(view);
}

ScheduleResult SlurmEngine::follow() {
  const InterruptScope interrupted;
  bool stopped = false;
  while (!stopped) {
    if (look()) submit_ready();
    show_progress();
    if (finished()) break;
    if (interrupted.count() == 0) wait();
    stopped = interrupted.count() > 0;
  }
  progress_.clear();
  ScheduleResult summary = result();
  summary.stopped = stopped;
  if (!stopped) wind_up_submissions(store_);
  return summary;
}

ScheduleResult SlurmEngine::detach() {
  if (look()) submit_ready();
  block_dependents();
  for (Entry& entry : entries_) {
    if (entry.state != State::kPending) continue;
    entry.state = State::kBlocked;
    entry.reason = "not submitted: " + (trouble_.empty() ? "what it needs is not" : trouble_);
  }
  return result();
}

ScheduleResult SlurmEngine::result() const {
  ScheduleResult result;
  result.completed = completed_;
  for (const Entry& entry : entries_) {
    const std::string name = name_of(*entry.spec);
    if (entry.state == State::kDone) ++result.already;
    if (entry.state == State::kFailed) {
      result.failed.push_back(name + ": " + entry.reason.substr(0, entry.reason.find('\n')));
    }
    if (entry.state == State::kBlocked) result.blocked.push_back(name + ": " + entry.reason);
    if (entry.state == State::kCancelled) result.cancelled.push_back(name);
  }
  result.already -= completed_;
  return result;
}

}  // namespace labhost
