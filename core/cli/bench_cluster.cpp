#include "core/cli/bench_cluster.hpp"

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/files.hpp"
#include "core/base/scratch_folder.hpp"
#include "core/base/subprocess.hpp"
#include "core/experiment/plan.hpp"
#include "core/sdk/error.hpp"
#include "core/store/merge.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kShards = 1000, kSeries = 20, kSteps = 50, kRuns = 40;

std::string key_of(std::int64_t number) { return "run-" + std::to_string(number); }

Plan many_runs() {
  Plan plan;
  plan.experiment = "bench";
  plan.profile = "paper";
  for (std::int64_t i = 0; i < kShards; ++i) {
    RunSpec run;
    run.task = "task";
    run.algorithm = "algorithm-" + std::to_string(i % 100);
    run.seed = i / 100;
    run.total_steps = kSteps;
    run.run_key = key_of(i);
    plan.runs.push_back(run);
  }
  return plan;
}

/// A run's shard as its task leaves it: all metrics, completed.
fs::path write_shard(const Store& main, std::int64_t number) {
  Store shard(main.shard_of(std::to_string(number)), Store::Access::kReadWrite);
  StoreMerger(shard, main.file()).take_runs({key_of(number)});
  const std::int64_t attempt = shard.claim(1, this_process(), 60).value();
  MetricWriter writer(shard.file(), 1, attempt);
  for (std::int64_t series = 0; series < kSeries; ++series) {
    for (std::int64_t step = 0; step < kSteps; ++step) {
      writer.add(MetricRow{"series/" + std::to_string(series), step, 0.5, 0.0});
    }
  }
  writer.flush();
  shard.complete(1, attempt, 0.5, {}, 1.0);
  return shard.file();
}

void check(const ProgramEnd& end) {
  if (!end.succeeded()) throw InputError("bench: labhost run failed: " + end.err);
}

}  // namespace

void bench_merge() {
  const ScratchFolder folder("bench");
  Store target(folder.path() / "labhost.sqlite", Store::Access::kReadWrite);
  target.record_plan(many_runs());
  std::vector<fs::path> shards;
  for (std::int64_t i = 0; i < kShards; ++i) shards.push_back(write_shard(target, i));
  const auto merge_all = [&] {
    for (const fs::path& shard : shards) StoreMerger(target, shard).take();
    link_needs(target);
  };
  const double seconds = seconds_of(merge_all);
  const auto rows = static_cast<double>(kShards * kSeries * kSteps);
  // What no merge can avoid: the same rows from one table to another, in one statement.
  Store copy(folder.path() / "copy.sqlite", Store::Access::kReadWrite);
  copy.record_plan(many_runs());
  const double floor = copy_metrics(target, copy);
  std::printf(
      "merge of %lld shards: %.2f s, %.1f ms a shard, %.0f metric rows/s; the rows alone: "
      "%.2f s (%.2f of the time)\n",
      static_cast<long long>(kShards), seconds, 1e3 * seconds / kShards, rows / seconds, floor,
      floor / seconds);
  std::printf("again, where all is known: %.2f s\n", seconds_of(merge_all));
}

void bench_slurm() {
  const ScratchFolder folder("bench");
  const fs::path file = folder.path() / "short.toml";
  write_atomically(file, "[experiment]\nseeds = " + std::to_string(kRuns) + R"(
tasks = ["neutral"]
algorithms = ["ibc"]
[task.neutral]
environment = { plugin = "coordination-game" }
dataset = { plugin = "coordination", size = 500 }
[algorithm.ibc]
steps = 100
hidden = 16
[engine.slurm]
mem = "200M"
)");
  const auto run = [&](const std::string& engine) {
    const fs::path store = folder.path() / engine / "labhost.sqlite";
    return seconds_of([&] {
      check(run_to_end({executable_path().string(), "run", file.string(), "--engine", engine,
                        "--jobs", "2", "--store", store.string()}));
    });
  };
  const double local = run("local"), slurm = run("slurm");
  std::printf(
      "%lld runs of 100 updates, 2 at a time: here %.1f s, with Slurm %.1f s: %.2f s more a "
      "run and worker\n",
      static_cast<long long>(kRuns), local, slurm, 2 * (slurm - local) / kRuns);
}

}  // namespace labhost
