// `labhost report --html`, `plot` and `export` as their users call them.
#include <nlohmann/json.hpp>

#include "core/base/files.hpp"
#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

namespace {

/// kTable, run; tests only read its store.
const Workplace& done() {
  struct Place : Workplace {
    Place() {
      write(kTable);
      good = run().code == 0;
    }
    bool good = false;
  };
  static const Place place;
  REQUIRE(place.good);
  return place;
}

std::string written(const Workplace& place, const std::string& name) {
  return read_file(place.scratch / name);
}

}  // namespace

TEST_CASE("a figure as SVG, PNG and PDF") {
  const Workplace& place = done();
  const Outcome plain = place.labhost({"plot", "table"});
  CHECK(plain.code == 0);
  CHECK(plain.out == "table.svg\n");
  CHECK(written(place, "table.svg").rfind("<svg", 0) == 0);
  CHECK(place.labhost({"plot", "table", "--out", "a.png"}).code == 0);
  CHECK(written(place, "a.png").rfind("\x89PNG", 0) == 0);
  CHECK(place.labhost({"plot", "table", "--x", "progress", "--runs", "--out", "a.pdf"}).code == 0);
  CHECK(written(place, "a.pdf").rfind("%PDF", 0) == 0);
  CHECK(place.labhost({"plot", "table", "--kind", "profiles", "--out", "p.svg"}).code == 0);
  CHECK(contains(written(place, "p.svg"), "share of runs above it"));
}

TEST_CASE("what cannot be drawn says why, with exit code 2") {
  const Workplace& place = done();
  const auto refused = [&place](const Words& words, const std::string& part) {
    CAPTURE(part);
    const Outcome outcome = place.labhost(words);
    CHECK(outcome.code == 2);
    CHECK_MESSAGE(contains(outcome.err, part), outcome.err);
  };
  refused({"plot", "tabel"}, "did you mean \"table\"");
  refused({"plot"}, "expected an experiment's name");
  refused({"plot", "table", "--out", "a.gif"}, "ends in .svg, .png or .pdf");
  refused({"plot", "table", "--out", "no/such/a.svg"}, "does not exist");
  refused({"plot", "table", "--x", "policy/los"}, "has a metric \"policy/los\"");
  refused({"plot", "table", "--smoothing", "1"}, "from 0 to below 1");
  refused({"plot", "table", "--kind", "pie"}, "curves or profiles");
  refused({"plot", "table", "--env", "reacher"}, "an experiment has no --env");
  refused({"report", "--html", "--store", "x"}, "--html: expected a value, found \"--store\"");
  refused({"report", "--html", "no/such/a.html"}, "no/such");
  refused({"report", "--html", "a.html", "tabel"}, "did you mean \"table\"");
  refused({"report", "--html", "a.html", "--format", "md"}, "--format is for a table");
  refused({"report", "table", "table"}, "one experiment at a time");
  refused({"report", "table", "--score", "first"}, "last or best");
  refused({"export"}, "either --json FILE or --csv FOLDER");
  refused({"export", "--json", "no/such/a.json"}, "no/such");
  Workplace without_converter;
  fs::copy(place.store().parent_path(), without_converter.store().parent_path(),
           fs::copy_options::recursive);
  without_converter.surroundings.variables["PATH"] = "/nowhere";
  const Outcome outcome = without_converter.labhost({"plot", "table", "--out", "a.png"});
  CHECK(outcome.code == 2);
  CHECK(contains(outcome.err, "librsvg2-bin"));
  CHECK_FALSE(fs::exists(without_converter.scratch / "a.png"));
}

TEST_CASE("a page holds every experiment and the runs behind its cells") {
  const Workplace& place = done();
  CHECK(place.labhost({"report", "--html", "all.html"}).out == "all.html\n");
  const std::string page = written(place, "all.html");
  CHECK(place.labhost({"report", "--html", "-"}).out == page);
  const std::string open = "<script id=\"data\" type=\"application/json\">";
  const std::size_t from = page.find(open) + open.size();
  const auto data = nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
  REQUIRE(data["experiments"].size() == 1);
  CHECK(data["runs"].size() == 8);
  const auto& experiment = data["experiments"][0];
  for (std::size_t row = 0; row < 2; ++row) {
    for (std::size_t column = 0; column < 2; ++column) {
      const auto& cell = experiment["cells"][row][column];
      const std::string sql =
          "SELECT group_concat(run_id) FROM (SELECT run_id FROM experiment_run WHERE task = '" +
          experiment["rows"][row]["name"].get<std::string>() + "' AND algorithm = '" +
          experiment["columns"][column]["name"].get<std::string>() + "' ORDER BY seed)";
      std::string ids;
      for (const auto& id : cell["runs"]) ids += (ids.empty() ? "" : ",") + id.dump();
      CHECK(ids == value(place.store(), sql));
    }
  }
  CHECK_FALSE(experiment["curves"].is_null());
  CHECK(contains(page, "uPlot"));
  CHECK_FALSE(contains(page, "{{"));
}

TEST_CASE("statistics and exports of a real store") {
  const Workplace& place = done();
  const Outcome statistics = place.labhost({"report", "table", "--statistics"});
  CHECK(statistics.code == 0);
  CHECK(contains(statistics.out, "IQM, last"));
  CHECK(contains(place.labhost({"report", "table", "--score", "best"}).out, "optimistic"));
  CHECK(place.labhost({"export", "--csv", "out"}).code == 0);
  const std::string metrics = written(place, "out/metric.csv");
  CHECK(std::to_string(std::count(metrics.begin(), metrics.end(), '\n') - 1) ==
        value(place.store(), "SELECT count(*) FROM metric"));
  const auto json = nlohmann::json::parse(place.labhost({"export", "--json", "-"}).out);
  CHECK(std::to_string(json["tables"]["metric"]["rows"].size()) ==
        value(place.store(), "SELECT count(*) FROM metric"));
}

}  // namespace labhost::testing
