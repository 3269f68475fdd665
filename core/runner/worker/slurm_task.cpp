#include "core/runner/worker/slurm_task.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/runner/slurm/client.hpp"
#include "core/runner/slurm/submission.hpp"
#include "core/runner/worker/entry.hpp"
#include "core/runner/worker/run_job.hpp"
#include "core/sdk/error.hpp"
#include "core/store/merge.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kBetweenClaims{500};
constexpr std::chrono::seconds kBetweenRequeues{3};
constexpr int kRequeueTries = 6;

std::string from_slurm(const char* variable) {
  const char* value = std::getenv(variable);
  if (value != nullptr && *value != '\0') return value;
  throw InputError(std::string(variable) + " is not set: this command is what Slurm starts");
}

/// All that the run's own log does not hold stays in Slurm's output.
void open_log(const fs::path& log) {
  std::fflush(nullptr);
  fs::create_directories(log.parent_path());
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  close(file);
}

class SlurmTaskRunner {
 public:
  SlurmTaskRunner(const fs::path& folder, const Submission& submission, const SubmittedTask& task)
      : folder_(folder),
        submission_(submission),
        task_(task),
        main_folder_(submission.job.store.parent_path()),
        shard_(shard_file(task.uuid), Store::Access::kReadWrite) {}

  int run() {
    fill_shard();
    const std::optional<std::int64_t> attempt = claim();
    if (!attempt) return say("the run is completed: nothing to do", kWorkerCompleted);
    const RunRow before = row();
    if (before.lost >= submission_.max_attempts) {
      shard_.end_attempt(before.id, *attempt, "failed", losses(before.lost), 0);
      return say(losses(before.lost), kWorkerFailed);
    }
    const Job job = job_of(before, *attempt);
    open_log(job.log);
    const int code = run_job(job);
    if (code == kWorkerInterrupted && stop_signal() == SIGUSR1) queue_again();
    return code;
  }

 private:
  fs::path shard_file(const std::string& uuid) const {
    return main_folder_ / kShardFolder / (uuid + ".sqlite");
  }

  static int say(const std::string& message, int code) {
    std::printf("%s\n", message.c_str());
    return code;
  }

  RunRow row() { return shard_.runs_by_key({task_.run_key}).at(task_.run_key); }

  static std::string losses(std::int64_t lost) {
    return "lost " + std::to_string(lost) +
           " times before it could end: killed, or its node failed; engine.slurm.max_attempts "
           "allows no more";
  }

  /// The run as it was when it was submitted, unless the shard has more of it already, and what it
  /// needs: from the submission, or where it was computed meanwhile.
  void fill_shard() {
    std::vector<std::string> needs;
    for (const auto& [run_key, uuid] : task_.needs) needs.push_back(run_key);
    if (!shard_has_run()) {
      StoreMerger(shard_, folder_ / "plan.sqlite").take_runs({task_.run_key});
    }
    StoreMerger(shard_, folder_ / "plan.sqlite").take_references(needs);
    for (const auto& [run_key, uuid] : task_.needs) {
      if (shard_.artifact_of(run_key)) continue;
      const fs::path file = shard_file(uuid);
      if (fs::exists(file)) StoreMerger(shard_, file).take_references({run_key});
      if (!shard_.artifact_of(run_key)) {
        throw InputError("a run that this one needs has left no artifact (" + file.string() + ")");
      }
    }
  }

  /// At the plan's attempt or a later one: then the plan's rows are older, whatever it says of
  /// them.
  bool shard_has_run() {
    const auto here = shard_.runs_by_key({task_.run_key});
    if (here.empty()) return false;
    Store plan(folder_ / "plan.sqlite", Store::Access::kReadOnly);
    return here.begin()->second.attempt >=
           plan.runs_by_key({task_.run_key}).at(task_.run_key).attempt;
  }

  /// Waits while another task computes the run; nothing when it is completed.
  std::optional<std::int64_t> claim() {
    for (bool told = false;;) {
      const RunRow now = row();
      if (now.status == "completed") return std::nullopt;
      const auto attempt =
          shard_.claim(now.id, this_process(), submission_.job.runner.heartbeat_stale_seconds);
      if (attempt) return attempt;
      if (stop_signal() != 0) throw InputError("stopped while another task computes this run");
      if (!told)
        std::printf("process %lld on %s computes this run: waiting\n",
                    static_cast<long long>(now.pid), now.host.c_str());
      told = true;
      std::fflush(stdout);
      std::this_thread::sleep_for(kBetweenClaims);
    }
  }

  Job job_of(const RunRow& run, std::int64_t attempt) {
    Job job = submission_.job;
    job.store = shard_.file();
    job.run_id = run.id;
    job.attempt = attempt;
    job.log = main_folder_ / run_folder(run.uuid) / ("attempt-" + std::to_string(attempt) + ".log");
    job.use_plugins(RunSpec::from_config(nlohmann::json::parse(shard_.run_config(run.id))));
    return job;
  }

  /// The attempt has done an update at least (Session::train), so this comes to an end.
  static void queue_again() {
    const std::string job =
        from_slurm("SLURM_ARRAY_JOB_ID") + "_" + from_slurm("SLURM_ARRAY_TASK_ID");
    for (int i = 0; i < kRequeueTries; ++i) {
      try {
        return SlurmClient().requeue(job);
      } catch (const std::exception& error) {
        std::printf("not queued again: %s\n", error.what());  // slurmctld may be restarting
        std::fflush(stdout);
      }
      std::this_thread::sleep_for(kBetweenRequeues);
    }
    // Who follows the sweep submits it anew.
  }

  const fs::path folder_;
  const Submission& submission_;
  const SubmittedTask& task_;
  fs::path main_folder_;
  Store shard_;
};

}  // namespace

int run_slurm_task(const fs::path& folder) {
  install_stop_signals();
  if (!fs::exists(folder / "tasks.json")) {
    std::printf("%s is gone: all its runs have ended\n", folder.c_str());
    return kWorkerCompleted;
  }
  const Submission submission = Submission::from_text(read_file(folder / "tasks.json"));
  const std::string index = from_slurm("SLURM_ARRAY_TASK_ID");
  const auto number = parse_integer(index);
  if (!number || *number < 0 || *number >= static_cast<std::int64_t>(submission.tasks.size())) {
    throw InputError("SLURM_ARRAY_TASK_ID: expected a task below " +
                     std::to_string(submission.tasks.size()) + ", found '" + index + "'");
  }
  const SubmittedTask& task = submission.tasks[static_cast<std::size_t>(*number)];
  return SlurmTaskRunner(folder, submission, task).run();
}

}  // namespace labhost
