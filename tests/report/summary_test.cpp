// Statistics over tasks, against numbers worked out by hand.
#include "core/report/summary.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/report/render.hpp"
#include "tests/report/store_fixture.hpp"

namespace labhost {
namespace {

using namespace testing;  // NOLINT: the fixture of this folder

/// Two tasks, four seeds; the reference ("moma-ppo") wins on "easy" and ties on "hard".
class SummaryFixture {
 public:
  SummaryFixture() : store(folder / "labhost.sqlite", Store::Access::kReadWrite) {
    Plan plan = make_plan("t", "quick", {"easy", "hard"}, {"iql", "one", "moma-ppo"}, 4);
    plan.layout.labels = {{"moma-ppo", "MOMA-PPO"}};
    store.record_plan(plan);
    for (int seed = 0; seed < 4; ++seed) {
      complete("easy", "iql", seed, 0.1 * seed, 0.9);
      complete("hard", "iql", seed, 0.5, 0.5);
      complete("easy", "moma-ppo", seed, 0.6 + 0.1 * seed, 1.0);
      complete("hard", "moma-ppo", seed, 0.5, 0.6);
    }
    complete("easy", "one", 0, 0.3, 0.3);
  }

  void complete(const std::string& task, const std::string& algorithm, int seed, double score,
                double best) {
    const auto claimed = start(store, task, algorithm, seed);
    add_metric(store, claimed, {{"eval/score", 50, best, 1}, {"eval/score", 100, score, 1}});
    store.complete(claimed.first, claimed.second, score, {}, 1);
  }

  Table last() { return load_table(store, "t", {}); }
  Table best() { return load_table(store, "t", {}, TableScore::kBest); }

  TemporaryFolder folder;
  Store store;
};

}  // namespace

TEST_CASE("interquartile mean over all runs of all tasks") {
  // 8 values: the two least and the two largest are left out.
  CHECK(interquartile_mean_of({{0, 1, 2, 100}, {3, 4, 5, -50}}) == doctest::Approx(2.5));
}

TEST_CASE("probability of improvement: pairs within a task, ties half, tasks alike") {
  CHECK(improvement_of({{1, 2}}, {{0, 1.5}}) == doctest::Approx(0.75));
  CHECK(improvement_of({{1}}, {{1}}) == 0.5);
  // One task with four pairs weighs as much as one with a single pair.
  CHECK(improvement_of({{1, 2}, {0}}, {{0, 1.5}, {1}}) == doctest::Approx(0.375));
}

TEST_CASE_FIXTURE(SummaryFixture, "a summary: last and best apart, the reference against each") {
  const Summary summary = summarise(last(), best());
  CHECK(summary.reference == "moma-ppo");
  REQUIRE(summary.algorithms.size() == 3);
  const AlgorithmSummary& iql = summary.algorithms[0];
  CHECK(iql.runs == 8);
  CHECK(iql.tasks == 2);
  CHECK(iql.last->value == doctest::Approx((0.2 + 0.3 + 0.5 + 0.5) / 4));
  CHECK(iql.best->value == doctest::Approx(0.7));
  CHECK(iql.improvement->value == doctest::Approx((1 + 0.5) / 2));
  REQUIRE(iql.improvement->interval.has_value());
  CHECK(iql.improvement->interval->low == doctest::Approx(0.75));  // no draw changes any pair
  REQUIRE(iql.last->interval.has_value());
  CHECK(iql.last->interval->low <= iql.last->value);
  CHECK(iql.last->interval->low < iql.last->interval->high);
  CHECK_FALSE(summary.algorithms[2].improvement.has_value());
  CHECK(summarise(last(), best()).algorithms[0].last->interval->low == iql.last->interval->low);
}

TEST_CASE_FIXTURE(SummaryFixture, "one seed a task has no interval, and only its task counts") {
  const AlgorithmSummary one = summarise(last(), best()).algorithms[1];
  CHECK(one.runs == 1);
  CHECK(one.tasks == 1);
  CHECK(one.last->value == 0.3);
  CHECK_FALSE(one.last->interval.has_value());
  CHECK(one.improvement->value == 1);  // on "easy" alone
  CHECK(estimate_text(one.last, 2) == "0.30");
}

TEST_CASE_FIXTURE(SummaryFixture, "the table of best scores says that it is optimistic") {
  const Table table = best();
  CHECK(*table.cells[0][0].mean == doctest::Approx(0.9));
  CHECK(*last().cells[0][0].mean == doctest::Approx(0.15));
  CHECK(make_grid(table, false).title.find("optimistic") != std::string::npos);
  CHECK(make_grid(last(), false).title.find("optimistic") == std::string::npos);
}

TEST_CASE_FIXTURE(SummaryFixture, "statistics in words and in JSON") {
  const Summary summary = summarise(last(), best());
  const std::string text = render_table(last(), TableFormat::kText, false, &summary);
  CHECK(text.find("P(MOMA-PPO better)") != std::string::npos);
  CHECK(text.find("8 on 2 tasks") != std::string::npos);
  CHECK(text.find("1 on 1 task\n") != std::string::npos);
  const auto json =
      nlohmann::json::parse(render_table(last(), TableFormat::kJson, false, &summary));
  CHECK(json["statistics"]["reference"] == "moma-ppo");
  CHECK(json["statistics"]["algorithms"][0]["best_iqm"]["value"] == doctest::Approx(0.7));
  CHECK(json["statistics"]["algorithms"][1]["iqm"]["low"].is_null());
  CHECK_FALSE(nlohmann::json::parse(render_table(last(), TableFormat::kJson, false))
                  .contains("statistics"));
}

TEST_CASE_FIXTURE(SummaryFixture, "performance profiles fall from one to zero") {
  const LineChart chart = performance_profiles(last());
  REQUIRE(chart.panels.size() == 1);
  REQUIRE(chart.panels[0].lines.size() == 3);
  const ChartLine& iql = chart.panels[0].lines[0];
  CHECK(iql.y.front() == 1);
  CHECK(iql.y.back() == 0);
  for (std::size_t i = 1; i < iql.y.size(); ++i) CHECK(iql.y[i] <= iql.y[i - 1]);
  // Above 0.4: all of "hard", none of "easy".
  const auto at = std::find_if(iql.x.begin(), iql.x.end(), [](double x) { return x > 0.4; });
  CHECK(iql.y[static_cast<std::size_t>(at - iql.x.begin())] == doctest::Approx(0.5));
  CHECK(chart.panels[0].lines[1].low.empty());  // one seed: no band
  CHECK(iql.low.size() == iql.x.size());
}

}  // namespace labhost
