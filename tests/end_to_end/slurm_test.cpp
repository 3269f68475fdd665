// `--engine slurm` on a real Slurm: the same numbers as here, whatever is killed meanwhile.
#include <csignal>
#include <cstdlib>
#include <thread>

#include "tests/end_to_end/cluster.hpp"

namespace labhost::testing {

namespace {

/// Six runs of some seconds, a checkpoint five times a second.
constexpr char kSweep[] = R"([experiment]
tasks = ["neutral"]
algorithms = ["ibc"]
seeds = 6

[task.neutral]
environment = { plugin = "coordination-game" }
dataset = { plugin = "coordination", behaviour = "neutral", size = 500 }

[algorithm.ibc]
steps = 9000
hidden = 16

[evaluation]
episodes = 10
every = 500
episodes_during = 2

[run]
checkpoint_seconds = 0.2

[engine.slurm]
poll_seconds = 0.5
mem = "100M"
)";

/// Runs that wait at every update and compute next to nothing.
std::string slow_runs(int steps, int seeds, const std::string& slurm) {
  return "[experiment]\ntasks = [\"neutral\"]\nalgorithms = [\"misbehaving\"]\nseeds = " +
         std::to_string(seeds) + R"(
[task.neutral]
environment = { plugin = "coordination-game" }
dataset = { plugin = "coordination", behaviour = "neutral", size = 500 }
[algorithm.misbehaving]
log_every = 1
steps = )" +
         std::to_string(steps) + "\n[run]\ncheckpoint_seconds = 1\n[engine.slurm]\n" +
         "poll_seconds = 0.5\nmem = \"100M\"\n" + slurm;
}

void use(Workplace& place, const Cluster& cluster, const std::string& plugins = "") {
  place.surroundings.variables.insert(cluster.variables().begin(), cluster.variables().end());
  if (!plugins.empty()) {
    place.surroundings.variables["LABHOST_PLUGIN_PATH"] = fixture(plugins).string();
  }
}

fs::path shard_of(const Workplace& place, int seed) {
  const std::string uuid =
      value(place.store(), "SELECT uuid FROM run WHERE seed = " + std::to_string(seed));
  return place.scratch / ("results/shards/" + uuid + ".sqlite");
}

/// Process and job of a run that has done `step` updates at Slurm.
struct RunningTask {
  pid_t pid = 0;
  std::string job, node;
};

RunningTask running_task(const Workplace& place, const Cluster& cluster, int seed, int step) {
  RunningTask task;
  const fs::path shard = shard_of(place, seed);
  const std::string sql =
      "SELECT pid FROM run WHERE reference = 0 AND status = 'running' AND step > " +
      std::to_string(step);
  REQUIRE(eventually(60, [&] { return fs::exists(shard) && rows(shard, sql).size() == 1; }));
  task.pid = std::stoi(value(shard, sql));
  task.job =
      value(place.store(), "SELECT job FROM slurm_task JOIN run ON id = run_id WHERE seed = " +
                               std::to_string(seed));
  task.node = cluster.ask({"squeue", "--noheader", "--jobs=" + task.job, "--format=%N"});
  return task;
}

void check_tidy(const Workplace& place) {
  CHECK_FALSE(fs::exists(place.scratch / "results/shards"));
  CHECK(run_program({"find", "results", "-path", "*slurm*"}, place.surroundings).out == "");
  CHECK(value(place.store(), "SELECT count(*) FROM slurm_task") == "0");
  CHECK(integrity(place.store()) == "ok");
}

}  // namespace

TEST_CASE("Table 3 on four nodes: every row as the local engine's, bit for bit") {
  if (!Cluster::available()) return;
  const Cluster cluster;
  Workplace here, there;
  use(there, cluster);
  const Words command = {"run",       std::string(LABHOST_SOURCE) + "/experiments/table3.toml",
                         "--profile", "smoke",
                         "--seeds",   "0,1"};
  Words at_slurm = command;
  at_slurm.insert(at_slurm.end(), {"--engine", "slurm", "--set", "engine.slurm.poll_seconds=0.5"});
  const Outcome local = here.labhost(command, 300), remote = there.labhost(at_slurm, 300);
  CHECK(local.code == 0);
  CHECK_MESSAGE(remote.code == 0, remote.text());
  CHECK(remote.out == local.out);
  CHECK(contains(remote.err, "submitted"));
  CHECK(results(there.store()) == results(here.store()));
  for (const char* sql :
       {"SELECT experiment, profile, task, algorithm, seeds, mean, sem, paper_mean FROM cell "
        "ORDER BY 1, 2, 3, 4",
        "SELECT r.run_key, n.run_key FROM run_needs JOIN run r ON r.id = run_needs.run_id "
        "JOIN artifact a ON a.id = artifact_id JOIN run n ON n.id = a.run_id ORDER BY 1, 2",
        "SELECT run_key, kind, sha256 FROM artifact JOIN run ON run.id = run_id ORDER BY 1, 2"}) {
    CHECK(rows(there.store(), sql) == rows(here.store(), sql));
    CHECK_FALSE(rows(there.store(), sql).empty());
  }
  check_tidy(there);
  // Everything is done: nothing is submitted, and a local run finds nothing to do either.
  CHECK(contains(there.labhost(at_slurm).err, "0 runs completed now, 27 before"));
  CHECK(contains(there.labhost(command).err, "0 runs completed now, 27 before"));
}

TEST_CASE("tasks, a node, slurmctld and the follower are killed: every run completes once") {
  if (!Cluster::available()) return;
  Cluster cluster;
  // Meanwhile a run that its time limit cuts off, which takes more than a minute: Slurm looks at
  // limits every half minute. On a cluster of its own, whose slurmctld nobody kills.
  const Cluster quiet(1);
  Workplace limited;
  use(limited, quiet, "slow-update");
  limited.write(slow_runs(3000, 1, "time = \"1\"\nsignal_seconds = 50\n"));
  const auto limited_run = limited.start({"--engine", "slurm"});

  Workplace place, here;
  use(place, cluster);
  place.write(kSweep);
  here.write(kSweep);
  auto process = place.start({"--engine", "slurm"});

  // A task, with -9. Slurm does not start it again, the follower does.
  REQUIRE(eventually(60, [&] { return rows(place.store(), "SELECT * FROM run").size() == 6; }));
  const RunningTask first = running_task(place, cluster, 0, 600);
  kill(first.pid, SIGKILL);

  // A requeue, as an administrator asks for it.
  const RunningTask second = running_task(place, cluster, 1, 600);
  cluster.ask({"scontrol", "requeue", second.job});

  // A node.
  const RunningTask third = running_task(place, cluster, 2, 600);
  cluster.lose_node(third.node, third.pid);

  // The follower, and another takes its place.
  running_task(place, cluster, 3, 600);
  process->signal(SIGKILL);
  process->wait(10);
  process = place.start({"--engine", "slurm"});

  // slurmctld, twice: it may start tasks again that have ended.
  cluster.restart_controller(SIGTERM);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  cluster.restart_controller(SIGKILL);
  cluster.bring_back(third.node);

  const Outcome outcome = process->wait(240);
  CHECK_MESSAGE(outcome.code == 0, outcome.text());
  CHECK(here.run({}, 120).code == 0);
  CHECK(results(place.store()) == results(here.store()));
  CHECK(value(place.store(), "SELECT count(*) FROM run WHERE status = 'completed'") == "6");
  CHECK(value(place.store(), "SELECT attempt > 1 AND lost >= 1 FROM run WHERE seed = 0") == "1");
  CHECK(value(place.store(), "SELECT attempt > 1 FROM run WHERE seed = 1") == "1");
  CHECK(value(place.store(), "SELECT attempt > 1 AND lost >= 1 FROM run WHERE seed = 2") == "1");
  check_tidy(place);

  const Outcome cut_off = limited_run->wait(240);
  CHECK_MESSAGE(cut_off.code == 0, cut_off.text());
  CHECK(value(limited.store(), "SELECT attempt > 1 FROM run") == "1");
  CHECK(value(limited.store(), "SELECT lost FROM run") == "0");
  CHECK(value(limited.store(), "SELECT count(*) FROM metric WHERE name = 'fixture/loss'") ==
        "3000");
  check_tidy(limited);
}

TEST_CASE("what fails at Slurm is told with its reason, and tried again only where that helps") {
  if (!Cluster::available()) return;
  const Cluster cluster(2);
  SUBCASE("a crash: max_attempts times, with Slurm's word for it and the log") {
    Workplace place;
    use(place, cluster, "crashing-update");
    place.write(slow_runs(10, 1, "max_attempts = 2\n"));
    const Outcome outcome = place.run({"--engine", "slurm"}, 90);
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "trying again (1 of 2 attempts lost)"));
    CHECK(contains(outcome.err, "failed: neutral misbehaving seed 0: Slurm: FAILED"));
    CHECK(contains(outcome.err, "started, attempt 2"));  // of its log
    CHECK(value(place.store(), "SELECT status || attempt || lost FROM run") == "failed22");
    CHECK(contains(value(place.store(), "SELECT error FROM run"), "SIGSEGV"));
    check_tidy(place);
    // Asked for again, it is tried again.
    CHECK(place.run({"--engine", "slurm"}, 90).code == 1);
    CHECK(value(place.store(), "SELECT attempt FROM run") == "4");
  }
  SUBCASE("an error of the run's own: once") {
    Workplace place;
    use(place, cluster, "throwing-update");
    place.write(slow_runs(10, 1, ""));
    const Outcome outcome = place.run({"--engine", "slurm"}, 90);
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "thrown by update on purpose"));
    CHECK(value(place.store(), "SELECT status || attempt FROM run") == "failed1");
    check_tidy(place);
  }
  SUBCASE("what it is needed for is not started") {
    Workplace place;
    use(place, cluster, "throwing-update");
    place.write(R"([experiment]
tasks = ["derived"]
algorithms = ["ibc"]
seeds = 2
[task.neutral]
environment = { plugin = "coordination-game" }
dataset = { plugin = "coordination", size = 500 }
[task.derived]
environment = { plugin = "coordination-game" }
dataset = { plugin = "collected", needs.run = { algorithm = "misbehaving", task = "neutral" } }
[algorithm.misbehaving]
steps = 10
[algorithm.ibc]
steps = 10
[engine.slurm]
mem = "100M"
)");
    const Outcome outcome = place.run({"--engine", "slurm"}, 90);
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "1 failed, 2 not started"));
    CHECK(contains(outcome.err, "needs neutral misbehaving seed 0, which failed"));
    check_tidy(place);
  }
  SUBCASE("a submission that Slurm refuses") {
    Workplace place;
    use(place, cluster, "slow-update");
    place.write(slow_runs(10, 1, "partition = \"nowhere\"\n"));
    const Outcome outcome = place.run({"--engine", "slurm"});
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "sbatch: "));
    CHECK(contains(outcome.err, "nvalid partition"));
    CHECK(value(place.store(), "SELECT count(*) FROM slurm_task") == "0");
  }
}

TEST_CASE("--detach returns, status tells, cancel ends, run goes on") {
  if (!Cluster::available()) return;
  const Cluster cluster(2);
  Workplace place;
  use(place, cluster, "slow-update");
  place.write(slow_runs(250, 3, ""));
  const Outcome detached = place.run({"--engine", "slurm", "--detach"});
  CHECK(detached.code == 0);
  CHECK(contains(detached.err, "3 runs are with Slurm"));
  const std::string sql = "SELECT count(*) FROM run WHERE status = 'running' AND step > 60";
  REQUIRE(eventually(60, [&] {
    place.labhost({"status"});
    return value(place.store(), sql) == "2";
  }));
  const Outcome status = place.labhost({"status"});
  CHECK(contains(status.out, "Slurm: 1 PENDING, 2 RUNNING"));
  CHECK(contains(status.out, "heartbeat"));
  CHECK(contains(place.run({"--dry-run"}).out, "total: 3 with Slurm"));
  const Outcome refused = place.run();
  CHECK(refused.code == 2);
  CHECK(contains(refused.err, "3 runs of this plan are with Slurm"));
  CHECK(place.labhost({"runs", "delete", "1"}).code == 2);

  const Outcome cancelled = place.labhost({"cancel", "table"}, 100);
  CHECK(cancelled.code == 0);
  CHECK(contains(cancelled.out, "3 runs cancelled"));
  CHECK(value(place.store(),
              "SELECT count(*) FROM run WHERE status = 'interrupted' AND step > 60") == "2");
  CHECK(value(place.store(), "SELECT count(*) FROM run WHERE status = 'queued'") == "1");
  CHECK(value(place.store(), "SELECT sum(lost) FROM run") == "0");
  check_tidy(place);
  CHECK(contains(place.labhost({"cancel"}).out, "nothing is with Slurm"));

  // Elsewhere or here, from the checkpoints.
  CHECK(place.run({"--seeds", "0"}, 90).code == 0);
  const Outcome rest = place.run({"--engine", "slurm"}, 90);
  CHECK_MESSAGE(rest.code == 0, rest.text());
  CHECK(value(place.store(), "SELECT sum(attempt) FROM run") == "5");
  CHECK(value(place.store(), "SELECT count(*) FROM metric WHERE name = 'fixture/loss'") == "750");
  check_tidy(place);
}

TEST_CASE("two followers of one sweep, and a cancellation beside them") {
  if (!Cluster::available()) return;
  const Cluster cluster(2);
  Workplace place;
  use(place, cluster, "slow-update");
  place.write(slow_runs(150, 4, ""));
  const auto one = place.start({"--engine", "slurm"}), two = place.start({"--engine", "slurm"});
  for (const auto& follower : {one.get(), two.get()}) {
    const Outcome outcome = follower->wait(90);
    CHECK_MESSAGE(outcome.code == 0, outcome.text());
  }
  CHECK(value(place.store(), "SELECT sum(attempt) FROM run WHERE status = 'completed'") == "4");
  CHECK(value(place.store(), "SELECT count(*) FROM metric WHERE name = 'fixture/loss'") == "600");
  check_tidy(place);

  place.write(slow_runs(2000, 4, ""));
  const auto follower = place.start({"--engine", "slurm"});
  REQUIRE(eventually(60, [&] {
    return value(place.store(), "SELECT count(*) FROM run WHERE status = 'running'") == "2";
  }));
  CHECK(place.labhost({"cancel"}, 100).code == 0);
  const Outcome outcome = follower->wait(60);
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.err, "cancelled: neutral misbehaving seed 0"));
  CHECK(cluster.ask({"squeue", "--noheader"}).empty());
}

TEST_CASE("the follower dies in the middle of a submission") {
  if (!Cluster::available()) return;
  const Cluster cluster(2);
  const std::string real = run_program({"sh", "-c", "command -v sbatch"}).out;
  for (const bool submitted : {true, false}) {
    CAPTURE(submitted);
    Workplace place;
    use(place, cluster, "slow-update");
    place.write(slow_runs(50, 2, ""));
    // In the place of sbatch: submits or does not, and kills who waits for its answer.
    const fs::path fake = place.scratch.write(
        "bin/sbatch",
        "#!/bin/sh\n[ \"$1\" != --version ] || exit 0\n" +
            (submitted ? real.substr(0, real.size() - 1) + " \"$@\"\n" : std::string()) +
            "kill -9 $PPID\n");
    fs::permissions(fake, fs::perms::owner_all);
    const std::string path = std::getenv("PATH");
    place.surroundings.variables["PATH"] = (place.scratch / "bin").string() + ":" + path;
    CHECK(place.run({"--engine", "slurm"}).signal == SIGKILL);
    CHECK(value(place.store(), "SELECT count(*) FROM slurm_task WHERE job IS NULL") == "2");
    place.surroundings.variables["PATH"] = path;
    const Outcome outcome = place.run({"--engine", "slurm"}, 120);
    CHECK_MESSAGE(outcome.code == 0, outcome.text());
    // Adopted where it was there, else submitted anew.
    CHECK(contains(outcome.err, "submitted 2 runs") != submitted);
    CHECK(value(place.store(), "SELECT sum(attempt) FROM run WHERE status = 'completed'") == "2");
    check_tidy(place);
  }
}

}  // namespace labhost::testing
