// Claims on cells: what decides one, what leaves it open, and that each of the paper's own claims
// holds on the paper's own numbers.
#include "core/report/claims.hpp"

#include <doctest/doctest.h>

#include "core/experiment/paper.hpp"
#include "core/report/statistics.hpp"

namespace labhost {
namespace {

using Relation = Condition::Relation;

CellSummary cell(const std::string& task, const std::string& algorithm,
                 const std::vector<double>& values) {
  CellSummary summary;
  summary.task = task;
  summary.column = algorithm;
  summary.values = values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    summary.seeds.push_back(static_cast<std::int64_t>(i));
  }
  if (!values.empty()) summary.mean = mean(values);
  return summary;
}

Condition condition(Relation relation, const std::vector<std::string>& algorithms,
                    const std::vector<std::string>& against = {}) {
  Condition asked;
  asked.relation = relation;
  asked.algorithms = algorithms;
  asked.against = against;
  return asked;
}

/// Two tasks; on "easy" a > b clearly, on "hard" a and b cannot be told apart; c has one seed.
class Claimed {
 public:
  Claimed() {
    table.layout.rows = {"easy", "hard"};
    table.layout.columns = {"a", "b", "c"};
    table.layout.labels = {{"a", "Method A"}};
    table.cells = {{cell("easy", "a", {1.0, 1.01, 0.99}), cell("easy", "b", {0.5, 0.51, 0.49}),
                    cell("easy", "c", {0.2})},
                   {cell("hard", "a", {0.4, 0.6, 0.5}), cell("hard", "b", {0.42, 0.63, 0.54}),
                    cell("hard", "c", {0.3})}};
  }

  Judgement judge(const std::vector<Condition>& conditions) {
    table.layout.claims = {{"a claim", "Section 1", conditions}};
    return judge_claims(table).at(0);
  }
  Verdict verdict(const Condition& asked) { return judge({asked}).verdict; }

  Table table;
};

std::filesystem::path paper_folder() {
  return std::filesystem::path(__FILE__).parent_path() / "../../experiments/paper";
}

/// A table that has the paper's cells and none of ours.
Table published(const PaperTable& paper) {
  Table table;
  table.layout.claims = paper.claims;
  for (const PaperCell& of : paper.cells) {
    if (table.layout.rows.empty() || table.layout.rows.back() != of.task) {
      table.layout.rows.push_back(of.task);
      table.cells.emplace_back();
    }
    CellSummary summary = cell(of.task, of.algorithm, {});
    summary.paper_mean = of.mean;
    summary.paper_sem = of.sem;
    table.cells.back().push_back(summary);
  }
  return table;
}

}  // namespace

TEST_CASE_FIXTURE(Claimed, "relations between cells of one task") {
  Condition easy = condition(Relation::kBeats, {"a"}, {"b"});
  easy.tasks = {"easy"};
  CHECK(verdict(easy) == Verdict::kHolds);
  Condition hard = easy;
  hard.tasks = {"hard"};
  CHECK(verdict(hard) == Verdict::kDoesNotHold);
  hard.relation = Relation::kMatches;  // lower, but not significantly
  CHECK(verdict(hard) == Verdict::kHolds);
  hard.relation = Relation::kHigher;
  CHECK(verdict(hard) == Verdict::kDoesNotHold);
  hard.relation = Relation::kLower;
  CHECK(verdict(hard) == Verdict::kHolds);
  Condition worse = condition(Relation::kMatches, {"b"}, {"a"});
  worse.tasks = {"easy"};
  CHECK(verdict(worse) == Verdict::kDoesNotHold);
}

TEST_CASE_FIXTURE(Claimed, "without tasks a condition is about every row; somewhere: about one") {
  CHECK(verdict(condition(Relation::kBeats, {"a"}, {"b"})) == Verdict::kDoesNotHold);
  Condition somewhere = condition(Relation::kBeats, {"a"}, {"b"});
  somewhere.somewhere = true;
  CHECK(verdict(somewhere) == Verdict::kHolds);
  Condition above = condition(Relation::kAbove, {"a", "b"});
  above.value = 0.45;
  CHECK(verdict(above) == Verdict::kHolds);
  above.value = 0.55;
  CHECK(verdict(above) == Verdict::kDoesNotHold);
  Condition below = condition(Relation::kBelow, {"b"});
  below.value = 0.54;
  CHECK(verdict(below) == Verdict::kHolds);
}

TEST_CASE_FIXTURE(Claimed, "the same algorithm on another task") {
  Condition drop = condition(Relation::kLower, {"a"});
  drop.tasks = {"hard"};
  drop.against_tasks = {"easy"};
  CHECK(verdict(drop) == Verdict::kHolds);
  drop.relation = Relation::kHigher;
  CHECK(verdict(drop) == Verdict::kDoesNotHold);
}

TEST_CASE_FIXTURE(Claimed, "a verdict on two tasks tells where the trainings differ in length") {
  Condition drop = condition(Relation::kLower, {"a", "b"});
  drop.tasks = {"hard"};
  drop.against_tasks = {"easy"};
  table.cells[0][0].updates = table.cells[1][0].updates = 500;
  table.cells[0][1].updates = 500;
  table.cells[1][1].updates = 20;
  drop.algorithms = {"a"};
  CHECK(judge({drop}).why.find("trained for") == std::string::npos);
  drop.algorithms = {"a", "b"};
  const Judgement judged = judge({drop});
  CAPTURE(judged.why);
  CHECK(judged.why.find("trained for 20 updates in b on hard, 500 in b on easy") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(Claimed, "one seed can be compared, but not tested") {
  CHECK(verdict(condition(Relation::kHigher, {"a"}, {"c"})) == Verdict::kHolds);
  const Judgement tested = judge({condition(Relation::kBeats, {"a"}, {"c"})});
  CHECK(tested.verdict == Verdict::kNotEnoughRuns);
  CHECK(tested.why ==
        "c on easy has one seed, which no significance can be tested with (Method A on easy 1.00 "
        "± 0.01, c on easy 0.20 (one seed))");
}

TEST_CASE_FIXTURE(Claimed, "missing runs leave a claim open, unless another comparison fails") {
  table.cells[0][1].missing_seeds = {3, 4};
  const Judgement open = judge({condition(Relation::kHigher, {"a"}, {"b"})});
  CHECK(open.verdict == Verdict::kDoesNotHold);  // decided on "hard"
  Condition easy = condition(Relation::kHigher, {"a"}, {"b"});
  easy.tasks = {"easy"};
  const Judgement missing = judge({easy});
  CHECK(missing.verdict == Verdict::kNotEnoughRuns);
  CHECK(missing.why == "b on easy lacks seeds 3, 4");
  const Judgement absent = judge({condition(Relation::kHigher, {"a"}, {"d"})});
  CHECK(absent.verdict == Verdict::kNotEnoughRuns);
  CHECK(absent.why == "no run of d on easy is planned");
}

TEST_CASE_FIXTURE(Claimed, "all conditions of a claim must hold") {
  Condition yes = condition(Relation::kAbove, {"a"});
  Condition no = condition(Relation::kBelow, {"a"});
  CHECK(judge({yes, yes}).verdict == Verdict::kHolds);
  CHECK(judge({yes, no}).verdict == Verdict::kDoesNotHold);
  CHECK(judge({condition(Relation::kBeats, {"a"}, {"c"}), no}).verdict == Verdict::kDoesNotHold);
  CHECK(judge({yes}).why == "2 comparisons hold");
}

TEST_CASE("every claim of the paper holds on the paper's own numbers") {
  std::size_t claims = 0;
  for (const char* name : {"table3", "table4a", "table4b", "table5"}) {
    const PaperTable paper = read_paper_table(paper_folder() / (std::string(name) + ".toml"));
    const std::int64_t seeds = std::string(name) == "table3" ? 10 : 3;
    for (const Judgement& judged : judge_claims_on_paper(published(paper), seeds)) {
      CAPTURE(judged.claim.text);
      CAPTURE(judged.why);
      CHECK(judged.verdict == Verdict::kHolds);
      ++claims;
    }
  }
  CHECK(claims == 16);
}

TEST_CASE("a claim that the paper's numbers contradict does not hold on them") {
  PaperTable paper = read_paper_table(paper_folder() / "table4a.toml");
  for (PaperCell& of : paper.cells) {
    if (of.algorithm == "moma-ppo") of.mean = 0.1;
  }
  const auto judged = judge_claims_on_paper(published(paper), 3);
  CHECK(judged.at(0).verdict == Verdict::kDoesNotHold);
  CHECK(judged.at(2).verdict == Verdict::kHolds);  // MAIQL against independent learners
}

}  // namespace labhost
