// Every table and figure of the paper at smoke size: `run`, then `report` or `plot`, in one store
// that begins empty. What two of them need is computed once.
#include "core/base/files.hpp"
#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

namespace {

/// Runs an experiment of ours and checks that `new_runs` had to be computed.
void smoke(const Workplace& place, const std::string& name, int new_runs) {
  CAPTURE(name);
  const std::string file = std::string(LABHOST_SOURCE) + "/experiments/" + name + ".toml";
  const Outcome outcome = place.labhost({"run", file, "--profile", "smoke"}, 300);
  REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
  const std::string told = name + ": " + std::to_string(new_runs) + " runs completed now";
  CHECK_MESSAGE(contains(outcome.err, told), outcome.err);
}

/// The table beside the paper's, without a gap; each of its claims is judged.
void check_table(const Workplace& place, const std::string& name) {
  CAPTURE(name);
  const Outcome report = place.labhost({"report", name, "--compare", "paper"});
  REQUIRE_MESSAGE(report.code == 0, report.err);
  CHECK(contains(report.out, "  paper "));
  CHECK_FALSE(contains(report.out, "missing:"));
  // Every cell that has a score of ours has one of the paper's.
  CHECK(
      value(place.store(), "SELECT count(*) FROM cell WHERE paper_mean IS NULL AND experiment = '" +
                               name + "' AND experiment NOT IN ('table1', 'table2')") == "0");
  CHECK(value(place.store(), "SELECT count(*) FROM cell WHERE seeds = 0 AND experiment = '" + name +
                                 "' AND experiment NOT IN ('table1', 'table2')") == "0");
  // From a cell to the seeds behind it.
  CHECK(value(place.store(),
              "SELECT count(*) FROM cell c WHERE c.experiment = '" + name +
                  "' AND c.seeds <> (SELECT count(r.score) FROM experiment_run e JOIN run r"
                  " ON r.id = e.run_id WHERE e.experiment = c.experiment AND e.profile = c.profile"
                  " AND e.task = c.task AND e.algorithm = c.algorithm)") == "0");
}

void check_figure(const Workplace& place, const std::string& name, int panels) {
  CAPTURE(name);
  for (const std::string ending : {".svg", ".png", ".pdf"}) {
    const Outcome plot = place.labhost({"plot", name, "--out", name + ending});
    REQUIRE_MESSAGE(plot.code == 0, plot.err);
  }
  const std::string svg = read_file(place.scratch / (name + ".svg"));
  CHECK_FALSE(contains(svg, "no runs yet"));
  CHECK_FALSE(contains(svg, "not completed"));
  int titles = 0;
  for (std::size_t at = svg.find("font-weight=\"bold\">"); at != std::string::npos;
       at = svg.find("font-weight=\"bold\">", at + 1)) {
    ++titles;
  }
  CHECK(titles == panels + 1);
  CHECK(place.labhost({"report", name, "--compare", "paper"}).code == 0);
}

/// Table 2's own: each task's data has a score, the replay is what all snapshots play (20 of 200
/// steps), and the files that show the collections by themselves ask for the same runs.
void check_collections(const Workplace& place) {
  CHECK(value(place.store(),
              "SELECT count(score) FROM run WHERE algorithm = 'behaviour' AND"
              " experiment = 'table2'") == "5");
  CHECK(value(place.store(),
              "SELECT value FROM latest_metric JOIN run ON run.id = run_id WHERE algorithm = "
              "'ant-full-replay-data' AND name = 'dataset/transitions'") == "4000");
  CHECK(contains(place.labhost({"report", "table2", "--compare", "paper"}).out, "1.523"));
  smoke(place, "datasets_ant", 0);
  smoke(place, "datasets_reacher", 0);
}

/// Settings that the paper has for some rows or columns alone.
void check_settings(const Workplace& place) {
  CHECK(rows(place.store(),
             "SELECT task FROM cell WHERE algorithm = 'iql' AND experiment ="
             " 'table4a'") == Rows{{"reacher-all"}});
  CHECK(
      rows(place.store(),
           "SELECT DISTINCT task, algorithm FROM run JOIN run_param ON run_id = run.id WHERE name "
           "= 'algorithm.cql_coefficient' AND value = '5' ORDER BY 1, 2") ==
      Rows{{"ant-expert-fo", "icql"},
           {"ant-expert-fo", "iomar"},
           {"ant-expert-po", "icql"},
           {"ant-expert-po", "iomar"}});
  CHECK(rows(place.store(),
             "SELECT DISTINCT algorithm FROM run JOIN run_param ON run_id = run.id WHERE name = "
             "'algorithm.scale_rewards' AND value = 'true' ORDER BY 1") ==
        Rows{{"iql"}, {"maiql"}, {"maiql-ft"}});
}

}  // namespace

TEST_CASE("every table and figure of the paper is one `run` and one `report` or `plot`") {
  const Workplace place;
  smoke(place, "table1", 3);
  smoke(place, "table2", 10);
  smoke(place, "table3", 27);
  smoke(place, "table4a", 23);  // the data is Table 2's
  smoke(place, "table4b", 64);
  smoke(place, "table5", 8);  // MOMA-PPO is Table 4 (b)'s
  smoke(place, "fig4", 8);
  smoke(place, "fig5", 0);
  smoke(place, "fig6", 0);
  smoke(place, "fig7", 0);
  smoke(place, "fig8", 6);
  smoke(place, "fig9", 12);
  for (const std::string name : {"table1", "table2", "table3", "table4a", "table4b", "table5"}) {
    check_table(place, name);
  }
  check_collections(place);
  check_settings(place);
  check_figure(place, "fig4", 2);
  check_figure(place, "fig5", 3);
  check_figure(place, "fig6", 8);
  check_figure(place, "fig7", 8);
  check_figure(place, "fig8", 2);
  check_figure(place, "fig9", 2);
  const Outcome page = place.labhost({"report", "--html", "all.html"});
  CHECK_MESSAGE(page.code == 0, page.err);
  const Outcome claims = place.labhost({"report", "table3", "--compare", "paper"});
  CHECK(contains(claims.out, "[holds] MOMA-PPO coordinates on every dataset"));
}

}  // namespace labhost::testing
