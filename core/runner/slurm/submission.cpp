#include "core/runner/slurm/submission.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/sdk/error.hpp"
#include "core/store/merge.hpp"
#include "core/store/slurm_tasks.hpp"

namespace labhost {
namespace {

namespace fs = std::filesystem;

/// One word for the shell, whatever is in it.
std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

std::string script_of(const fs::path& folder, std::int64_t threads,
                      const std::vector<std::string>& setup) {
  std::string script = "#!/bin/sh\nset -e\n";
  for (const std::string& line : setup) script += line + "\n";
  // In the place of the shell: Slurm's signals reach the worker at once.
  return script + "exec " + quoted(executable_path().string()) + " worker task " +
         quoted(folder.string()) + " " + std::to_string(threads) + "\n";
}

}  // namespace

std::string Submission::to_text() const {
  nlohmann::json list = nlohmann::json::array();
  for (const SubmittedTask& task : tasks) {
    list.push_back({{"uuid", task.uuid}, {"run_key", task.run_key}, {"needs", task.needs}});
  }
  return nlohmann::json{{"job", job.to_text()},
                        {"max_attempts", max_attempts},
                        {"submitter", {submitter.host, submitter.pid, submitter.start}},
                        {"tasks", list}}
      .dump(1);
}

Submission Submission::from_text(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text);
  Submission submission;
  submission.job = Job::from_text(json.at("job").get<std::string>());
  submission.max_attempts = json.at("max_attempts");
  const nlohmann::json& submitter = json.at("submitter");
  submission.submitter = {submitter.at(0), submitter.at(1), submitter.at(2)};
  for (const nlohmann::json& task : json.at("tasks")) {
    submission.tasks.push_back(
        {task.at("uuid"), task.at("run_key"),
         task.at("needs").get<std::vector<std::pair<std::string, std::string>>>()});
  }
  return submission;
}

fs::path submission_folder(const Store& store, const std::string& name) {
  return store.folder() / kSharedFolder / name;
}

void write_submission(Store& store, const std::string& name, const Submission& submission,
                      const std::vector<std::string>& setup) {
  const fs::path folder = submission_folder(store, name);
  fs::create_directories(folder);
  fs::create_directories(store.shard_of("any").parent_path());
  {
    std::vector<std::string> runs, needs;
    for (const SubmittedTask& task : submission.tasks) {
      runs.push_back(task.run_key);
      for (const auto& [run_key, uuid] : task.needs) needs.push_back(run_key);
    }
    Store plan(folder / "plan.sqlite", Store::Access::kReadWrite);
    StoreMerger merger(plan, store.file());
    merger.take_runs(runs);
    merger.take_references(needs);
  }
  write_atomically(folder / "script.sh", script_of(folder, submission.job.runner.threads, setup));
  write_atomically(folder / "tasks.json", submission.to_text());
}

namespace {

std::optional<RunRow> take_existing(Store& store, const fs::path& file,
                                    const std::string& run_key) {
  std::optional<RunRow> row;
  {
    // Rolls back what a killed task left half-written; never makes a shard.
    Store shard(file, Store::Access::kReadOnly);
    const auto rows = shard.runs_by_key({run_key});
    if (rows.empty()) return std::nullopt;
    row = rows.begin()->second;
  }
  if (row->status == "queued") return row;
  if (row->status != "running") {
    StoreMerger(store, file).take_runs({run_key});
    return row;
  }
  const auto here = store.runs_by_key({run_key});
  if (!here.empty()) store.show_progress(here.begin()->second.id, *row);
  return row;
}

}  // namespace

std::optional<RunRow> take_shard(Store& store, const std::string& uuid,
                                 const std::string& run_key) {
  const fs::path file = store.shard_of(uuid);
  std::error_code error;
  if (!fs::exists(file, error)) return std::nullopt;
  try {
    return take_existing(store, file, run_key);
  } catch (const InputError&) {
    // Another follower may have taken it in and removed it at this moment.
    if (fs::exists(file, error)) throw;
    return std::nullopt;
  }
}

namespace {

/// tasks.json of a submission's folder; nothing where it is being written, or removed by another
/// process at this moment.
std::optional<Submission> read_submission(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder / "tasks.json", error)) return std::nullopt;
  try {
    return Submission::from_text(read_file(folder / "tasks.json"));
  } catch (const InputError&) {
    return std::nullopt;
  }
}

/// Takes the shard in and removes it. One that is still being written stays.
void end_shard(Store& store, const std::string& uuid, const std::string& run_key) {
  const auto row = take_shard(store, uuid, run_key);
  if (row && row->status == "running") return;
  std::error_code error;
  for (const char* suffix : {"", "-journal", ".lock"}) {
    fs::remove(store.shard_of(uuid).string() + suffix, error);
  }
}

}  // namespace

void wind_up_submissions(Store& store) {
  std::error_code error;
  std::vector<fs::path> folders;
  for (fs::directory_iterator it(store.folder() / kSharedFolder, error), end; !error && it != end;
       it.increment(error)) {
    folders.push_back(it->path());
  }
  // After the folders were listed: runs are handed to Slurm before their folder is made.
  std::set<std::string> live, kept;
  for (const SlurmTask& task : SlurmTasks(store).all()) {
    live.insert(task.submission);
    kept.insert(task.uuid);
  }
  std::vector<SubmittedTask> ended;
  for (const fs::path& folder : folders) {
    const std::optional<Submission> submission = read_submission(folder);
    if (!submission) continue;
    if (live.count(folder.filename().string()) > 0) {
      // Its tasks may still look for what they need where it was computed.
      for (const SubmittedTask& task : submission->tasks) {
        for (const auto& [run_key, uuid] : task.needs) kept.insert(uuid);
      }
      continue;
    }
    ended.insert(ended.end(), submission->tasks.begin(), submission->tasks.end());
    for (const SubmittedTask& task : submission->tasks) {
      // Shards of needed runs that outlived their own submission for these tasks.
      for (const auto& [run_key, uuid] : task.needs) ended.push_back({uuid, run_key, {}});
    }
    // The folder before the shards: without it a task ends at once, with it it would make its
    // shard anew.
    fs::remove_all(folder, error);
  }
  for (const SubmittedTask& task : ended) {
    if (kept.count(task.uuid) == 0) end_shard(store, task.uuid, task.run_key);
  }
  // Only when it is empty; then the store is shared no longer.
  fs::remove(store.folder() / kSharedFolder, error);
  fs::remove(store.shard_of("any").parent_path(), error);
  link_needs(store);
}

}  // namespace labhost
