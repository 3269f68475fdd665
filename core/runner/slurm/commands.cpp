#include "core/runner/slurm/commands.hpp"

#include <unistd.h>

#include <map>
#include <set>
#include <stdexcept>

#include "core/base/process.hpp"
#include "core/base/text.hpp"
#include "core/runner/slurm/client.hpp"
#include "core/runner/slurm/submission.hpp"

namespace labhost {

namespace {

constexpr double kCancelSeconds = 180;  // for checkpoints to be written

}  // namespace

std::string counted_states(const std::vector<SlurmTask>& tasks) {
  std::map<std::string, std::int64_t> counts;
  for (const SlurmTask& task : tasks) ++counts[task.state];
  std::vector<std::string> parts;
  for (const auto& [state, count] : counts) parts.push_back(std::to_string(count) + " " + state);
  return parts.empty() ? "" : "Slurm: " + join(parts, ", ");
}

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
