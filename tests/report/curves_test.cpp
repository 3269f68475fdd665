// Learning curves: read from a store, averaged, smoothed, drawn.
#include "core/report/curves.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/report/figure.hpp"
#include "core/report/line_chart.hpp"
#include "core/sdk/error.hpp"
#include "tests/report/store_fixture.hpp"

namespace labhost {
namespace {

using namespace testing;  // NOLINT: the fixture of this folder

/// One task, two algorithms, two seeds. iql evaluates at steps 50 and 100; seed 1 of ibc has failed
/// after its first evaluation; each iql run counts 10 (seed 0) or 20 transitions a step.
class CurvesFixture {
 public:
  CurvesFixture() : store(folder / "labhost.sqlite", Store::Access::kReadWrite) {
    Plan plan = make_plan("fig5", "quick", {"easy", "empty"}, {"iql", "ibc"}, 2);
    plan.layout.labels = {{"iql", "IQL <1>"}};
    plan.layout.groups = {{"easy", "FO"}};
    store.record_plan(plan);
    for (int seed = 0; seed < 2; ++seed) {
      const auto claimed = start(store, "easy", "iql", seed);
      std::vector<MetricRow> rows;
      for (int step = 10; step <= 100; step += 10) {
        rows.push_back({"rollout/generated", step, 10.0 * (seed + 1) * step, 1});
      }
      rows.push_back({"eval/score", 50, 0.2 + 0.2 * seed, 1});
      rows.push_back({"eval/score", 100, 0.6 + 0.2 * seed, 1});
      add_metric(store, claimed, rows);
      store.complete(claimed.first, claimed.second, 0.6, {}, 1);
    }
    finish(store, "easy", "ibc", 0, 0.5);
    const auto claimed = start(store, "easy", "ibc", 1);
    add_metric(store, claimed, {{"eval/score", 50, 0.1, 1}, {"eval/score", 75, NAN, 1}});
    store.end_attempt(claimed.first, claimed.second, "failed", "NaN", 1);
  }

  Table table() { return load_table(store, "fig5", {}); }
  Curves load(const std::string& x, bool individual = false) {
    FigureSpec figure;
    figure.x = x;
    figure.individual = individual;
    return load_curves(store, table(), figure);
  }

  TemporaryFolder folder;
  Store store;
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

Curve curve(std::vector<double> x, std::vector<double> y) {
  Curve made;
  made.x = std::move(x);
  made.y = std::move(y);
  return made;
}

}  // namespace

TEST_CASE_FIXTURE(CurvesFixture, "curves by task, algorithm and seed, along updates or percent") {
  const Curves steps = load("step");
  REQUIRE(steps.panels.size() == 2);
  REQUIRE(steps.panels[0].series.size() == 2);
  const CurveSeries& iql = steps.panels[0].series[0];
  REQUIRE(iql.runs.size() == 2);
  CHECK(iql.runs[1].seed == 1);
  CHECK(iql.runs[1].x == std::vector<double>{50, 100});
  CHECK(iql.runs[1].y == std::vector<double>{0.4, 0.8});
  CHECK(steps.x_label == "updates");
  CHECK(steps.y_label == "normalised score");
  // A run that was never evaluated is no curve; a NaN is no point.
  const CurveSeries& ibc = steps.panels[0].series[1];
  REQUIRE(ibc.runs.size() == 1);
  CHECK(ibc.runs[0].status == "failed");
  CHECK(ibc.runs[0].x == std::vector<double>{50});
  CHECK(steps.panels[1].series[0].runs.empty());
  CHECK(load("progress").panels[0].series[0].runs[0].x == std::vector<double>{50, 100});
  CHECK_FALSE(steps.empty());
}

TEST_CASE_FIXTURE(CurvesFixture, "a metric as the axis: its last value until each evaluation") {
  const Curves curves = load("rollout/generated");
  CHECK(curves.panels[0].series[0].runs[0].x == std::vector<double>{500, 1000});
  CHECK(curves.panels[0].series[0].runs[1].x == std::vector<double>{1000, 2000});
  CHECK(curves.panels[0].series[1].runs.empty());  // ibc generates nothing
  CHECK(curves.x_label == "generated transitions");
  CHECK_THROWS_WITH_AS(load("rollout/generatd"), doctest::Contains("has a metric"), InputError);
}

TEST_CASE("smoothing begins at the first value and forgets it by its weight") {
  CHECK(smoothed({1, 0, 0}, 0.5) == std::vector<double>{1, 0.5, 0.25});
  CHECK(smoothed({1, 2, 3}, 0) == std::vector<double>{1, 2, 3});
  CHECK(smoothed({}, 0.8).empty());
}

TEST_CASE("a band: mean and standard error over the runs that have reached x") {
  CurveSeries series{"a", {curve({0, 2}, {0, 2}), curve({0, 1, 4}, {1, 1, 4})}};
  const Band band = band_of(series, 0);
  CHECK(band.x == std::vector<double>{0, 1, 2, 4});
  // The first run is read off at 1 between its points, the second at 2; only the second is at 4.
  CHECK(band.mean == std::vector<double>{0.5, 1, 2, 4});
  CHECK(band.high[0] == doctest::Approx(1.0));
  CHECK(band.low[0] == doctest::Approx(0.0));
  CHECK(band.low[1] == 1);
  CHECK(band.low[3] == 4);
  const Band smooth = band_of({"a", {curve({0, 1}, {0, 1})}}, 0.75);
  CHECK(smooth.mean == std::vector<double>{0, 0.25});
}

TEST_CASE_FIXTURE(CurvesFixture, "the picture: panels, lines, bands, and what is missing") {
  const std::string mean = learning_curves_svg(table(), load("step"));
  CHECK(count(mean, "<polyline") == 1);  // iql's mean; ibc is a dot
  CHECK(count(mean, "<polygon") == 1);
  CHECK(count(mean, "<circle") == 1);
  CHECK(count(mean, ">FO easy</text>") == 1);
  CHECK(count(mean, "no runs yet") == 1);
  CHECK(count(mean, "IQL &lt;1&gt;") >= 1);
  CHECK(count(mean, "<1>") == 0);
  CHECK(count(mean, "not completed: ibc on FO easy, seed 1 (failed: 1)") == 1);
  CHECK(count(mean, "mean and standard error over up to 2 seeds") == 1);
  const std::string single = learning_curves_svg(table(), load("step", true));
  CHECK(count(single, "<polyline") == 2);
  CHECK(count(single, "<polygon") == 0);
  CHECK(count(single, "single runs of up to 2 seeds") == 1);
}

TEST_CASE_FIXTURE(CurvesFixture, "an experiment without any evaluation has no picture") {
  FigureSpec figure;
  figure.y = "eval/length";
  const Curves none = load_curves(store, table(), figure);
  CHECK(none.empty());
  CHECK_THROWS_WITH_AS(learning_curves_svg(table(), none),
                       doctest::Contains("has a metric \"eval/length\" yet"), InputError);
}

TEST_CASE("32 lines are told apart by colour and dashes") {
  LineChart chart;
  chart.panels.resize(1);
  for (std::size_t i = 0; i < 32; ++i) {
    chart.legend.push_back("line");
    chart.panels[0].lines.push_back({i, {0, 1}, {0, 1}, {}, {}});
  }
  const std::string svg = line_chart_svg(chart);
  std::set<std::string> styles;
  for (std::size_t at = svg.find("<polyline"); at != std::string::npos;
       at = svg.find("<polyline", at + 1)) {
    const std::size_t from = svg.find("stroke=", at);
    styles.insert(svg.substr(from, svg.find("/>", from) - from));
  }
  CHECK(styles.size() == 32);
}

TEST_CASE("axes: round ticks, k and M, the least span, steps that hold") {
  LineChart chart;
  chart.legend = {"a"};
  chart.panels = {{"p", {{0, {0, 1e6}, {0.5, 0.5001}, {}, {}}}}};
  chart.least_span = 0.1;
  const std::string svg = line_chart_svg(chart);
  CHECK(count(svg, ">1M</text>") == 1);
  CHECK(count(svg, ">500k</text>") + count(svg, ">400k</text>") >= 1);
  CHECK(count(svg, ">0.5</text>") == 1);
  CHECK(count(svg, ">0.5001</text>") == 0);
  chart.steps = true;
  chart.panels = {{"p", {{0, {0, 1, 2}, {1, 0, 1}, {0, 0, 0}, {1, 1, 1}}}}};
  const std::string stepped = line_chart_svg(chart);
  const std::size_t from = stepped.find("<polyline");
  const std::string points = stepped.substr(from, stepped.find("\" fill", from) - from);
  CHECK(count(points, ",") == 5);  // two corners more than values
  CHECK_THROWS_AS(line_chart_svg(LineChart{}), std::invalid_argument);
}

}  // namespace labhost
