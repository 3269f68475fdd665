// The table: loaded from a store, equal to the view `cell`, complete about what is missing.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/report/render.hpp"
#include "core/report/report.hpp"
#include "core/report/values.hpp"
#include "core/sdk/error.hpp"
#include "tests/report/store_fixture.hpp"

namespace labhost {
namespace {

using namespace testing;  // NOLINT: the fixture of this folder

/// Two tasks, three algorithms, three seeds. favorable: iql and maiql tie, ibc is worse. neutral:
/// maiql lacks seeds 1 (failed) and 2 (queued), ibc has no run, iql has all.
class TableFixture {
 public:
  TableFixture() : store(folder / "labhost.sqlite", Store::Access::kReadWrite) {
    Plan plan = make_plan("t3", "paper", {"favorable", "neutral"}, {"iql", "maiql", "ibc"}, 3);
    plan.layout.labels = {{"iql", "IQL"}, {"favorable", "Favorable"}};
    plan.layout.paper_table = "table3";
    plan.paper = {{"table3", "favorable", "iql", 1.0, 0.0},
                  {"table3", "favorable", "ibc", 0.5, 0.25},
                  {"table3", "neutral", "ibc", 0.4, {}}};
    plan.runs.push_back(make_run("favorable", "helper", 0));
    plan.runs.back().reported = false;
    store.record_plan(plan);
    for (int seed = 0; seed < 3; ++seed) {
      finish(store, "favorable", "iql", seed, 0.9 + 0.1 * seed);
      finish(store, "favorable", "maiql", seed, 1.0 + 0.05 * seed);
      finish(store, "favorable", "ibc", seed, 0.1 + 0.01 * seed);
      finish(store, "neutral", "iql", seed, 0.5);
    }
    finish(store, "neutral", "maiql", 0, 0.75);
    fail(store, "neutral", "maiql", 1, "metric critic/loss is NaN at step 7\nlast lines");
  }

  Table load(const std::optional<std::string>& profile = {}) {
    return load_table(store, "t3", profile);
  }
  std::string render(TableFormat format, bool compare = false) {
    return render_table(load(), format, compare);
  }

  TemporaryFolder folder;
  Store store;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_FIXTURE(TableFixture, "cells hold mean, error, missing and failed seeds") {
  const Table table = load();
  REQUIRE(table.cells.size() == 2);
  REQUIRE(table.cells[0].size() == 3);
  const CellSummary& iql = table.cells[0][0];
  CHECK(iql.task == "favorable");
  CHECK(iql.column == "iql");
  CHECK(iql.seeds == std::vector<std::int64_t>{0, 1, 2});
  CHECK(*iql.mean == doctest::Approx(1.0));
  CHECK(*iql.sem == doctest::Approx(0.1 / std::sqrt(3.0)));
  CHECK(*iql.paper_mean == 1.0);
  CHECK_FALSE(table.cells[0][1].paper_mean.has_value());
  const CellSummary& partial = table.cells[1][1];
  CHECK(partial.values == std::vector<double>{0.75});
  CHECK(partial.missing_seeds == std::vector<std::int64_t>{1, 2});
  CHECK(partial.failed_seeds == std::vector<std::int64_t>{1});
  CHECK_FALSE(partial.sem.has_value());
  CHECK_FALSE(table.cells[1][2].mean.has_value());
}

TEST_CASE_FIXTURE(TableFixture, "best cells: those not significantly different from the best") {
  const Table table = load();
  CHECK(table.cells[0][0].best);
  CHECK(table.cells[0][1].best);
  CHECK_FALSE(table.cells[0][2].best);
  CHECK_FALSE(table.cells[1][0].best);
  CHECK(table.cells[1][1].best);
  CHECK_FALSE(table.cells[1][2].best);
}

TEST_CASE_FIXTURE(TableFixture, "a row with one column of values marks none") {
  store.record_plan(make_plan("lone", "paper", {"neutral"}, {"iql", "ibc"}, 3));
  const Table table = load_table(store, "lone", {});
  CHECK(table.cells[0][0].mean.has_value());
  CHECK_FALSE(table.cells[0][0].best);
}

TEST_CASE_FIXTURE(TableFixture, "the view cell has the numbers of the table") {
  const Table table = load();
  const QueryResult view = store.query(
      "SELECT task, algorithm, seeds, mean, sem, paper_mean, paper_sem, difference FROM cell"
      " WHERE experiment = 't3' AND profile = 'paper'");
  CHECK(view.rows.size() == 6);  // the run that is not reported is no cell
  const auto same = [](const Cell& cell, const std::optional<double>& value) {
    const std::optional<double> other = cell_real(cell);
    if (!other || !value) return !other && !value;
    return std::abs(*other - *value) < 1e-14;
  };
  std::size_t compared = 0;
  for (const auto& row : table.cells) {
    for (const CellSummary& cell : row) {
      for (const auto& line : view.rows) {
        if (cell_text(line[0]) != cell.task || cell_text(line[1]) != cell.column) continue;
        ++compared;
        CHECK(cell_integer(line[2]) == static_cast<std::int64_t>(cell.values.size()));
        CHECK(same(line[3], cell.mean));
        CHECK(same(line[4], cell.sem));
        CHECK(same(line[5], cell.paper_mean));
        CHECK(same(line[6], cell.paper_sem));
        const bool both = cell.mean && cell.paper_mean;
        CHECK(same(line[7],
                   both ? std::optional<double>(*cell.mean - *cell.paper_mean) : std::nullopt));
      }
    }
  }
  CHECK(compared == 6);
}

TEST_CASE_FIXTURE(TableFixture, "text: aligned, marked, and every missing seed named") {
  CHECK(render(TableFormat::kText) ==
        "Table t3 (t3, profile paper)\n"
        "\n"
        "            IQL            maiql          ibc\n"
        "-----------------------------------------------------\n"
        "Favorable   1.00 ± 0.06*   1.05 ± 0.03*   0.11 ± 0.01\n"
        "neutral     0.50 ± 0.00    0.75 (1/3)*       – (0/3)\n"
        "\n"
        "mean ± standard error over 3 seeds; *: best of its row, or not significantly different"
        " from it (Welch, 5 %)\n"
        "missing: neutral maiql seeds 1, 2 (failed: 1; see labhost runs --filter status=failed)\n"
        "missing: neutral ibc seeds 0-2\n");
}

TEST_CASE_FIXTURE(TableFixture, "a seed that only other cells have is named too") {
  Plan both = make_plan("uneven", "paper", {"favorable", "neutral"}, {"iql", "maiql"}, 2);
  both.runs.pop_back();  // neutral's maiql, seed 1
  store.record_plan(both);
  const Table table = load_table(store, "uneven", {});
  CHECK(table.cells[0][0].absent_seeds.empty());
  CHECK(table.cells[1][1].absent_seeds == std::vector<std::int64_t>{1});
  const std::string text = render_table(table, TableFormat::kText, false);
  CAPTURE(text);
  CHECK(contains(text, "0.75 (1/2)"));
  CHECK(contains(text, "not planned: neutral maiql seed 1\n"));
}

TEST_CASE_FIXTURE(TableFixture,
                  "with one seed the highest is marked, and nothing is said of tests") {
  store.record_plan(make_plan("single", "paper", {"favorable"}, {"iql", "maiql"}, 1));
  const std::string text = render_table(load_table(store, "single", {}), TableFormat::kText, false);
  CHECK(contains(text, "one seed; *: highest of its row; a single seed cannot be tested\n"));
  CHECK_FALSE(contains(text, "Welch"));
}

TEST_CASE_FIXTURE(TableFixture, "text with the paper's numbers below ours") {
  const std::string text = render(TableFormat::kText, true);
  CHECK(contains(text, "  paper"));
  CHECK(contains(text, "0.50 ± 0.25"));
  CHECK(contains(text, "-0.39"));
  CHECK_FALSE(contains(text, "the paper has no numbers"));
  store.record_plan(make_plan("bare", "paper", {"neutral"}, {"iql", "ibc"}, 3));
  CHECK(contains(render_table(load_table(store, "bare", {}), TableFormat::kText, true),
                 "the paper has no numbers for this table"));
}

TEST_CASE_FIXTURE(TableFixture, "a completed run without a score is missing and says so") {
  finish(store, "neutral", "ibc", 1, {});
  const CellSummary cell = load().cells[1][2];
  CHECK(cell.missing_seeds == std::vector<std::int64_t>{0, 1, 2});
  CHECK(cell.valueless_seeds == std::vector<std::int64_t>{1});
  CHECK(contains(render(TableFormat::kText),
                 "missing: neutral ibc seeds 0-2 (completed without a number: 1)"));
}

TEST_CASE_FIXTURE(TableFixture, "a cell that a later plan leaves out is empty, not missing") {
  Plan plan = make_plan("t3", "paper", {"favorable"}, {"iql", "maiql", "ibc"}, 3);
  plan.layout.rows = {"favorable", "neutral"};
  plan.left_out = {{"neutral", "iql"}, {"neutral", "maiql"}, {"neutral", "ibc"}};
  store.record_plan(plan);
  const std::string text = render(TableFormat::kText);
  CHECK(contains(text, "neutral        –              –              –\n"));
  CHECK_FALSE(contains(text, "missing"));
  const std::string of_neutral =
      "SELECT count(*) FROM cell WHERE experiment = 't3' AND task = 'neutral'";
  CHECK(cell_integer(store.query(of_neutral).rows.at(0).at(0)) == 0);
  // The runs themselves are kept, and come back with the cell.
  store.record_plan(make_plan("t3", "paper", {"neutral"}, {"iql"}, 3));
  CHECK(cell_integer(store.query(of_neutral).rows.at(0).at(0)) == 1);
  CHECK(contains(render(TableFormat::kText), "0.50 ± 0.00"));
}

TEST_CASE_FIXTURE(TableFixture,
                  "a left-out cell whose run others need keeps that run, unreported") {
  Plan plan = make_plan("t3", "paper", {"neutral"}, {"iql"}, 1);
  plan.left_out = {{"neutral", "iql"}};
  plan.runs[0].reported = false;
  store.record_plan(plan);
  CHECK(load().cells[0][0].values.empty());
  const QueryResult links = store.query(
      "SELECT reported FROM experiment_run WHERE experiment = 't3' AND task = 'neutral' AND "
      "algorithm = 'iql'");
  REQUIRE(links.rows.size() == 1);
  CHECK(cell_integer(links.rows[0][0]) == 0);
}

TEST_CASE_FIXTURE(TableFixture, "Markdown") {
  const std::string text = render(TableFormat::kMarkdown);
  CHECK(contains(text, "**Table t3 (t3, profile paper)**\n\n| | IQL | maiql | ibc |\n"));
  CHECK(contains(text, "|---|---:|---:|---:|\n"));
  CHECK(contains(text, "| Favorable | **1.00 ± 0.06** | **1.05 ± 0.03** | 0.11 ± 0.01 |\n"));
  CHECK(contains(text, "- missing: neutral ibc seeds 0-2\n"));
  CHECK(contains(text, "; bold: best of its row"));
  CHECK(
      contains(render(TableFormat::kMarkdown, true), "| *paper* | 1.00 ± 0.00 | – | 0.50 ± 0.25"));
}

TEST_CASE_FIXTURE(TableFixture, "LaTeX is one tabular with as many cells as columns") {
  const std::string text = render(TableFormat::kLatex, true);
  CHECK(
      contains(text, "\\begin{tabular}{lccc}\n\\toprule\n & IQL & maiql & ibc \\\\\n\\midrule\n"));
  CHECK(contains(text, "Favorable & \\textbf{1.00 $\\pm$ 0.06} & \\textbf{1.05 $\\pm$ 0.03}"));
  CHECK(contains(text, "\\quad difference & 0.00 & -- & $-$0.39 \\\\\n"));
  CHECK(contains(text, "-- (0/3) \\\\\n"));
  CHECK(contains(text, "\\bottomrule\n\\end{tabular}\n"));
  CHECK(contains(text, "% missing: neutral ibc seeds 0-2\n"));
}

TEST_CASE("LaTeX and Markdown escape what means something there") {
  Grid grid;
  grid.title = "50 % &\nmore";
  grid.header = {"a_b & c"};
  grid.groups = {""};
  grid.rows = {{"[x] 100% $#{}~^\\<|>*", {{"1.00", false}}, false, ""}};
  const std::string latex = render_latex(grid);
  CHECK(contains(latex, " & a\\_b \\& c \\\\\n"));
  CHECK(contains(latex,
                 "{[}x{]} 100\\% \\$\\#\\{\\}\\textasciitilde{}\\textasciicircum{}"
                 "\\textbackslash{}\\textless{}\\textbar{}\\textgreater{}{*} & 1.00 \\\\\n"));
  CHECK(contains(latex, "% 50 % & more\n"));
  CHECK(contains(render_markdown(grid), "| \\[x\\] 100% $\\#{}~^\\\\\\<\\|>\\* | 1.00 |"));
}

TEST_CASE_FIXTURE(TableFixture, "CSV: one line per cell") {
  Table table = load();
  const std::string text = render_table(table, TableFormat::kCsv, false);
  CHECK(contains(text,
                 "experiment,profile,task,algorithm,seeds,mean,sem,paper_mean,paper_sem,"
                 "difference,best,missing_seeds\n"));
  CHECK(contains(text, "t3,paper,neutral,iql,3,0.5,0,,,,0,\n"));
  CHECK(contains(text, "t3,paper,neutral,maiql,1,0.75,,,,,1,1 2\n"));
  CHECK(contains(text, "t3,paper,neutral,ibc,0,,,0.4,,,0,0 1 2\n"));
  table.cells[0][0].task = "a, \"b\"";
  CHECK(
      contains(render_table(table, TableFormat::kCsv, false), "t3,paper,\"a, \"\"b\"\"\",iql,3,"));
}

TEST_CASE_FIXTURE(TableFixture, "JSON numbers read back as the same doubles") {
  const Table table = load();
  const auto json = nlohmann::json::parse(render_table(table, TableFormat::kJson, false));
  CHECK(json["experiment"] == "t3");
  CHECK(json["layout"]["rows"].size() == 2);
  REQUIRE(json["cells"].size() == 6);
  const auto& iql = json["cells"][0];
  CHECK(iql["mean"].get<double>() == *table.cells[0][0].mean);
  CHECK(iql["sem"].get<double>() == *table.cells[0][0].sem);
  CHECK(iql["values"][2]["seed"] == 2);
  CHECK(iql["values"][2]["value"].get<double>() == table.cells[0][0].values[2]);
  CHECK(iql["best"] == true);
  const auto& maiql = json["cells"][4];
  CHECK(maiql["sem"].is_null());
  CHECK(maiql["missing_seeds"] == nlohmann::json({1, 2}));
  CHECK(maiql["failed_seeds"] == nlohmann::json({1}));
}

TEST_CASE_FIXTURE(TableFixture, "the profile: named, or the one recorded last") {
  Plan quick = make_plan("t3", "quick", {"neutral"}, {"iql"}, 2);
  store.record_plan(quick);
  CHECK(load().profile == "quick");
  CHECK(load("paper").profile == "paper");
  CHECK_THROWS_WITH_AS(load("quik"), doctest::Contains("did you mean \"quick\"?"), InputError);
  CHECK_THROWS_WITH_AS(load_table(store, "t4", {}), doctest::Contains("no experiment \"t4\""),
                       InputError);
}

TEST_CASE("an empty store has no table") {
  const TemporaryFolder folder;
  Store store(folder / "labhost.sqlite", Store::Access::kReadWrite);
  CHECK_THROWS_WITH_AS(load_table(store, "t3", {}), doctest::Contains("labhost run"), InputError);
}

TEST_CASE("columns of metrics: the last value of each seed, no best, the paper's by metric name") {
  const TemporaryFolder folder;
  Store store(folder / "labhost.sqlite", Store::Access::kReadWrite);
  Plan plan = make_plan("t1", "paper", {"neutral"}, {"collect", "other"}, 3);
  plan.layout.metrics = {"data/min", "data/mean", "score"};
  plan.layout.paper_table = "table1";
  plan.paper = {{"table1", "neutral", "data/mean", 0.5, {}}};
  store.record_plan(plan);
  for (int seed = 0; seed < 2; ++seed) {
    const auto claimed = start(store, "neutral", "collect", seed);
    add_metric(store, claimed,
               {{"data/min", 1, 9.0, 0},
                {"data/min", 100, 0.1 + 0.2 * seed, 0},
                {"data/mean", 100, seed == 0 ? 0.6 : std::nan(""), 0}});
    store.complete(claimed.first, claimed.second, 0.25, {}, 1);
  }
  finish(store, "neutral", "other", 0, 123.0);
  const Table table = load_table(store, "t1", {});
  REQUIRE(table.cells.size() == 1);
  REQUIRE(table.cells[0].size() == 3);
  const CellSummary& minimum = table.cells[0][0];
  CHECK(minimum.values == std::vector<double>{0.1, 0.1 + 0.2});
  CHECK(minimum.missing_seeds == std::vector<std::int64_t>{2});
  const CellSummary& average = table.cells[0][1];
  CHECK(average.values == std::vector<double>{0.6});
  CHECK(average.valueless_seeds == std::vector<std::int64_t>{1});
  CHECK(*average.paper_mean == 0.5);
  CHECK(*table.cells[0][2].mean == 0.25);
  for (const CellSummary& cell : table.cells[0]) CHECK_FALSE(cell.best);
  const std::string text = render_table(table, TableFormat::kText, true);
  CHECK(contains(text, "missing: neutral data/min, score seed 2\n"));
  CHECK(contains(text, "missing: neutral data/mean seeds 1, 2 (completed without a number: 1)\n"));
  CHECK(contains(text, "0.10"));
}

TEST_CASE("rounding: no negative zero, signs of differences, infinities") {
  Table table;
  table.experiment = "e";
  table.profile = "p";
  table.layout.rows = {"r"};
  table.layout.columns = {"a", "b", "c"};
  table.layout.digits = 1;
  CellSummary cell;
  cell.task = "r";
  cell.values = {-0.04};
  cell.seeds = {0};
  cell.mean = -0.04;
  cell.paper_mean = -1.0;
  CellSummary infinite = cell;
  infinite.mean = -HUGE_VAL;
  CellSummary large = cell;
  large.mean = 1e300;
  large.paper_mean.reset();
  table.cells = {{cell, infinite, large}};
  const Grid grid = make_grid(table, true);
  CHECK(grid.rows[0].cells[0].text == "0.0");
  CHECK(grid.rows[0].cells[1].text == "-inf");
  CHECK(grid.rows[0].cells[2].text.size() == 303);
  CHECK(grid.rows[2].cells[0].text == "+1.0");
  CHECK(grid.rows[2].cells[2].text == "–");
}

TEST_CASE("seed lists and formats by name") {
  CHECK(seed_list({3}) == "3");
  CHECK(seed_list({3, 4}) == "3, 4");
  CHECK(seed_list({0, 1, 2, 5, 7, 8, 9}) == "0-2, 5, 7-9");
  CHECK(parse_table_format("latex") == TableFormat::kLatex);
  CHECK_THROWS_AS(parse_table_format("pdf"), InputError);
}

}  // namespace labhost
