// Exports: complete, exact, of one moment, and of the chosen experiments alone.
#include "core/report/export.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/files.hpp"
#include "core/sdk/error.hpp"
#include "tests/report/store_fixture.hpp"

namespace labhost {
namespace {

using namespace testing;  // NOLINT: the fixture of this folder

class ExportFixture {
 public:
  ExportFixture() : store(folder / "labhost.sqlite", Store::Access::kReadWrite) {
    Plan plan = make_plan("one", "paper", {"easy"}, {"iql"}, 2);
    plan.layout.paper_table = "table1";
    plan.paper = {{"table1", "easy", "iql", 0.5, {}}};
    plan.runs.push_back(make_run("easy", "helper", 0));
    plan.runs.back().reported = false;
    store.record_plan(plan);
    store.record_plan(make_plan("two", "paper", {"hard"}, {"a, \"b\""}, 1));
    const auto claimed = start(store, "easy", "iql", 0);
    add_metric(store, claimed,
               {{"loss", 1, 0.1, 2}, {"loss", 2, NAN, 2}, {"loss", 3, HUGE_VAL, 2}});
    store.complete(claimed.first, claimed.second, 1.0 / 3, {}, 1);
  }

  nlohmann::json json(const std::vector<std::string>& experiments = {}) {
    std::ostringstream out;
    export_json(store, experiments, out);
    return nlohmann::json::parse(out.str()).at("tables");
  }

  TemporaryFolder folder;
  Store store;
};

/// The values of a column.
std::vector<nlohmann::json> column(const nlohmann::json& table, const std::string& name) {
  const auto names = table.at("columns").get<std::vector<std::string>>();
  const auto at = std::find(names.begin(), names.end(), name) - names.begin();
  std::vector<nlohmann::json> values;
  for (const auto& row : table.at("rows")) values.push_back(row.at(static_cast<std::size_t>(at)));
  return values;
}

}  // namespace

TEST_CASE_FIXTURE(ExportFixture, "JSON has every table, and numbers that read back the same") {
  const auto tables = json();
  CHECK(tables.size() == 11);
  CHECK(tables["run"]["rows"].size() == 4);
  CHECK(tables["experiment_run"]["rows"].size() == 4);
  CHECK(column(tables["run"], "score")[0].get<double>() == 1.0 / 3);
  const auto values = column(tables["metric"], "value");
  REQUIRE(values.size() == 3);
  CHECK(values[0].get<double>() == 0.1);
  CHECK(values[1].is_null());
  CHECK(values[2] == "inf");
  for (const auto& [name, table] : tables.items()) {
    CAPTURE(name);
    const auto rows = store.query("SELECT * FROM " + name);
    CHECK(table["rows"].size() == rows.rows.size());
    CHECK(table["columns"].get<std::vector<std::string>>() == rows.columns);
  }
}

TEST_CASE_FIXTURE(ExportFixture, "one experiment: its runs, those they need, nothing else") {
  const auto tables = json({"one"});
  CHECK(tables["experiment"]["rows"].size() == 1);
  CHECK(tables["run"]["rows"].size() == 3);
  CHECK(tables["cell"]["rows"].size() == 1);
  CHECK(tables["metric"]["rows"].size() == 3);
  for (const auto& name : column(tables["experiment_run"], "experiment")) CHECK(name == "one");
  CHECK(tables["paper_cell"]["rows"].size() == 1);
  CHECK(json({"two"})["paper_cell"]["rows"].empty());
  CHECK(json({"two"})["metric"]["rows"].empty());
  CHECK_THROWS_WITH_AS(json({"on"}), doctest::Contains("did you mean \"one\""), InputError);
}

TEST_CASE_FIXTURE(ExportFixture, "CSV: a file per table with a header, quoted where needed") {
  export_csv(store, {}, folder / "csv");
  const std::string metric = read_file(folder / "csv/metric.csv");
  CHECK(metric.rfind("run_id,name,step,value,time\n1,loss,1,0.1,", 0) == 0);
  CHECK(metric.find("\n1,loss,2,,") != std::string::npos);
  CHECK(metric.find("\n1,loss,3,inf,") != std::string::npos);
  CHECK(read_file(folder / "csv/run.csv").find("\"a, \"\"b\"\"\"") != std::string::npos);
  CHECK(read_file(folder / "csv/episode.csv") == "run_id,step,episode,return,score,length\n");
  CHECK_THROWS_WITH_AS(export_csv(store, {}, folder / "csv"), doctest::Contains("is not empty"),
                       InputError);
  std::ofstream(folder / "file") << "x";
  CHECK_THROWS_AS(export_csv(store, {}, folder / "file"), InputError);
}

TEST_CASE_FIXTURE(ExportFixture, "a snapshot does not see what is written meanwhile") {
  Store reader(store.file(), Store::Access::kReadOnly);
  const std::string count = "SELECT count(*) FROM run WHERE status = 'completed'";
  {
    const Store::Snapshot snapshot(reader);
    CHECK(std::get<std::int64_t>(reader.query(count).rows[0][0]) == 1);
    finish(store, "easy", "iql", 1, 0.5);
    CHECK(std::get<std::int64_t>(reader.query(count).rows[0][0]) == 1);
  }
  CHECK(std::get<std::int64_t>(reader.query(count).rows[0][0]) == 2);
}

}  // namespace labhost
