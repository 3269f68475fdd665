// Plans, claims, attempts, results, deletion.
#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <sstream>
#include <vector>

#include "core/sdk/error.hpp"
#include "core/store/connection.hpp"
#include "tests/store/support.hpp"

using namespace labhost;
using namespace labhost::store_testing;
namespace fs = std::filesystem;

namespace {

constexpr double kStale = 60;

/// A process of this machine that is gone.
ProcessId dead_process() {
  Child child([](int) { return std::string(); });
  ProcessId process = this_process();
  process.pid = child.pid();
  process.start = 1;
  child.wait();
  return process;
}

double real(Store& store, const std::string& sql) { return std::get<double>(single(store, sql)); }

void set_heartbeat(Store& store, double time) {
  Statement(store.handle(), "UPDATE run SET heartbeat_at = ?1").with(time).run();
}

}  // namespace

TEST_CASE("a plan becomes rows, once") {
  const TempFolder folder;
  Store store(folder / "store.sqlite", Store::Access::kReadWrite);
  Plan plan = make_plan_of(2);
  plan.runs[0].method.params["weights"] = "w.pt";
  plan.runs[0].method.file_hashes = {{"weights", "abc"}};
  plan.runs[1].needs = {{"world-model", plan.runs[0].run_key}};
  plan.paper = {{"table3", "favorable", "iql", 1.0, std::nullopt}};
  store.record_plan(plan);
  store.record_plan(plan);

  CHECK(count(store, "SELECT count(*) FROM run") == 2);
  CHECK(count(store, "SELECT count(*) FROM experiment_run WHERE reported = 1") == 2);
  const std::optional<RunRow> run = store.run_by_id(2);
  REQUIRE(run);
  CHECK(run->run_key == "favorable/iql/1");
  CHECK(run->experiment == "table3");
  CHECK(run->environment == "coordination-game");
  CHECK(run->dataset == "coordination");
  CHECK(run->seed == 1);
  CHECK(run->status == "queued");
  CHECK(run->total_steps == 100);
  CHECK_FALSE(run->started_at);
  CHECK_FALSE(store.run_by_id(3));

  const auto param = [&](int id, const std::string& name) {
    return std::get<std::string>(
        single(store, "SELECT value FROM run_param WHERE run_id = ?1 AND name = ?2",
               {std::int64_t{id}, name}));
  };
  CHECK(param(1, "algorithm.expectile") == "0.7");
  CHECK(param(1, "algorithm.weights.sha256") == "abc");
  CHECK(param(1, "environment.rounds") == "5");
  CHECK(param(1, "steps") == "100");
  CHECK(param(1, "evaluation.episodes") == "100");
  CHECK(param(2, "needs.world-model") == "favorable/iql/0");

  const auto uuids = store.query("SELECT uuid FROM run");
  std::set<std::string> different;
  for (const auto& row : uuids.rows) {
    const auto& uuid = std::get<std::string>(row[0]);
    different.insert(uuid);
    CHECK(uuid.size() == 36);
    CHECK(uuid[14] == '4');
    CHECK(contains("89ab", uuid.substr(19, 1)));
  }
  CHECK(different.size() == 2);

  const auto by_key = store.runs_by_key({"favorable/iql/1", "nothing", "favorable/iql/0"});
  CHECK(by_key.size() == 2);
  CHECK(by_key.at("favorable/iql/0").id == 1);
}

TEST_CASE("a narrowed plan adds links and removes none; two experiments share a run") {
  const TempFolder folder;
  Store store = store_with_runs(folder / "store.sqlite", 3);
  store.record_plan(make_plan_of(1));
  CHECK(count(store, "SELECT count(*) FROM experiment_run") == 3);
  Plan other = make_plan_of(4);
  other.experiment = "fig1";
  store.record_plan(other);
  CHECK(count(store, "SELECT count(*) FROM run") == 4);
  CHECK(count(store, "SELECT count(*) FROM experiment_run") == 7);
}

TEST_CASE(
    "links: a changed run replaces its cell's link, a needed one does not replace a shown one") {
  const TempFolder folder;
  Store store = store_with_runs(folder / "store.sqlite", 1);
  Plan plan = make_plan_of(1);
  plan.runs[0].run_key = "changed";
  plan.runs[0].reported = false;
  store.record_plan(plan);
  CHECK(count(store, "SELECT run_id FROM experiment_run") == 1);
  plan.runs[0].reported = true;
  store.record_plan(plan);
  CHECK(count(store, "SELECT run_id FROM experiment_run") == 2);
}

TEST_CASE("the configuration follows its files until the run has finished") {
  const TempFolder folder;
  Store store = store_with_runs(folder / "store.sqlite", 1);
  Plan plan = make_plan_of(1);
  const std::string before = store.run_config(1);
  CHECK(before == plan.runs[0].config().dump());
  plan.runs[0].task = "favourable";
  plan.runs[0].run_key = make_plan_of(1).runs[0].run_key;
  store.record_plan(plan);
  const std::string moved = store.run_config(1);
  CHECK(moved != before);
  const std::int64_t attempt = *store.claim(1, this_process(), kStale);
  store.record_plan(make_plan_of(1));
  CHECK(store.run_config(1) == moved);
  store.complete(1, attempt, 1.0, {}, 0);
  store.record_plan(make_plan_of(1));
  CHECK(store.run_config(1) == moved);
  CHECK_THROWS_AS(store.run_config(7), InputError);
}

TEST_CASE("claims: queued, interrupted and failed runs, but no live or finished one") {
  const TempFolder folder;
  Store store = store_with_runs(folder / "store.sqlite", 1);
  const ProcessId self = this_process();
  CHECK(store.claim(1, self, kStale) == 1);
  RunRow run = *store.run_by_id(1);
  CHECK(run.status == "running");
  CHECK(run.host == self.host);
  CHECK(run.pid == self.pid);
  CHECK(run.pid_start == self.start);
  REQUIRE(run.started_at);
  const double started = *run.started_at;
  CHECK(std::abs(now_seconds() - *run.heartbeat_at) < 5);
  CHECK_FALSE(store.claim(1, self, kStale));
  set_heartbeat(store, 0);  // its process lives, however slow it is
  CHECK_FALSE(store.claim(1, self, kStale));

  store.end_attempt(1, 1, "failed", "critic/loss is NaN at step 7", 2.5);
  run = *store.run_by_id(1);
  CHECK(run.status == "failed");
  CHECK(run.error == "critic/loss is NaN at step 7");
  CHECK(run.finished_at);
  CHECK(store.claim(1, self, kStale) == 2);
  run = *store.run_by_id(1);
  CHECK(run.error.empty());
  CHECK_FALSE(run.finished_at);
  CHECK(*run.started_at == started);

  store.end_attempt(1, 2, "interrupted", "", 1.5);
  CHECK(store.run_by_id(1)->status == "interrupted");
  CHECK(store.claim(1, self, kStale) == 3);
  store.complete(1, 3, 0.5, {}, 1);
  CHECK_FALSE(store.claim(1, self, kStale));
  CHECK(store.run_by_id(1)->seconds == doctest::Approx(5));
  CHECK_THROWS_AS(store.claim(9, self, kStale), InputError);
  CHECK_THROWS_AS(store.end_attempt(1, 3, "completed", "", 0), std::logic_error);
}

TEST_CASE("a dead owner's run is taken over; of other hosts the heartbeat tells") {
  const TempFolder folder;
  const ProcessId dead = dead_process();
  Store store = store_with_runs(folder / "store.sqlite", 1);
  CHECK(store.claim(1, dead, kStale) == 1);
  CHECK(store.claim(1, this_process(), kStale) == 2);

  const ProcessId remote{"elsewhere:00000000", 1, 1};
  store.transfer_claim(1, 2, remote);
  CHECK(store.run_by_id(1)->host == remote.host);
  CHECK_FALSE(store.claim(1, this_process(), kStale));
  set_heartbeat(store, now_seconds() - kStale - 1);
  CHECK(store.claim(1, this_process(), kStale) == 3);
}

TEST_CASE("an attempt that was superseded changes nothing") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  const ProcessId dead = dead_process();
  Store store = store_with_runs(file, 1);
  CHECK(store.claim(1, dead, kStale) == 1);
  CHECK(store.claim(1, this_process(), kStale) == 2);
  CHECK_THROWS_AS(store.transfer_claim(1, 1, dead), Superseded);
  CHECK_THROWS_AS(store.complete(1, 1, 0.1, {{0, "policy", 1, "p", "h", 1}}, 1), Superseded);
  store.end_attempt(1, 1, "failed", "late", 1);
  MetricWriter late(file, 1, 1);
  late.add(MetricRow{"loss", 1, 1.0, 0.0});
  CHECK_THROWS_AS(late.flush(), Superseded);
  CHECK(late.failed());

  const RunRow run = *store.run_by_id(1);
  CHECK(run.status == "running");
  CHECK(run.pid == getpid());
  CHECK(run.seconds == 0);
  CHECK(count(store, "SELECT count(*) FROM metric") == 0);
  CHECK(count(store, "SELECT count(*) FROM artifact") == 0);

  store.complete(1, 2, 0.9, {}, 1);
  store.end_attempt(1, 2, "failed", "after the end", 1);
  CHECK(store.run_by_id(1)->status == "completed");
  CHECK_THROWS_AS(store.transfer_claim(1, 2, dead), Superseded);
}

TEST_CASE("a completed run: score, step, artifacts, needs, provenance") {
  const TempFolder folder;
  Store store = store_with_runs(folder / "store.sqlite", 2);
  const std::int64_t attempt = *store.claim(1, this_process(), kStale);
  store.set_provenance(1, {{"compiler", "gcc"}, {"commit", "1"}});
  store.set_provenance(1, {{"commit", "2"}});
  CHECK(std::get<std::string>(single(store,
                                     "SELECT group_concat(name || '=' || value) FROM "
                                     "provenance")) == "commit=2,compiler=gcc");
  store.complete(1, attempt, 0.75,
                 {{0, "world-model", 0, "m/1.pt", "aa", 10}, {0, "video", 0, "v/1.mp4", "bb", 20}},
                 3);
  const RunRow run = *store.run_by_id(1);
  CHECK(run.status == "completed");
  CHECK(run.score == 0.75);
  CHECK(run.step == 100);
  CHECK(run.finished_at);

  const auto artifact = store.artifact_of("favorable/iql/0");
  REQUIRE(artifact);
  CHECK(artifact->path == "m/1.pt");
  CHECK(artifact->run_id == 1);
  CHECK(artifact->bytes == 10);
  CHECK_FALSE(store.artifact_of("favorable/iql/1"));
  store.add_need(2, artifact->id);
  store.add_need(2, artifact->id);
  CHECK(count(store, "SELECT count(*) FROM run_needs WHERE run_id = 2") == 1);

  // Completing again keeps the artifact's identity, and with it the link.
  store.complete(1, attempt, 0.75, {{0, "world-model", 0, "m/1.pt", "cc", 11}}, 0);
  CHECK(store.artifact_of("favorable/iql/0")->id == artifact->id);
  CHECK(store.artifact_of("favorable/iql/0")->sha256 == "cc");
}

TEST_CASE("deleting takes all rows of a run, gives back its files, and spares live runs") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  Store store = store_with_runs(file, 3);
  const std::int64_t attempt = *store.claim(1, this_process(), kStale);
  {
    MetricWriter writer(file, 1, attempt);
    writer.add(MetricRow{"loss", 1, 1.0, 0.0});
    writer.add(EpisodeRow{1, 0, 2.0, 0.5, 5});
  }
  store.set_provenance(1, {{"commit", "1"}});
  CHECK(store.claim(2, this_process(), kStale));
  CHECK(contains(message_of<InputError>([&] { store.delete_runs({3, 1}); }), "run 1 is running"));
  CHECK(count(store, "SELECT count(*) FROM run") == 3);
  CHECK(contains(message_of<InputError>([&] { store.delete_runs({3, 44}); }), "no run 44"));
  CHECK(count(store, "SELECT count(*) FROM run") == 3);

  store.complete(1, attempt, 0.5, {{0, "policy", 0, "p/1.pt", "bb", 20}}, 3);
  store.add_need(3, 1);
  CHECK(store.delete_runs({1}) == std::vector<std::string>{"p/1.pt"});
  for (const char* table :
       {"run_param", "metric", "episode", "artifact", "provenance", "experiment_run"}) {
    CHECK(count(store, std::string("SELECT count(*) FROM ") + table + " WHERE run_id = 1") == 0);
  }
  CHECK(count(store, "SELECT count(*) FROM run_needs") == 0);
  CHECK(count(store, "SELECT count(*) FROM run") == 2);
}

TEST_CASE("view cell: means and errors by hand, beside the paper's") {
  const TempFolder folder;
  Store store(folder / "store.sqlite", Store::Access::kReadWrite);
  Plan plan = make_plan_of(4);
  plan.runs.push_back(make_run("neutral", "iql", 0));
  plan.runs.push_back(make_run("unfavorable", "iql", 0));
  plan.runs.push_back(make_run("favorable", "world", 0));
  plan.runs.back().reported = false;
  plan.paper = {{"table3", "favorable", "iql", 1.5, 0.1},
                {"table9", "neutral", "iql", 9.0, 0.1},  // another table's number
                {"table3", "unfavorable", "iql", 0.25, std::nullopt}};
  store.record_plan(plan);
  for (const auto& [run_id, score] : {std::pair{1, 1.0}, {2, 2.0}, {3, 4.0}, {6, 0.5}}) {
    store.complete(run_id, *store.claim(run_id, this_process(), kStale), score, {}, 0);
  }
  store.end_attempt(4, *store.claim(4, this_process(), kStale), "failed", "boom", 0);

  const QueryResult cells = store.query("SELECT * FROM cell ORDER BY task");
  CHECK(cells.columns == std::vector<std::string>{"experiment", "profile", "task", "algorithm",
                                                  "seeds", "mean", "sem", "paper_mean", "paper_sem",
                                                  "difference"});
  REQUIRE(cells.rows.size() == 3);
  const std::vector<Cell>& favorable = cells.rows[0];
  CHECK(std::get<std::string>(favorable[2]) == "favorable");
  CHECK(std::get<std::int64_t>(favorable[4]) == 3);
  CHECK(std::get<double>(favorable[5]) == doctest::Approx(7.0 / 3).epsilon(1e-14));
  // Deviations -4/3, -1/3, 5/3: squares sum to 42/9; / 2 / 3 = 7/9.
  CHECK(std::get<double>(favorable[6]) == doctest::Approx(std::sqrt(7.0) / 3).epsilon(1e-14));
  CHECK(std::get<double>(favorable[7]) == 1.5);
  CHECK(std::get<double>(favorable[8]) == 0.1);
  CHECK(std::get<double>(favorable[9]) == doctest::Approx(7.0 / 3 - 1.5).epsilon(1e-14));

  const std::vector<Cell>& neutral = cells.rows[1];
  CHECK(std::get<std::int64_t>(neutral[4]) == 0);
  for (std::size_t i = 5; i < 10; ++i) CHECK(std::holds_alternative<std::monostate>(neutral[i]));

  const std::vector<Cell>& unfavorable = cells.rows[2];
  CHECK(std::get<std::int64_t>(unfavorable[4]) == 1);
  CHECK(std::holds_alternative<std::monostate>(unfavorable[6]));  // one seed has no error
  CHECK(std::holds_alternative<std::monostate>(unfavorable[8]));
  CHECK(std::get<double>(unfavorable[9]) == 0.25);
}

TEST_CASE("32 processes make one store and claim 64 runs from it: no lock error, each run once") {
  const TempFolder folder;
  const fs::path file = folder / "results" / "store.sqlite";
  constexpr int kProcesses = 32;
  constexpr std::int64_t kRuns = 64;
  std::vector<Child> children;
  for (int i = 0; i < kProcesses; ++i) {
    children.emplace_back([&](int) {
      Store store(file, Store::Access::kReadWrite);
      store.record_plan(make_plan_of(kRuns));
      std::ostringstream claimed;
      for (std::int64_t id = 1; id <= kRuns; ++id) {
        const auto attempt = store.claim(id, this_process(), kStale);
        if (!attempt) continue;
        claimed << id << ' ';
        MetricWriter writer(file, id, *attempt);
        writer.add(MetricRow{"loss", 1, 1.0, 0.0});
        writer.flush();
        store.complete(id, *attempt, real(store, "SELECT 0.5"), {}, 0);
      }
      return claimed.str();
    });
  }
  std::multiset<std::int64_t> claimed;
  for (Child& child : children) {
    std::istringstream answer(child.read_all());
    std::int64_t id = 0;
    while (answer >> id) claimed.insert(id);
    INFO("a child said: " << answer.str());
    CHECK(answer.eof());
  }
  CHECK(claimed.size() == kRuns);
  CHECK(std::set<std::int64_t>(claimed.begin(), claimed.end()).size() == kRuns);
  Store store(file, Store::Access::kReadOnly);
  CHECK(count(store, "SELECT count(*) FROM run WHERE status = 'completed' AND attempt = 1") ==
        kRuns);
  CHECK(count(store, "SELECT count(*) FROM metric") == kRuns);
}
