// Queries of users, and the aggregates that they may use.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/sdk/error.hpp"
#include "core/store/functions.hpp"
#include "tests/store/support.hpp"

using namespace labhost;
using namespace labhost::store_testing;

namespace {

std::string query_error(Store& store, const std::string& sql,
                        const std::vector<Cell>& params = {}) {
  return message_of<InputError>([&] { store.query(sql, params); });
}

}  // namespace

TEST_CASE("a query gives names and typed values") {
  const TempFolder folder;
  Store store = store_with_runs(folder / "store.sqlite", 2);
  const QueryResult result = store.query(
      "SELECT id, 1.5 AS x, task, NULL, ?1, ?2 || '!' FROM run ORDER BY id; -- that is all",
      {std::int64_t{7}, std::string("hey")});
  CHECK(result.columns.size() == 6);
  CHECK(result.columns[1] == "x");
  REQUIRE(result.rows.size() == 2);
  CHECK(result.rows[1] == std::vector<Cell>{std::int64_t{2}, 1.5, std::string("favorable"),
                                            std::monostate{}, std::int64_t{7},
                                            std::string("hey!")});
  CHECK(contains(query_error(store, "SELECT ?1"), "1 parameters"));
  CHECK(contains(query_error(store, "SELECT 1", {1.0}), "given"));
  CHECK(store.query("SELECT id FROM run WHERE id > 5").rows.empty());
}

TEST_CASE("reading statements of all kinds pass") {
  const TempFolder folder;
  Store store = store_with_runs(folder / "store.sqlite", 2);
  for (const char* sql :
       {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3) SELECT i FROM n",
        "VALUES (1), (2)", "EXPLAIN QUERY PLAN SELECT * FROM cell", "PRAGMA table_info(run)",
        "PRAGMA user_version", "SELECT name FROM pragma_table_info('run')",
        "SELECT value FROM json_each('[1,2]')", "SELECT name FROM sqlite_schema"}) {
    CHECK_MESSAGE(query_error(store, sql) == "", std::string(sql));
  }
}

TEST_CASE("whatever could change something is refused, through either kind of connection") {
  const TempFolder folder;
  const auto file = folder / "store.sqlite";
  Store writer = store_with_runs(file, 2);
  Store reader(file, Store::Access::kReadOnly);
  for (Store* store : {&writer, &reader}) {
    for (const char* sql : {"DELETE FROM run",
                            "UPDATE run SET score = 1",
                            "INSERT INTO paper_cell DEFAULT VALUES",
                            "WITH x AS (SELECT 1) DELETE FROM run",
                            "DROP TABLE run",
                            "CREATE TABLE t (x)",
                            "CREATE TEMP TABLE t (x)",
                            "PRAGMA user_version = 7",
                            "PRAGMA journal_mode = DELETE",
                            "PRAGMA Journal_Mode(DELETE)",
                            "PRAGMA foreign_keys = OFF",
                            "PRAGMA wal_checkpoint",
                            "PRAGMA writable_schema = 1",
                            "ATTACH 'x.db' AS x",
                            "BEGIN",
                            "COMMIT",
                            "SAVEPOINT s",
                            "VACUUM",
                            "VACUUM INTO 'copy.db'",
                            "REINDEX",
                            "ANALYZE",
                            "EXPLAIN DELETE FROM run"}) {
      CHECK_MESSAGE(contains(query_error(*store, sql), "only one reading statement"),
                    std::string(sql));
    }
  }
  for (const char* sql : {"UPDATE sqlite_schema SET sql = ''", "DELETE FROM sqlite_schema"}) {
    CHECK(contains(query_error(writer, sql), "may not be modified"));
  }
  CHECK(contains(query_error(writer, "DELETE FROM run"), "found DELETE FROM run"));
  CHECK(contains(query_error(writer, "PRAGMA user_version = 7"), "PRAGMA user_version"));
  CHECK(count(writer, "SELECT count(*) FROM run") == 2);
  CHECK(count(writer, "PRAGMA user_version") == kSchemaVersion);
  writer.record_plan(make_plan_of(3));  // the guard is gone with the query
  CHECK(count(reader, "SELECT count(*) FROM run") == 3);
}

TEST_CASE("errors say what and where") {
  const TempFolder folder;
  Store store = store_with_runs(folder / "store.sqlite", 1);
  CHECK(contains(query_error(store, ""), "found nothing"));
  CHECK(contains(query_error(store, " -- only a comment"), "found nothing"));
  CHECK(contains(query_error(store, "SELECT 1; SELECT 2"), "more behind the first"));
  CHECK(contains(query_error(store, "SELECT 1; nonsense"), "more behind the first"));
  CHECK(query_error(store, "SELECT id\nFROM run\n  WHERE scoer > 1") ==
        "SQL:3:9: no such column: scoer\n    WHERE scoer > 1\n          ^");
  CHECK(contains(query_error(store, "SELEC 1"), "SQL:1:1: near \"SELEC\": syntax error"));
  CHECK(contains(query_error(store, "SELECT * FROM runs"), "no such table: runs"));
  CHECK(contains(query_error(store, "SELECT json('{')"), "malformed JSON"));
}

TEST_CASE("aggregates by hand") {
  CHECK(interquartile_mean({8, 1, 7, 2, 6, 3, 5, 100}) == doctest::Approx((3 + 5 + 6 + 7) / 4.0));
  CHECK(interquartile_mean({9, 1, 2, 3, 4}) == 3);  // one left out at each end
  CHECK(interquartile_mean({1, 2, 6}) == 3);        // too few to leave any out
  CHECK_FALSE(interquartile_mean({}));
  CHECK(standard_error({1, 2, 4}) == doctest::Approx(std::sqrt(7.0) / 3));
  CHECK_FALSE(standard_error({1}));
  CHECK_FALSE(bootstrap_interval({1}));
  CHECK(bootstrap_interval({2, 2, 2})->low == 2);
  CHECK(bootstrap_interval({2, 2, 2})->high == 2);
}

TEST_CASE("the bootstrap interval is near the normal one, and the same in any order") {
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) values.push_back(std::sin(i * 12.9898) * 3 + 1);
  const Interval interval = *bootstrap_interval(values);
  double mean = 0;
  for (const double value : values) mean += value / 100;
  const double half = 1.96 * *standard_error(values);
  CHECK(interval.low == doctest::Approx(mean - half).epsilon(0.1));
  CHECK(interval.high == doctest::Approx(mean + half).epsilon(0.1));
  const Interval reversed = *bootstrap_interval({values.rbegin(), values.rend()});
  CHECK(reversed.low == interval.low);
  CHECK(reversed.high == interval.high);
}

TEST_CASE("aggregates in SQL ignore NULLs and give NULL for too few values") {
  const TempFolder folder;
  Store store = store_with_runs(folder / "store.sqlite", 1);
  const QueryResult full = store.query(
      "SELECT iqm(x), sem(x), boot_lo(x), boot_hi(x) "
      "FROM (SELECT 1 AS x UNION ALL SELECT 2.0 UNION ALL SELECT NULL UNION ALL SELECT 4)");
  CHECK(std::get<double>(full.rows[0][0]) == doctest::Approx(7.0 / 3));
  CHECK(std::get<double>(full.rows[0][1]) == doctest::Approx(std::sqrt(7.0) / 3));
  CHECK(std::get<double>(full.rows[0][2]) == 1);  // 1 in 27 resamples is three times the least
  CHECK(std::get<double>(full.rows[0][3]) == 4);
  for (const char* values : {"SELECT 5 AS x WHERE 0", "SELECT NULL AS x"}) {
    const QueryResult none = store.query("SELECT iqm(x), sem(x), boot_lo(x), boot_hi(x) FROM (" +
                                         std::string(values) + ")");
    CHECK(none.rows[0] == std::vector<Cell>(4, std::monostate{}));
  }
  const QueryResult one = store.query("SELECT iqm(x), sem(x), boot_lo(x) FROM (SELECT 5 AS x)");
  CHECK(one.rows[0] == std::vector<Cell>{5.0, std::monostate{}, std::monostate{}});
  const QueryResult groups = store.query(
      "SELECT iqm(column2) FROM (VALUES ('a', 1), ('b', 5), ('a', 3)) GROUP BY column1");
  CHECK(groups.rows == std::vector<std::vector<Cell>>{{2.0}, {5.0}});
}
