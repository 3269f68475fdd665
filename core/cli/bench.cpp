// `labhost bench [store|start|plan|merge|env|data|algo|moma|slurm]`: speed, as ratios within one
// run where that is possible.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "core/base/files.hpp"
#include "core/base/scratch_folder.hpp"
#include "core/base/text.hpp"
#include "core/cli/bench_cluster.hpp"
#include "core/cli/command.hpp"
#include "core/cli/sdk_library.hpp"
#include "core/report/report.hpp"
#include "core/store/store.hpp"

namespace labhost {

namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

const std::vector<std::string> kAlgorithms = {"ibc",         "iql",      "maiql", "maiql-ft",
                                              "itd3-bc",     "matd3-bc", "icql",  "iomar",
                                              "world-model", "moma-ppo"};
constexpr std::int64_t kRuns = 10000, kSeries = 100, kMetricRows = 1000000;

/// Median wall seconds of this executable with `arguments`, output discarded, as a whole process.
double process_seconds(const std::vector<std::string>& arguments) {
  std::vector<double> samples;
  std::fflush(stdout);  // the child would write what is buffered once more
  for (int i = 0; i < 7; ++i) {
    samples.push_back(seconds_of([&] {
      const pid_t child = fork();
      if (child == 0) {
        std::vector<const char*> argv = {"labhost"};
        for (const std::string& argument : arguments) argv.push_back(argument.c_str());
        argv.push_back(nullptr);
        const int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execv(executable_path().c_str(), const_cast<char* const*>(argv.data()));
        _exit(127);
      }
      waitpid(child, nullptr, 0);
    }));
  }
  std::nth_element(samples.begin(), samples.begin() + 3, samples.end());
  return samples[3];
}

/// A plan of `runs` runs that no plugin has to exist for.
Plan synthetic_plan(std::int64_t runs) {
  Plan plan;
  plan.experiment = "bench";
  plan.profile = "paper";
  const std::int64_t tasks = 10, algorithms = 10;
  for (std::int64_t i = 0; i < runs; ++i) {
    RunSpec run;
    run.task = "task-" + std::to_string(i % tasks);
    run.algorithm = "algorithm-" + std::to_string(i / tasks % algorithms);
    run.seed = i / (tasks * algorithms);
    run.environment.plugin = run.task;
    run.dataset.plugin = "dataset";
    run.method.plugin = run.algorithm;
    run.total_steps = 1000;
    run.run_key = run.task + run.algorithm + std::to_string(run.seed);
    plan.runs.push_back(run);
  }
  for (std::int64_t i = 0; i < tasks; ++i) plan.layout.rows.push_back("task-" + std::to_string(i));
  for (std::int64_t i = 0; i < algorithms; ++i) {
    plan.layout.columns.push_back("algorithm-" + std::to_string(i));
  }
  return plan;
}

void bench_store() {
  const ScratchFolder folder("bench");
  const fs::path file = folder.path() / "bench.sqlite";
  Store store(file, Store::Access::kReadWrite);
  const Plan plan = synthetic_plan(kRuns);
  std::printf("record a plan of %lld runs: %.2f s\n", static_cast<long long>(kRuns),
              seconds_of([&] { store.record_plan(plan); }));

  const std::int64_t id = store.query("SELECT MIN(id) FROM run").rows.empty() ? 0 : 1;
  const auto attempt = store.claim(id, this_process(), 60).value();
  double in_caller = 0;
  const double total = seconds_of([&] {
    MetricWriter writer(file, id, attempt);
    in_caller = seconds_of([&] {
      for (std::int64_t i = 0; i < kMetricRows; ++i) {
        writer.add(MetricRow{"series/" + std::to_string(i % 10), i / 10, 1.0, 0.0});
      }
    });
    writer.flush();
  });
  std::printf("metrics: %.0f rows/s written and synced; %.0f ns a row on the training thread\n",
              kMetricRows / total, 1e9 * in_caller / kMetricRows);

  store.query("SELECT 1");
  const double fill = seconds_of([&] {
    for (std::int64_t run = 2; run <= kRuns; ++run) {
      const auto claimed = store.claim(run, this_process(), 60).value();
      if (run % 100 == 0) {
        MetricWriter writer(file, run, claimed);
        for (std::int64_t series = 0; series < kSeries; ++series) {
          for (std::int64_t step = 0; step < 100; ++step) {
            writer.add(MetricRow{"series/" + std::to_string(series), step, 0.5, 0.0});
          }
        }
        writer.flush();
      }
      store.complete(run, claimed, 0.5, {}, 1.0);
    }
  });
  std::printf("claim and complete %lld runs, 1 in 100 with %lld series: %.1f s\n",
              static_cast<long long>(kRuns), static_cast<long long>(kSeries), fill);
  std::printf("report of %lld runs: %.3f s\n", static_cast<long long>(kRuns), seconds_of([&] {
                render_table(load_table(store, "bench", std::nullopt), TableFormat::kText, false);
              }));
  const std::string path = file.string();
  std::printf("as whole processes: report %.3f s, status %.3f s, runs %.3f s, sql %.3f s\n",
              process_seconds({"report", "bench", "--store", path}),
              process_seconds({"status", "--store", path}),
              process_seconds({"runs", "--store", path}),
              process_seconds({"sql", "SELECT COUNT(*) FROM run", "--store", path}));
}

void bench_start() {
  const ScratchFolder folder("bench");
  const std::string path = (folder.path() / "bench.sqlite").string();
  { Store store(path, Store::Access::kReadWrite); }
  std::printf(
      "start to end, whole processes: --version %.1f ms, status %.1f ms, runs %.1f ms, "
      "sql %.1f ms, plugins list %.1f ms\n",
      1e3 * process_seconds({"--version"}), 1e3 * process_seconds({"status", "--store", path}),
      1e3 * process_seconds({"runs", "--store", path}),
      1e3 * process_seconds({"sql", "SELECT 1", "--store", path}),
      1e3 * process_seconds({"plugins", "list"}));
  const double load = process_seconds({"worker", "bench", "load"});
  std::printf(
      "a process that loads LibTorch: %.0f ms; a worker is forked from one that has done so\n",
      1e3 * load);
}

void bench_plan() {
  const ScratchFolder folder("bench");
  const fs::path file = folder.path() / "plan.toml";
  std::string text =
      "[experiment]\nseeds = 125\ntasks = [\"a\", \"b\"]\nalgorithms = [\"ibc\", \"maiql\"]\n";
  for (const char* task : {"a", "b"}) {
    text += std::string("[task.") + task +
            "]\nenvironment = { plugin = \"coordination-game\", rounds = " +
            (*task == 'a' ? "5" : "6") + " }\ndataset = { plugin = \"coordination\" }\n";
  }
  text += "[algorithm.ibc]\nsteps = 10\n[algorithm.maiql]\nsteps = 10\n";
  write_atomically(file, text);
  std::printf("dry run of a 500-run plan: %.0f ms\n",
              1e3 * process_seconds({"run", file.string(), "--dry-run", "--store",
                                     (folder.path() / "none.sqlite").string()}));
}

/// In a process of its own, where BLAS and LibTorch are as a worker has them.
int bench_plugins(const std::string& part, const std::vector<std::string>& names,
                  const std::vector<std::string>& settings = {}) {
  std::vector<std::string> arguments = {"bench", part};
  arguments.insert(arguments.end(), settings.begin(), settings.end());
  const fs::path folder =
      executable_path().parent_path().parent_path() / "lib" / "labhost" / "plugins";
  for (const std::string& name : names) arguments.push_back((folder / (name + ".so")).string());
  return worker_status(arguments);
}

}  // namespace

int bench_command(const Arguments& arguments) {
  po::options_description options("options"), hidden;
  options.add_options()("algorithm", po::value<std::vector<std::string>>()->composing(),
                        "algo: only this one (repeatable)")(
      "set", po::value<std::vector<std::string>>()->composing(),
      "algo, moma: PARAMETER=VALUE in the place of the default (repeatable)");
  hidden.add_options()("what", po::value<std::vector<std::string>>()->composing(), "");
  po::positional_options_description positional;
  positional.add("what", -1);
  const Parsed parsed = parse_options(
      arguments,
      "labhost bench [store] [start] [plan] [merge] [env] [data] [algo] [moma] [slurm]\n"
      "                     [--algorithm NAME] [--set KEY=VALUE]",
      "Measures the store, start-up times, planning, merging, environments beside their bare "
      "simulators,\n"
      "batches with histories, and each algorithm's update beside the time that its matrix "
      "products\n"
      "alone would take; moma: the world model, rollouts and PPO at the paper's size, beside the\n"
      "released code too (all these when nothing is named); slurm: what a task costs on the "
      "cluster of\n"
      "this machine, beside the local engine.",
      options, hidden, positional);
  if (parsed.help) return kOk;
  const std::vector<std::string> known = {"store", "start", "plan", "merge", "env",
                                          "data",  "algo",  "moma", "slurm"};
  // slurm needs a cluster, so it is measured only when it is named.
  std::vector<std::string> wanted(known.begin(), known.end() - 1);
  if (parsed.values.count("what") != 0) {
    wanted = parsed.values["what"].as<std::vector<std::string>>();
  }
  std::vector<std::string> algorithms = kAlgorithms, settings;
  if (parsed.values.count("algorithm") != 0) {
    algorithms = parsed.values["algorithm"].as<std::vector<std::string>>();
  }
  for (const std::string& name : algorithms) {
    if (std::find(kAlgorithms.begin(), kAlgorithms.end(), name) == kAlgorithms.end()) {
      throw InputError("bench: unknown algorithm '" + name + "'" + suggestion(name, kAlgorithms));
    }
  }
  if (parsed.values.count("set") != 0) {
    settings = parsed.values["set"].as<std::vector<std::string>>();
  }
  for (const std::string& setting : settings) {
    if (setting.find('=') == std::string::npos) {
      throw InputError("bench: --set takes PARAMETER=VALUE, not '" + setting + "'");
    }
  }
  for (const std::string& what : wanted) {
    if (std::find(known.begin(), known.end(), what) == known.end()) {
      throw InputError("bench: unknown part '" + what + "'" + suggestion(what, known));
    }
  }
  for (const std::string& what : wanted) {
    if (what == "store") bench_store();
    if (what == "start") bench_start();
    if (what == "plan") bench_plan();
    if (what == "merge") bench_merge();
    if (what == "slurm") bench_slurm();
    std::fflush(stdout);
    int status = kOk;
    if (what == "env") status = bench_plugins("env", {"ant", "reacher"});
    if (what == "data") status = bench_plugins("data", {"ant", "ibc"});
    if (what == "algo") {
      status = bench_plugins("algo", algorithms, settings);
    }
    if (what == "moma") status = bench_plugins("moma", {"world-model", "moma-ppo"}, settings);
    if (status != kOk) return kRunFailed;
  }
  return kOk;
}

}  // namespace labhost
