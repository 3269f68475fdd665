#include <doctest/doctest.h>

#include "core/cli/runs_view.hpp"
#include "core/report/values.hpp"
#include "core/sdk/error.hpp"
#include "tests/report/store_fixture.hpp"

namespace labhost {
namespace {

using namespace testing;  // NOLINT: the fixture of these tests

class RunsFixture {
 public:
  RunsFixture() : store(folder / "labhost.sqlite", Store::Access::kReadWrite) {
    store.record_plan(make_plan("t3", "paper", {"favorable", "neutral"}, {"iql", "ibc"}, 3));
    store.record_plan(make_plan("other", "quick", {"neutral"}, {"iql"}, 1));
    finish(store, "neutral", "iql", 0, 0.5, {{0, "policy", 0, "runs/a/policy.pt", "00ff", 12}});
    fail(store, "neutral", "ibc", 0, "bad\nworse");
  }
  std::size_t count(const std::string& filter) {
    return list_runs(store, filter, {}, false).rows.size();
  }

  TemporaryFolder folder;
  Store store;
};

/// Runs of blanks as one: the widths of columns depend on the machine's name.
std::string squeezed(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' || out.empty() || out.back() != ' ') out += c;
  }
  return out;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(RunsFixture, "filters: all must hold, values may be alternatives") {
  CHECK(count("") == 12);
  CHECK(count("status=failed") == 1);
  CHECK(count("status=failed|completed") == 2);
  CHECK(count("task=neutral,algorithm=iql|ibc,seed=0|2") == 4);
  CHECK(count("task=nowhere") == 0);
  CHECK(count("profile=quick") == 1);
  CHECK(count("experiment=other") == 1);  // planned first by t3, shown by both
  CHECK(count("experiment=t3") == 12);
  CHECK(count("task=x' OR '1'='1") == 0);
}

TEST_CASE_FIXTURE(RunsFixture, "filters with mistakes") {
  CHECK_THROWS_WITH_AS(count("tsk=neutral"), doctest::Contains("did you mean \"task\"?"),
                       InputError);
  CHECK_THROWS_WITH_AS(count("status=fialed"), doctest::Contains("did you mean \"failed\"?"),
                       InputError);
  CHECK_THROWS_WITH_AS(count("seed=one"), doctest::Contains("seed is an integer"), InputError);
  for (const char* text : {"task", "task=", "=x", "task=a,,seed=1"}) {
    CHECK_THROWS_WITH_AS(count(text), doctest::Contains("expected KEY=VALUE"), InputError);
  }
}

TEST_CASE_FIXTURE(RunsFixture, "newest first, limited, errors by their first line") {
  const QueryResult newest = list_runs(store, "", 2, true);
  REQUIRE(newest.rows.size() == 2);
  CHECK(cell_integer(newest.rows[0][0]) > cell_integer(newest.rows[1][0]));
  CHECK(cell_text(newest.rows[0][1]).size() == 64);
  const QueryResult failed = list_runs(store, "status=failed", {}, false);
  CHECK(cell_text(failed.rows[0].back()) == "bad");
  CHECK(cell_text(list_runs(store, "status=completed", {}, false).rows[0].back()).empty());
}

TEST_CASE_FIXTURE(RunsFixture, "a run by id or by the start of its key") {
  const RunRow run = find_row(store, "neutral", "iql", 0);
  CHECK(find_run(store, std::to_string(run.id)) == run.id);
  CHECK(find_run(store, run.run_key) == run.id);
  CHECK(find_run(store, run.run_key.substr(0, 12)) == run.id);
  CHECK_THROWS_AS(find_run(store, run.run_key.substr(0, 5)), InputError);
  CHECK_THROWS_AS(find_run(store, "999"), InputError);
  CHECK_THROWS_AS(find_run(store, "nonsense"), InputError);
  CHECK_THROWS_AS(find_run(store, ""), InputError);
}

TEST_CASE("a prefix of two keys, or a number that is both id and prefix, is ambiguous") {
  const TemporaryFolder folder;
  Store store(folder / "labhost.sqlite", Store::Access::kReadWrite);
  Plan plan = make_plan("t3", "paper", {"neutral"}, {"iql"}, 2);
  plan.runs[0].run_key = "abcdef00" + std::string(56, '0');
  plan.runs[1].run_key = "abcdef11" + std::string(56, '0');
  store.record_plan(plan);
  CHECK_THROWS_WITH_AS(find_run(store, "abcdef"), doctest::Contains("may mean runs 1, 2"),
                       InputError);
  CHECK(find_run(store, "abcdef1") == 2);
}

TEST_CASE_FIXTURE(RunsFixture, "show has row, links, parameters, artifacts, provenance, metrics") {
  const auto claimed = start(store, "neutral", "iql", 1);
  add_metric(store, claimed, {{"loss", 1, 5.0, 0}, {"loss", 9, 0.25, 0}});
  store.set_provenance(claimed.first, {{"cpu", "fast"}, {"log", "runs/b/log.txt"}});
  const RunRow done = find_row(store, "neutral", "iql", 0);
  store.add_need(claimed.first, store.artifact_of(done.run_key)->id);
  const std::string text = describe_run(store, claimed.first);
  CHECK(contains(text, "status        running\n"));
  CHECK(contains(text, "\nparameters\n"));
  CHECK(contains(text, "  algorithm.expectile"));
  CHECK(contains(text, "\nneeds\n  policy  of run " + std::to_string(done.id)));
  CHECK(contains(text, "\nprovenance\n  cpu  fast\n"));
  CHECK(contains(text, "\nlast metrics\n  loss  0.25  at step 9\n"));
  CHECK(contains(text, "\nlog\n  " + (folder / "runs/b/log.txt").string() + "\n"));
  const std::string other = describe_run(store, done.id);
  CHECK(contains(other, "\nartifacts\n  policy  runs/a/policy.pt  12 bytes  sha256 00ff\n"));
  CHECK(contains(other, "other  profile quick  neutral  iql\n"));
  const RunRow failed = find_row(store, "neutral", "ibc", 0);
  CHECK(contains(describe_run(store, failed.id), "\nerror\n  bad\n  worse\n"));
}

TEST_CASE_FIXTURE(RunsFixture, "compare shows what differs and nothing else") {
  const std::int64_t first = find_row(store, "neutral", "iql", 0).id;
  const std::int64_t second = find_row(store, "favorable", "iql", 0).id;
  store.set_provenance(first, {{"cpu", "fast"}, {"compiler", "gcc"}});
  store.set_provenance(second, {{"cpu", "slow"}, {"compiler", "gcc"}});
  const std::string text = compare_runs(store, first, second);
  CHECK(contains(squeezed(text), "\n task neutral favorable\n"));
  CHECK(contains(squeezed(text), "\n dataset.kind neutral favorable\n"));
  CHECK(contains(text, "  cpu  fast  slow\n"));
  CHECK_FALSE(contains(text, "compiler"));
  CHECK_FALSE(contains(text, "expectile"));
  CHECK_FALSE(contains(text, "pid"));
  CHECK(contains(compare_runs(store, first, first), "no difference\n"));
}

}  // namespace labhost
