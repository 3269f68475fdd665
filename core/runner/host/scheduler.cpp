#include "core/runner/host/scheduler.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"
#include "core/runner/host/interrupts.hpp"

namespace labhost {

namespace {

constexpr double kPollSeconds = 0.2;  // between looks at runs of other processes
constexpr double kShowSeconds = 0.5;  // between repaints

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

std::string name_of(const RunSpec& spec) {
  return spec.task + " " + spec.algorithm + " seed " + std::to_string(spec.seed);
}

Scheduler::Scheduler(const Plan& plan, Store& store, const Catalogue& catalogue,
                     ScheduleOptions options)
    : plan_(plan),
      store_(store),
      catalogue_(catalogue),
      options_(std::move(options)),
      pool_(plan.runner.threads),
      progress_(static_cast<std::int64_t>(plan.runs.size())) {
  for (const RunSpec& spec : plan.runs) {
    by_key_[spec.run_key] = entries_.size();
    entries_.emplace_back();
    entries_.back().spec = &spec;
  }
  read_rows();
  for (Entry& entry : entries_) {
    by_id_[entry.row.id] = by_key_[entry.spec->run_key];
    if (entry.row.status == "completed") entry.state = State::kDone;
    if (entry.row.status == "failed" && options_.skip_failed) update_from_row(entry);
  }
}

void Scheduler::read_rows() {
  std::vector<std::string> keys;
  for (const Entry& entry : entries_) {
    if (entry.state == State::kPending || entry.state == State::kElsewhere ||
        entry.state == State::kActive) {
      keys.push_back(entry.spec->run_key);
    }
  }
  for (auto& [key, row] : store_.runs_by_key(keys)) entries_[by_key_.at(key)].row = row;
}

void Scheduler::update_from_row(Entry& entry) {
  if (entry.row.status == "completed") {
    entry.state = State::kDone;
  } else if (entry.row.status == "failed") {
    entry.state = State::kFailed;
    entry.reason = entry.row.error;
  } else {
    entry.state = State::kPending;  // interrupted, or given up by a dead owner: claim it again
  }
}

bool Scheduler::ready(const Entry& entry) {
  return std::all_of(entry.spec->needs.begin(), entry.spec->needs.end(), [&](const NeedSpec& need) {
    return entries_[by_key_.at(need.run_key)].state == State::kDone;
  });
}

bool Scheduler::try_start(Entry& entry) {
  const auto attempt =
      store_.claim(entry.row.id, this_process(), plan_.runner.heartbeat_stale_seconds);
  if (!attempt) {
    entry.state = State::kElsewhere;
    return false;
  }
  entry.state = State::kActive;
  entry.row.attempt = *attempt;
  entry.claimed_attempt = *attempt;
  entry.claimed_at = now_seconds();
  entry.first_step = entry.row.step;
  Job job;
  job.store = std::filesystem::absolute(store_.file());
  job.run_id = entry.row.id;
  job.attempt = *attempt;
  job.log = std::filesystem::absolute(log_of(entry));
  job.runner = plan_.runner;
  job.use_plugins(*entry.spec, catalogue_);
  job.command_line = options_.command_line;
  pool_.start(job);
  return true;
}

void Scheduler::start_ready() {
  for (Entry& entry : entries_) {
    if (static_cast<std::int64_t>(pool_.running()) >= options_.jobs) return;
    if (entry.state != State::kPending) continue;
    for (const NeedSpec& need : entry.spec->needs) {
      const Entry& needed = entries_[by_key_.at(need.run_key)];
      if (needed.state == State::kFailed || needed.state == State::kBlocked) {
        entry.state = State::kBlocked;
        entry.reason = "needs " + name_of(*needed.spec) + ", which failed";
      }
    }
    if (entry.state == State::kPending && ready(entry)) try_start(entry);
  }
}

std::filesystem::path Scheduler::log_of(const Entry& entry) const {
  return store_.folder() / run_folder(entry.row.uuid) /
         ("attempt-" + std::to_string(entry.claimed_attempt) + ".log");
}

std::string Scheduler::reason_of_exit(const Entry& entry, int wait_status) const {
  std::string reason;
  if (wait_status == WorkerPool::kLost) {
    reason = "the worker's parent process died";
  } else if (WIFSIGNALED(wait_status)) {
    const int number = WTERMSIG(wait_status);
    const char* name = sigabbrev_np(number);
    reason = std::string("killed by ") +
             (name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(number));
  } else {
    reason = "the worker ended with exit code " + std::to_string(WEXITSTATUS(wait_status)) +
             " without saying why";
  }
  const std::string tail = tail_of_file(log_of(entry), 10);
  // The first line stands alone in summaries.
  return tail.empty() ? reason + "; its log is empty" : reason + "\nlast log lines:\n" + tail;
}

void Scheduler::handle_exit(const WorkerPool::Exit& exit) {
  Entry& entry = entries_[by_id_.at(exit.run_id)];
  const std::int64_t attempt = entry.claimed_attempt;
  entry.row = store_.run_by_id(exit.run_id).value();
  if (entry.row.attempt != attempt) {
    entry.state = State::kElsewhere;  // taken over by another process
    return;
  }
  if (entry.row.status == "running" && exit.wait_status == WorkerPool::kLost &&
      liveness({entry.row.host, entry.row.pid, entry.row.pid_start}) != Liveness::kDead &&
      entry.row.pid != getpid()) {
    entry.state =
        State::kElsewhere;  // the worker outlived its parent and is writing its checkpoint
    return;
  }
  if (entry.row.status == "running") {
    // It ended without a word of its own: a crash, or killed. One that was killed together with its
    // parent, or while we stop all of them, was stopped from outside: its run goes on later.
    const bool stopped =
        exit.wait_status == WorkerPool::kLost || (stopping_ && WIFSIGNALED(exit.wait_status));
    store_.end_attempt(exit.run_id, attempt, stopped ? "interrupted" : "failed",
                       reason_of_exit(entry, exit.wait_status), 0);
    entry.row = store_.run_by_id(exit.run_id).value();
  }
  update_from_row(entry);
  if (entry.state == State::kDone) ++completed_;
  if (entry.state == State::kPending && stopping_) return;
  progress_.ended(name_of(*entry.spec), entry.spec->method.plugin, entry.row);
}

void Scheduler::poll_elsewhere() {
  if (now_seconds() - polled_at_ < kPollSeconds) return;
  polled_at_ = now_seconds();
  read_rows();
  for (Entry& entry : entries_) {
    if (entry.state == State::kPending && entry.row.status == "completed")
      entry.state = State::kDone;
    if (entry.state != State::kElsewhere) continue;
    if (entry.row.status == "completed" || entry.row.status == "failed") {
      // A failure of another process's attempt counts; it is not tried again by each of us.
      update_from_row(entry);
      progress_.ended(name_of(*entry.spec), entry.spec->method.plugin, entry.row);
    } else {
      entry.state = State::kPending;  // try to claim it: refused while its owner is alive
    }
  }
}

bool Scheduler::finished() const {
  return std::none_of(entries_.begin(), entries_.end(), [](const Entry& entry) {
    return entry.state == State::kPending || entry.state == State::kActive ||
           entry.state == State::kElsewhere;
  });
}

void Scheduler::show_progress(bool force) {
  if (!force && now_seconds() - shown_at_ < kShowSeconds) return;
  shown_at_ = now_seconds();
  Progress::View view;
  for (const Entry& entry : entries_) {
    view.done += entry.state == State::kDone ? 1 : 0;
    view.failed += entry.state == State::kFailed || entry.state == State::kBlocked ? 1 : 0;
    const bool open = entry.state == State::kPending || entry.state == State::kActive ||
                      entry.state == State::kElsewhere;
    if (open) view.open_steps[entry.spec->method.plugin] += entry.row.total_steps - entry.row.step;
    if (entry.state == State::kActive) {
      view.running.push_back({name_of(*entry.spec), entry.spec->method.plugin, entry.row.step,
                              entry.row.total_steps, entry.row.step - entry.first_step,
                              now_seconds() - entry.claimed_at});
    }
  }
  view.jobs = options_.jobs;
  progress_.show(view);
}

ScheduleResult Scheduler::execute() {
  const InterruptScope interrupted;
  progress_.learn_speeds(store_);
  int heard = 0;
  while (!finished()) {
    if (interrupted.count() > heard) {
      heard = interrupted.count();
      stopping_ = true;
      progress_.note(heard == 1 ? "stopping: workers write their checkpoints (again: stop at once)"
                                : "stopping at once");
    }
    // At every turn: a worker that was just being started has no pid to signal at first.
    if (stopping_) pool_.signal_all(heard == 1 ? SIGTERM : SIGKILL);
    if (stopping_ && pool_.running() == 0) break;
    if (!stopping_) start_ready();
    for (const WorkerPool::Exit& exit : pool_.wait(kPollSeconds)) handle_exit(exit);
    if (!stopping_) poll_elsewhere();
    show_progress(false);
  }
  progress_.clear();
  return result();
}

ScheduleResult Scheduler::result() const {
  ScheduleResult result;
  result.completed = completed_;
  result.stopped = stopping_;
  for (const Entry& entry : entries_) {
    const std::string name = name_of(*entry.spec) + ": ";
    if (entry.state == State::kDone) ++result.already;
    if (entry.state == State::kFailed) result.failed.push_back(name + first_line(entry.reason));
    if (entry.state == State::kBlocked) result.blocked.push_back(name + entry.reason);
  }
  result.already -= completed_;
  return result;
}

}  // namespace labhost
