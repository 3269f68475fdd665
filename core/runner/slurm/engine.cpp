#include "core/runner/slurm/engine.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"
#include "core/runner/host/interrupts.hpp"
#include "core/sdk/error.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;

constexpr double kFirstPause = 0.25;    // seconds; doubles while nothing moves
constexpr double kGraceSeconds = 3;     // for Slurm to list what a dead process has submitted
constexpr double kDoubtSeconds = 60;    // after which a submission without an answer is none
constexpr double kCancelSeconds = 180;  // for checkpoints to be written
constexpr std::int64_t kLogLines = 10;

/// A name that no other job has: the way to find a job of which sbatch's answer was lost.
std::string new_submission_name() {
  std::uint32_t number = 0;
  if (getrandom(&number, sizeof number, 0) != sizeof number)
    number = static_cast<std::uint32_t>(getpid());
  char name[32];
  std::snprintf(name, sizeof name, "labhost-%08x", number);
  return name;
}

std::string counted_states(const std::vector<SlurmTask>& tasks) {
  std::map<std::string, std::int64_t> counts;
  for (const SlurmTask& task : tasks) ++counts[task.state];
  std::vector<std::string> parts;
  for (const auto& [state, count] : counts) parts.push_back(std::to_string(count) + " " + state);
  return parts.empty() ? "" : "Slurm: " + join(parts, ", ");
}

std::string index_list(std::size_t count, std::int64_t limit) {
  std::string list = "0-" + std::to_string(count - 1);
  if (limit > 0) list += "%" + std::to_string(limit);
  return list;
}

/// A pending job that nobody will start: one whose launch failed (slurmctld was killed in it) is
/// held for an administrator.
bool will_never_start(const std::string& reason) {
  return reason == "launch failed requeued held" || reason == "DependencyNeverSatisfied";
}

/// Whether sbatch was refused for now: limits on jobs are met again when some have ended.
bool may_pass(const std::string& message) {
  for (const char* word : {"imit", "emporarily", "busy", "imed out", "onnect"}) {
    if (message.find(word) != std::string::npos) return true;
  }
  return false;
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
  array_limit_ = client_.max_array_tasks();  // says so at once where there is no Slurm
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
  const bool needs_failed =
      std::any_of(entry.spec->needs.begin(), entry.spec->needs.end(), [&](const NeedSpec& need) {
        const State state = entries_[by_key_.at(need.run_key)].state;
        return state != State::kDone;
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

// --- submitting ----------------------------------------------------------------------------------

void SlurmEngine::block_dependents() {
  for (Entry& entry : entries_) {
    if (entry.state != State::kPending) continue;
    for (const NeedSpec& need : entry.spec->needs) {
      const Entry& needed = entries_[by_key_.at(need.run_key)];
      const bool cancelled = needed.state == State::kCancelled;
      if (!cancelled && needed.state != State::kFailed && needed.state != State::kBlocked) continue;
      entry.state = cancelled ? State::kCancelled : State::kBlocked;
      entry.reason = "needs " + name_of(*needed.spec) + ", which failed";
    }
  }
}

/// Runs that wait for the same jobs and ask for the same resources are one array.
void SlurmEngine::submit_ready() {
  block_dependents();
  for (bool again = true; again;) {
    again = false;
    std::map<std::pair<std::vector<std::string>, std::string>, std::vector<Entry*>> groups;
    for (Entry& entry : entries_) {
      if (entry.state != State::kPending) continue;
      std::vector<std::string> after;
      bool ready = true;
      for (const NeedSpec& need : entry.spec->needs) {
        const Entry& needed = entries_[by_key_.at(need.run_key)];
        if (needed.state == State::kDone) continue;
        ready = ready && needed.state == State::kAtSlurm && !needed.task.job.empty() &&
                needed.task.state != kCancelling;
        after.push_back(needed.task.job);
      }
      if (!ready) continue;
      std::sort(after.begin(), after.end());
      const SlurmResources& asked = plan_.slurm.resources_of(entry.spec->algorithm);
      const std::string resources =
          join({asked.time, asked.mem, asked.gres, std::to_string(asked.cpus)}, "\n");
      std::vector<Entry*>& group = groups[{after, resources}];
      if (static_cast<std::int64_t>(group.size()) < array_limit_) group.push_back(&entry);
    }
    for (const auto& [key, group] : groups) {
      if (!submit(group, key.first)) return;  // Slurm takes no more for now
      again = true;
    }
  }
}

/// False when Slurm may take it later.
bool SlurmEngine::submit(const std::vector<Entry*>& group, const std::vector<std::string>& after) {
  const std::string name = new_submission_name();
  std::vector<std::int64_t> ids;
  for (const Entry* entry : group) ids.push_back(entry->row.id);
  const std::vector<std::int64_t> added =
      tasks_.add(ids, name, plan_.runner.heartbeat_stale_seconds);
  std::vector<Entry*> runs;
  for (Entry* entry : group) {
    const bool ours = std::find(added.begin(), added.end(), entry->row.id) != added.end();
    if (ours) runs.push_back(entry);
    if (!ours) entry->state = State::kElsewhere;
  }
  if (runs.empty()) return true;
  std::string job;
  try {
    write_submission(store_, name, submission_of(runs), plan_.slurm.setup);
    job = client_.submit(sbatch_arguments(runs, name, after));
  } catch (const std::exception& error) {
    tasks_.remove_submission(name);
    std::error_code ignored;
    fs::remove_all(submission_folder(store_, name), ignored);
    const bool others = std::any_of(entries_.begin(), entries_.end(), [](const Entry& entry) {
      return entry.state == State::kAtSlurm;
    });
    if (!others || !may_pass(error.what())) {
      wind_up_submissions(store_);
      throw;
    }
    tell(error.what());
    return false;
  }
  const std::vector<std::string> unwanted =
      tasks_.set_job(name, job, static_cast<std::int64_t>(runs.size()));
  if (!unwanted.empty()) client_.cancel(unwanted);
  moved_ = true;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    runs[i]->state = State::kAtSlurm;
    runs[i]->task = {runs[i]->row.id,
                     runs[i]->row.uuid,
                     runs[i]->row.run_key,
                     name,
                     static_cast<std::int64_t>(i),
                     job + "_" + std::to_string(i),
                     "PENDING",
                     ""};
  }
  progress_.note("submitted " + std::to_string(runs.size()) +
                 (runs.size() == 1 ? " run" : " runs") + " as Slurm job " + job +
                 (after.empty() ? "" : ", after " + join(after, ", ")));
  return true;
}

Submission SlurmEngine::submission_of(const std::vector<Entry*>& runs) const {
  Submission submission;
  submission.max_attempts = plan_.slurm.max_attempts;
  submission.submitter = this_process();
  submission.job.store = fs::absolute(store_.file());
  submission.job.runner = plan_.runner;
  submission.job.command_line = options_.command_line;
  for (const Entry* entry : runs) {
    submission.job.use_plugins(*entry->spec, catalogue_);
    SubmittedTask task{entry->row.uuid, entry->row.run_key, {}};
    for (const NeedSpec& need : entry->spec->needs) {
      task.needs.emplace_back(need.run_key, entries_[by_key_.at(need.run_key)].row.uuid);
    }
    submission.tasks.push_back(std::move(task));
  }
  return submission;
}

std::vector<std::string> SlurmEngine::sbatch_arguments(
    const std::vector<Entry*>& runs, const std::string& name,
    const std::vector<std::string>& after) const {
  const SlurmSettings& slurm = plan_.slurm;
  const SlurmResources& asked = slurm.resources_of(runs.front()->spec->algorithm);
  const fs::path folder = fs::absolute(submission_folder(store_, name));
  std::vector<std::string> arguments = {
      "--job-name=" + name,
      "--array=" + index_list(runs.size(), options_.jobs > 0 ? options_.jobs : slurm.limit),
      "--output=" + (folder / "%a.out").string(),
      "--open-mode=append",
      "--requeue",
      "--signal=B:USR1@" + std::to_string(slurm.signal_seconds),
      "--nodes=1",
      "--ntasks=1",
      "--cpus-per-task=" + std::to_string(asked.cpus > 0 ? asked.cpus : plan_.runner.threads)};
  const std::pair<const char*, const std::string*> options[] = {
      {"--partition=", &slurm.partition},
      {"--account=", &slurm.account},
      {"--qos=", &slurm.qos},
      {"--constraint=", &slurm.constraint},
      {"--time=", &asked.time},
      {"--mem=", &asked.mem},
      {"--gres=", &asked.gres}};
  for (const auto& [option, value] : options) {
    if (!value->empty()) arguments.push_back(option + *value);
  }
  if (!after.empty()) {
    arguments.push_back("--dependency=afterok:" + join(after, ":"));
    arguments.emplace_back("--kill-on-invalid-dep=yes");
  }
  arguments.insert(arguments.end(), slurm.extra.begin(), slurm.extra.end());
  arguments.push_back((folder / "script.sh").string());
  return arguments;
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

// --- other commands ------------------------------------------------------------------------------

std::int64_t cancel_slurm_tasks(Store& store, const std::optional<std::string>& experiment) {
  SlurmTasks tasks(store);
  const SlurmClient client;
  std::set<std::int64_t> asked;
  const double begun = now_seconds();
  while (true) {
    // What a follower could submit in the room that becomes free.
    store.note_waiting_cancelled(experiment);
    const std::vector<SlurmTask> open = experiment ? tasks.of_experiment(*experiment) : tasks.all();
    if (open.empty()) break;
    if (now_seconds() - begun > kCancelSeconds) {
      throw std::runtime_error(std::to_string(open.size()) +
                               " jobs have not ended yet; the same command goes on waiting");
    }
    std::vector<std::string> jobs;
    std::set<std::string> names;  // of submissions whose job is not known
    for (const SlurmTask& task : open) {
      if (task.job.empty()) names.insert(task.submission);
      if (!asked.insert(task.run_id).second) continue;
      // First the word, then the deed: who follows the sweep submits none of them anew.
      tasks.set_state(task, kCancelling, "");
      if (!task.job.empty()) jobs.push_back(task.job);
    }
    for (const std::string& name : names) client.cancel({"--name=" + name});
    client.cancel(jobs);
    std::set<std::string> live;
    for (const SlurmJob& job : client.queue()) {
      if (is_live(job.state)) live.insert({job.id, job.name});
    }
    for (const SlurmTask& task : open) {
      if (live.count(task.job.empty() ? task.submission : task.job) > 0) continue;
      const auto row = take_shard(store, task.uuid, task.run_key);
      if (row && row->status == "running") {
        Store(store.shard_of(task.uuid), Store::Access::kReadWrite).note_cancelled(row->id);
        take_shard(store, task.uuid, task.run_key);
      }
      store.note_cancelled(task.run_id);
      tasks.remove(task.run_id, task.submission);
    }
    usleep(300000);
  }
  wind_up_submissions(store);
  return static_cast<std::int64_t>(asked.size());
}

std::string refresh_from_shards(Store& store) {
  SlurmTasks tasks(store);
  const std::vector<SlurmTask> all = tasks.all();
  if (all.empty()) return "";
  try {
    std::map<std::string, SlurmJob> queue;
    for (SlurmJob& job : SlurmClient().queue()) queue[job.id] = job;
    for (const SlurmTask& task : all) {
      const auto job = queue.find(task.job);
      if (job != queue.end()) tasks.set_state(task, job->second.state, job->second.reason);
    }
  } catch (const std::exception&) {
    // Far from the cluster: the states are those that were seen last.
  }
  for (const SlurmTask& task : all) take_shard(store, task.uuid, task.run_key);
  return counted_states(tasks.all());
}

}  // namespace labhost
