// `labhost run FILE`: plan, train, report.
#include <unistd.h>

#include <cstdio>
#include <set>
#include <thread>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/sdk_library.hpp"
#include "core/report/report.hpp"
#include "core/runner/host/progress.hpp"
#include "core/runner/host/scheduler.hpp"
#include "core/runner/slurm/engine.hpp"

namespace labhost {

namespace {

namespace po = boost::program_options;

Parsed parse(const Arguments& arguments) {
  po::options_description options("options");
  options.add_options()                                                                   //
      ("profile", po::value<std::string>(), "sizes to run at: paper, quick, smoke, ...")  //
      ("only", po::value<std::vector<std::string>>()->composing(),
       "keep matching runs: 'task=neutral,algorithm=iql|maiql'")                      //
      ("seeds", po::value<std::string>(), "seeds instead of the file's: 0,1 or 0-9")  //
      ("set", po::value<std::vector<std::string>>()->composing(),
       "override a value: algorithm.moma-ppo.lambda_g=0")                                    //
      ("jobs,j", po::value<std::int64_t>(), "workers at a time (default: cores / threads)")  //
      ("engine", po::value<std::string>()->default_value("local"),
       "where runs run: local, or slurm (a cluster; [engine.slurm] in FILE)")      //
      ("detach", "with slurm: submit and return; the same command follows later")  //
      ("dry-run", "show the plan and what is done, run nothing")                   //
      ("skip-failed", "leave runs alone that failed before (default: try again)")  //
      ("plugin-path", po::value<std::vector<std::string>>()->composing(),
       "folder of plugins, searched first");
  add_store_option(options);
  po::options_description hidden;
  hidden.add_options()("file", po::value<std::string>(), "");
  po::positional_options_description positional;
  positional.add("file", 1);
  return parse_options(arguments, "labhost run FILE [options]",
                       "Trains what FILE asks for and is not done yet, then prints its table.",
                       options, hidden, positional);
}

std::vector<std::string> list(const po::variables_map& values, const char* name) {
  return values.count(name) != 0 ? values[name].as<std::vector<std::string>>()
                                 : std::vector<std::string>();
}

PlanOptions plan_options(const po::variables_map& values) {
  PlanOptions options;
  if (values.count("profile") != 0) options.profile = values["profile"].as<std::string>();
  if (values.count("seeds") != 0) options.seeds = values["seeds"].as<std::string>();
  options.set = list(values, "set");
  options.only = list(values, "only");
  return options;
}

std::int64_t job_count(const po::variables_map& values, const Plan& plan) {
  if (values.count("jobs") == 0) {
    const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
    return std::max<std::int64_t>(1, cores / plan.runner.threads);
  }
  const auto jobs = values["jobs"].as<std::int64_t>();
  if (jobs < 1) throw InputError("--jobs: expected at least 1, found " + std::to_string(jobs));
  return jobs;
}

const char* plan_state(const RunRow* row, bool at_slurm) {
  if (at_slurm) return "with Slurm";
  if (row == nullptr || row->status == "queued") return "to do";
  if (row->status == "completed") return "done";
  if (row->status == "running") {
    return liveness({row->host, row->pid, row->pid_start}) == Liveness::kDead ? "resumable"
                                                                              : "running";
  }
  return row->status == "failed" ? "failed" : "resumable";
}

/// Prints the plan grouped by task and algorithm; a line per group, not per run.
int dry_run(const Plan& plan, const std::filesystem::path& store_file, std::int64_t jobs) {
  std::map<std::string, RunRow> rows;
  std::map<std::string, double> speeds;
  std::set<std::string> at_slurm;
  if (std::filesystem::exists(store_file)) {
    Store store(store_file, Store::Access::kReadOnly);
    std::vector<std::string> keys;
    for (const RunSpec& run : plan.runs) keys.push_back(run.run_key);
    rows = store.runs_by_key(keys);
    speeds = seconds_per_update(store);
    for (const SlurmTask& task : SlurmTasks(store).all()) at_slurm.insert(task.run_key);
  }
  std::vector<std::pair<std::string, std::map<std::string, int>>> groups;
  std::map<std::string, int> totals;
  std::map<std::string, std::int64_t> open_steps;
  for (const RunSpec& run : plan.runs) {
    const auto found = rows.find(run.run_key);
    const RunRow* row = found == rows.end() ? nullptr : &found->second;
    const std::string state = plan_state(row, at_slurm.count(run.run_key) > 0);
    std::string name = run.task + " " + run.algorithm + ", " + std::to_string(run.total_steps) +
                       " updates" + (run.reported ? "" : " (needed)");
    if (groups.empty() || groups.back().first != name)
      groups.emplace_back(std::move(name), std::map<std::string, int>());
    ++groups.back().second[state];
    ++totals[state];
    if (state != "done") open_steps[run.method.plugin] += run.total_steps - (row ? row->step : 0);
  }
  std::printf("%s, profile %s: %zu runs\n", plan.experiment.c_str(), plan.profile.c_str(),
              plan.runs.size());
  const auto counts = [](const std::map<std::string, int>& states) {
    std::vector<std::string> parts;
    for (const auto& [state, count] : states) parts.push_back(std::to_string(count) + " " + state);
    return join(parts, ", ");
  };
  for (const auto& [name, states] : groups) {
    std::printf("  %s: %s\n", name.c_str(), counts(states).c_str());
  }
  std::printf("total: %s\n", counts(totals).c_str());
  if (open_steps.empty()) return kOk;
  const auto seconds = estimate_seconds(open_steps, speeds, jobs);
  std::printf("estimated time with %lld workers: %s\n", static_cast<long long>(jobs),
              seconds ? format_duration(*seconds).c_str()
                      : "unknown until a run of each algorithm has finished in this store");
  return kOk;
}

int summarise(const ScheduleResult& result, const Plan& plan) {
  std::fprintf(stderr, "%s: %lld runs completed now, %lld before, %zu failed, %zu not started\n",
               plan.experiment.c_str(), static_cast<long long>(result.completed),
               static_cast<long long>(result.already), result.failed.size(), result.blocked.size());
  for (const std::string& line : result.failed)
    std::fprintf(stderr, "  failed: %s\n", line.c_str());
  for (const std::string& line : result.blocked) {
    std::fprintf(stderr, "  not started: %s\n", line.c_str());
  }
  for (const std::string& line : result.cancelled) {
    std::fprintf(stderr, "  cancelled: %s\n", line.c_str());
  }
  if (result.stopped) std::fprintf(stderr, "stopped; the same command goes on where it was\n");
  return result.failed.empty() && result.blocked.empty() && result.cancelled.empty() &&
                 !result.stopped
             ? kOk
             : kRunFailed;
}

int print_table(Store& store, const Plan& plan, int code) {
  const Table table = load_table(store, plan.experiment, plan.profile);
  std::printf("%s", render_table(table, TableFormat::kText, /*compare_paper=*/false).c_str());
  return code;
}

int say_detached(const ScheduleResult& result, Store& store) {
  const auto waiting = static_cast<long long>(SlurmTasks(store).all().size());
  std::fprintf(stderr,
               "%lld runs are with Slurm, %lld completed; `labhost status` tells how they go, the "
               "same command without --detach follows them, `labhost cancel` ends them\n",
               waiting, static_cast<long long>(result.already + result.completed));
  for (const std::string& line : result.failed)
    std::fprintf(stderr, "  failed: %s\n", line.c_str());
  for (const std::string& line : result.blocked) {
    std::fprintf(stderr, "  not started: %s\n", line.c_str());
  }
  return result.failed.empty() && result.blocked.empty() ? kOk : kRunFailed;
}

/// Two engines at once would compute a run twice.
void refuse_if_at_slurm(Store& store, const Plan& plan) {
  std::set<std::string> keys;
  for (const RunSpec& run : plan.runs) keys.insert(run.run_key);
  std::int64_t count = 0;
  std::string job;
  for (const SlurmTask& task : SlurmTasks(store).all()) {
    if (keys.count(task.run_key) == 0) continue;
    ++count;
    job = task.job;
  }
  if (count == 0) return;
  throw InputError(std::to_string(count) + " runs of this plan are with Slurm (job " + job +
                   "...); `--engine slurm` follows them, `labhost cancel` ends them");
}

/// The file as named; where there is none, the experiment of this name that labhost comes with:
/// `labhost run table3` and `labhost run experiments/table3.toml` also work far from the source.
std::filesystem::path experiment_file(const std::string& name) {
  std::error_code ignored;
  const std::filesystem::path given(name);
  if (std::filesystem::exists(given, ignored) || given.is_absolute()) return given;
  std::filesystem::path file = given.filename();
  if (file.extension() != ".toml") file += ".toml";
  const std::filesystem::path parent = given.parent_path();
  if (!parent.empty() && parent != "experiments") return given;
  const std::filesystem::path installed =
      executable_path().parent_path().parent_path() / "share/labhost/experiments";
  for (const auto& folder : {std::filesystem::path("experiments"), installed}) {
    if (std::filesystem::exists(folder / file, ignored)) return folder / file;
  }
  return given;  // make_plan says that it does not exist
}

}  // namespace

int run_command(const Arguments& arguments) {
  const Parsed parsed = parse(arguments);
  if (parsed.help) return kOk;
  const po::variables_map& values = parsed.values;
  if (values.count("file") == 0) {
    throw InputError("run: expected an experiment file, e.g. labhost run experiments/table3.toml");
  }
  const std::string engine = values["engine"].as<std::string>();
  if (engine != "local" && engine != "slurm") {
    throw InputError("--engine: expected local or slurm, found '" + engine + "'" +
                     suggestion(engine, {"local", "slurm"}));
  }
  if (values.count("detach") != 0 && engine != "slurm") {
    throw InputError(
        "--detach: expected --engine slurm beside it; local workers end with their host");
  }
  const Catalogue catalogue =
      Catalogue::discover(plugin_search_path(list(values, "plugin-path")), [](const auto& library) {
        return worker_output({"describe", library});
      });
  const Plan plan =
      make_plan(experiment_file(values["file"].as<std::string>()), plan_options(values), catalogue);
  const std::int64_t jobs = job_count(values, plan);
  if (values.count("dry-run") != 0) return dry_run(plan, store_path(values), jobs);

  Store store(store_path(values), Store::Access::kReadWrite);
  store.record_plan(plan);
  ScheduleOptions options;
  options.jobs = jobs;
  options.skip_failed = values.count("skip-failed") != 0;
  options.command_line = "labhost run " + join(arguments, " ");
  if (engine == "slurm") {
    options.jobs = values.count("jobs") != 0 ? jobs : 0;
    SlurmEngine slurm(plan, store, catalogue, options);
    if (values.count("detach") != 0) return say_detached(slurm.detach(), store);
    const int code = summarise(slurm.follow(), plan);
    return print_table(store, plan, code);
  }
  refuse_if_at_slurm(store, plan);
  return print_table(store, plan,
                     summarise(Scheduler(plan, store, catalogue, options).execute(), plan));
}

}  // namespace labhost
