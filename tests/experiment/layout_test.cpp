// What a report shows: through JSON and back, and from the file's [report], [figure] and claims.
#include "core/experiment/layout.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/experiment/paper.hpp"
#include "core/sdk/error.hpp"
#include "tests/experiment/experiment_fixture.hpp"

namespace labhost {
namespace {

using namespace testing;  // NOLINT: the fixture of this folder

Plan plan_of(const std::string& text, const PlanOptions& options = {}) {
  return Experiment(text).plan(options);
}

PaperTable paper_of(const std::string& text) {
  const ScratchFolder scratch;
  scratch.write("paper.toml", text);
  return read_paper_table(scratch / "paper.toml");
}

const RunSpec& run_of(const Plan& plan, const std::string& algorithm) {
  return *runs_of(plan, algorithm).at(0);
}

std::string with_algorithms(const std::string& list, const std::string& tables) {
  return replaced(kExperiment, "algorithms = [\"maiql\", \"moma-ppo\"]",
                  "algorithms = [" + list + "]") +
         tables;
}

constexpr const char* kClaims = R"(table = "t"
[cells.easy]
a = [1.0, 0.1]
b = [0.5, 0.1]
[cells.hard]
a = [0.4]
[[claims]]
text = "a is better"
source = "Section 1"
conditions = [
  { algorithms = ["a"], tasks = ["easy"], beats = { algorithms = ["b"] } },
  { algorithms = ["a"], lower = { tasks = ["easy"] }, tasks = ["hard"], somewhere = true },
  { algorithms = ["b"], above = -0.5 },
]
)";

}  // namespace

TEST_CASE("a layout survives JSON; an older one has no groups, figure or claims") {
  ReportLayout layout;
  layout.title = "T";
  layout.rows = {"easy"};
  layout.columns = {"a", "b"};
  layout.labels = {{"a", "A"}};
  layout.groups = {{"a", "CTDE"}, {"easy", "FO"}};
  layout.figure.x = "progress";
  layout.figure.smoothing = 0.5;
  layout.figure.individual = true;
  layout.claims = paper_of(kClaims).claims;
  const nlohmann::json json = layout.to_json();
  CHECK(ReportLayout::from_json(json).to_json() == json);
  CHECK(layout.label("a") == "A");
  CHECK(layout.label("b") == "b");
  CHECK(layout.group("b").empty());
  CHECK(layout.full_label("easy") == "FO easy");
  nlohmann::json old = json;
  for (const char* key : {"groups", "figure", "claims"}) old.erase(key);
  const ReportLayout read = ReportLayout::from_json(old);
  CHECK(read.claims.empty());
  CHECK(read.figure.smoothing == 0.8);
  old.erase("rows");
  CHECK_THROWS_AS(ReportLayout::from_json(old), InputError);
}

TEST_CASE("claims of a paper file") {
  const PaperTable table = paper_of(kClaims);
  REQUIRE(table.claims.size() == 1);
  const Claim& claim = table.claims[0];
  CHECK(claim.source == "Section 1");
  REQUIRE(claim.conditions.size() == 3);
  CHECK(claim.conditions[0].relation == Condition::Relation::kBeats);
  CHECK(claim.conditions[0].against == std::vector<std::string>{"b"});
  CHECK(claim.conditions[1].against_tasks == std::vector<std::string>{"easy"});
  CHECK(claim.conditions[1].somewhere);
  CHECK(claim.conditions[2].value == -0.5);
  CHECK(claim.conditions[2].tasks.empty());
}

TEST_CASE("mistakes in claims name their line") {
  const auto fails = [](const std::string& from, const std::string& to, const char* message) {
    CAPTURE(from);
    CHECK_THROWS_WITH_AS(paper_of(replaced(kClaims, from, to)), doctest::Contains(message),
                         InputError);
  };
  fails("beats =", "beets =", ":11: unknown key \"beets\" in [claims.conditions]; did you mean");
  fails("beats = { algorithms = [\"b\"] }", "somewhere = true", "a condition needs a relation");
  fails("above = -0.5", "above = -0.5, below = 1", "name one relation");
  fails("above = -0.5", "above = \"much\"", "must be a number");
  fails("{ algorithms = [\"b\"] }", "{ algorithms = [\"c\"] }", "a claim names \"c\"");
  fails("tasks = [\"hard\"]", "tasks = [\"harder\"]", "did you mean \"hard\"");
  fails("{ algorithms = [\"b\"] }", "{}", "must name either algorithms or tasks");
  fails("somewhere = true", "somewhere = 1", "must be true or false");
  fails("source = \"Section 1\"\n", "", "claims.source is missing");
  CHECK_THROWS_WITH_AS(paper_of("table = \"t\"\nclaims = []\n"),
                       doctest::Contains("must be an array of tables"), InputError);
  // Without cells nothing says which names there are.
  CHECK(paper_of("table = \"f\"\n[[claims]]\ntext = \"x\"\nsource = \"y\"\n"
                 "conditions = [{ algorithms = [\"z\"], above = 0 }]\n")
            .claims.size() == 1);
}

TEST_CASE("[report.groups] and [figure]") {
  const std::string text = std::string(kExperiment) +
                           "[report.groups]\nCTDE = [\"maiql\"]\n\"FO\" = [\"neutral\"]\n"
                           "[figure]\nx = \"progress\"\nsmoothing = 0\nindividual = true\n";
  const ReportLayout layout = plan_of(text).layout;
  CHECK(layout.group("maiql") == "CTDE");
  CHECK(layout.full_label("neutral") == "FO neutral");
  CHECK(layout.figure.x == "progress");
  CHECK(layout.figure.smoothing == 0);
  CHECK(layout.figure.individual);
  CHECK_THROWS_WITH_AS(plan_of(replaced(text, "[\"maiql\"]\n\"FO", "[\"maigl\"]\n\"FO")),
                       doctest::Contains("report.groups names \"maigl\""), InputError);
  CHECK_THROWS_WITH_AS(plan_of(replaced(text, "smoothing = 0", "smoothing = 1")),
                       doctest::Contains("figure.smoothing must be below 1"), InputError);
  CHECK_THROWS_WITH_AS(plan_of(replaced(text, "smoothing", "smooth")),
                       doctest::Contains("unknown key \"smooth\" in [figure]"), InputError);
}

TEST_CASE("like: an algorithm with another's settings and some of its own") {
  const std::string text = with_algorithms("\"maiql\", \"low\", \"lower\"",
                                           "[algorithm.low]\nlike = \"maiql\"\nexpectile = 0.3\n"
                                           "[algorithm.lower]\nlike = \"low\"\nexpectile = 0.1\n");
  const Plan plan = plan_of(text);
  CHECK(run_of(plan, "low").method.plugin == "maiql");
  CHECK(run_of(plan, "low").method.params.at("expectile") == "0.3");
  CHECK(run_of(plan, "low").total_steps == 1000);
  CHECK(run_of(plan, "lower").method.params.at("expectile") == "0.1");
  CHECK(plan.layout.label("low") == "low");  // a label is its owner's
  // The other's profile and --set are taken as well; one's own table lies over both.
  PlanOptions options;
  options.profile = "smoke";
  options.set = {"algorithm.maiql.layers=3", "algorithm.maiql.expectile=0.9"};
  const Plan smoke = plan_of(text, options);
  CHECK(run_of(smoke, "low").total_steps == 50);
  CHECK(run_of(smoke, "low").method.params.at("layers") == "3");
  CHECK(run_of(smoke, "low").method.params.at("expectile") == "0.3");
  CHECK(run_of(smoke, "maiql").method.params.at("expectile") == "0.9");
}

TEST_CASE("like: unknown, circular, not a name") {
  const auto fails = [](const std::string& tables, const char* message) {
    CHECK_THROWS_WITH_AS(plan_of(std::string(kExperiment) + tables), doctest::Contains(message),
                         InputError);
  };
  fails("[algorithm.low]\nlike = \"maigl\"\n",
        "algorithm.low.like names \"maigl\", but there is no [algorithm.maigl]; did you mean");
  fails("[algorithm.a]\nlike = \"b\"\n[algorithm.b]\nlike = \"a\"\n", "circular like: a -> b -> a");
  fails("[algorithm.a]\nlike = \"a\"\n", "circular like: a -> a");
  fails("[algorithm.a]\nlike = 3\n", "algorithm.a.like must be text");
}

}  // namespace labhost
