// The part of SlurmEngine that hands runs to Slurm.
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/base/process.hpp"
#include "core/base/text.hpp"
#include "core/runner/slurm/engine.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;

/// A name that no other job has: the way to find a job of which sbatch's answer was lost.
std::string new_submission_name() {
  std::uint32_t number = 0;
  if (getrandom(&number, sizeof number, 0) != sizeof number)
    number = static_cast<std::uint32_t>(getpid());
  char name[32];
  std::snprintf(name, sizeof name, "labhost-%08x", number);
  return name;
}

std::string index_list(std::size_t count, std::int64_t limit) {
  std::string list = "0-" + std::to_string(count - 1);
  if (limit > 0) list += "%" + std::to_string(limit);
  return list;
}

/// Whether sbatch was refused for now: limits on jobs are met again when some have ended.
bool may_pass(const std::string& message) {
  for (const char* word : {"imit", "emporarily", "busy", "imed out", "onnect"}) {
    if (message.find(word) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

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
  if (array_limit_ == 0) {
    try {
      array_limit_ = client_.max_array_tasks();
    } catch (const SlurmError& error) {
      return tell(error.what());
    }
  }
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

}  // namespace labhost
