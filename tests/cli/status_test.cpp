#include <doctest/doctest.h>

#include "core/cli/status_view.hpp"
#include "core/cli/table.hpp"
#include "core/sdk/error.hpp"
#include "tests/report/store_fixture.hpp"

namespace labhost {
namespace {

using namespace testing;  // NOLINT: the fixture of these tests

class StatusFixture {
 public:
  StatusFixture() : store(folder / "labhost.sqlite", Store::Access::kReadWrite) {
    store.record_plan(make_plan("t3", "paper", {"neutral"}, {"iql", "ibc"}, 4));
  }
  ExperimentStatus only() {
    const StatusReport status = load_status(store, now_seconds());
    REQUIRE(status.experiments.size() == 1);
    return status.experiments[0];
  }

  TemporaryFolder folder;
  Store store;
};

}  // namespace

TEST_CASE_FIXTURE(StatusFixture, "counts by status, steps and compute time") {
  CHECK(only().queued == 8);
  CHECK(status_line(only()) == "t3 paper: 0/8 completed, 8 queued; 0 % of 800 steps");
  finish(store, "neutral", "iql", 0, 1.0);
  fail(store, "neutral", "ibc", 0, "first line\nsecond line");
  const auto stopped = start(store, "neutral", "ibc", 1);
  store.end_attempt(stopped.first, stopped.second, "interrupted", "", 4.0);
  const ExperimentStatus status = only();
  CHECK(status.completed == 1);
  CHECK(status.failed == 1);
  CHECK(status.interrupted == 1);
  CHECK(status.queued == 5);
  CHECK(status.steps == 100);
  CHECK(status.total_steps == 800);
  CHECK(status.compute_seconds == doctest::Approx(7.0));
  CHECK_FALSE(status.left.has_value());
  REQUIRE(status.elapsed.has_value());
  CHECK(*status.elapsed < 60);
}

TEST_CASE_FIXTURE(StatusFixture,
                  "time left: each algorithm at its own speed, shared by the workers") {
  finish(store, "neutral", "iql", 0, 1.0);  // 2 s for 100 steps
  const auto slow = start(store, "neutral", "ibc", 0);
  store.complete(slow.first, slow.second, 1.0, {}, 20.0);
  start(store, "neutral", "iql", 1);
  start(store, "neutral", "ibc", 1);
  const ExperimentStatus status = only();
  CHECK(status.running == 2);
  REQUIRE(status.left.has_value());
  CHECK(*status.left == doctest::Approx((3 * 2.0 + 3 * 20.0) / 2));
}

TEST_CASE_FIXTURE(StatusFixture, "time left is unknown before anything is measured") {
  start(store, "neutral", "iql", 0);
  CHECK_FALSE(only().left.has_value());
}

TEST_CASE_FIXTURE(StatusFixture, "a run that an experiment shows twice counts once") {
  Plan plan = make_plan("t4", "quick", {"neutral"}, {"iql"}, 1);
  plan.runs.push_back(plan.runs[0]);
  plan.runs.back().algorithm = "iql-again";
  store.record_plan(plan);
  const StatusReport status = load_status(store, now_seconds());
  REQUIRE(status.experiments.size() == 2);
  CHECK(status.experiments[1].experiment == "t4");
  CHECK(status.experiments[1].queued == 1);
}

TEST_CASE_FIXTURE(StatusFixture, "running and failed runs are listed") {
  fail(store, "neutral", "ibc", 0, "metric critic/loss is NaN\nsecond line");
  start(store, "neutral", "iql", 2);
  const auto dead = start(store, "neutral", "iql", 3);
  store.transfer_claim(dead.first, dead.second, {this_process().host, 1, 1});
  const std::string text = render_status(load_status(store, now_seconds()), 50);
  CHECK(text.find("seed 2  0/100  0 %  heartbeat 0.") != std::string::npos);
  CHECK(text.find("process 1 is gone; the next labhost run takes it over") != std::string::npos);
  CHECK(text.find("metric critic/loss is NaN\n") != std::string::npos);
  CHECK(text.find("second line") == std::string::npos);
  const std::string brief = render_status(load_status(store, now_seconds()), 1);
  CHECK(brief.find("and 1 more: labhost runs --filter status=running\n") != std::string::npos);
  CHECK(load_status(store, now_seconds()).active());
}

TEST_CASE("nothing queued or running: not active") {
  const TemporaryFolder folder;
  Store store(folder / "labhost.sqlite", Store::Access::kReadWrite);
  store.record_plan(make_plan("t3", "paper", {"neutral"}, {"iql"}, 1));
  finish(store, "neutral", "iql", 0, 1.0);
  const StatusReport status = load_status(store, now_seconds());
  CHECK_FALSE(status.active());
  CHECK(status_line(status.experiments[0]).find("1/1 completed; 100 % of 100 steps") !=
        std::string::npos);
}

}  // namespace labhost
