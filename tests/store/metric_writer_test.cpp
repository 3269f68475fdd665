#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "core/store/connection.hpp"
#include "tests/store/support.hpp"

using namespace labhost;
using namespace labhost::store_testing;
namespace fs = std::filesystem;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("what was added is there after a flush, NaN as NULL and infinities as such") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  Store store = store_with_runs(file, 1);
  MetricWriter writer(file, 1, *store.claim(1, this_process(), 60));
  const std::vector<double> values = {0.1, std::nan(""), kInfinity, -kInfinity, 1e-310};
  for (std::size_t i = 0; i < values.size(); ++i) {
    writer.add(MetricRow{"critic/loss", static_cast<std::int64_t>(i), values[i], 12.5});
  }
  writer.add(EpisodeRow{3, 1, -2.5, std::nan(""), 7});
  writer.progress(4);
  writer.flush();
  CHECK_FALSE(writer.failed());

  const QueryResult rows = store.query("SELECT value, time FROM metric ORDER BY step");
  REQUIRE(rows.rows.size() == 5);
  CHECK(std::get<double>(rows.rows[0][0]) == 0.1);
  CHECK(std::get<double>(rows.rows[0][1]) == 12.5);
  CHECK(std::holds_alternative<std::monostate>(rows.rows[1][0]));
  CHECK(std::get<double>(rows.rows[2][0]) == kInfinity);
  CHECK(std::get<double>(rows.rows[3][0]) == -kInfinity);
  CHECK(std::get<double>(rows.rows[4][0]) == 1e-310);
  CHECK(store.query("SELECT * FROM episode").rows[0] ==
        std::vector<Cell>{std::int64_t{1}, std::int64_t{3}, std::int64_t{1}, -2.5, std::monostate{},
                          std::int64_t{7}});
  CHECK(store.run_by_id(1)->step == 4);
}

TEST_CASE("a step written again has its last value, also within a batch") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  Store store = store_with_runs(file, 1);
  MetricWriter writer(file, 1, *store.claim(1, this_process(), 60));
  writer.add(MetricRow{"loss", 1, 1.0, 0.0});
  writer.add(MetricRow{"loss", 1, 2.0, 0.0});
  writer.flush();
  CHECK(std::get<double>(single(store, "SELECT value FROM metric")) == 2);
  writer.add(MetricRow{"loss", 1, 3.0, 0.0});
  writer.add(EpisodeRow{1, 0, 1.0, 1.0, 1});
  writer.add(EpisodeRow{1, 0, 4.0, 1.0, 1});
  writer.flush();
  CHECK(std::get<double>(single(store, "SELECT value FROM metric")) == 3);
  CHECK(std::get<double>(single(store, "SELECT return FROM episode")) == 4);
}

TEST_CASE("heartbeat and step are written without any rows, until the run ends") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  Store store = store_with_runs(file, 1);
  const std::int64_t attempt = *store.claim(1, this_process(), 60);
  execute(store.handle(), "UPDATE run SET heartbeat_at = 0");
  MetricWriter writer(file, 1, attempt);
  writer.progress(42);
  for (int i = 0; i < 300 && store.run_by_id(1)->step != 42; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(store.run_by_id(1)->step == 42);
  CHECK(std::abs(*store.run_by_id(1)->heartbeat_at - now_seconds()) < 5);
  store.complete(1, attempt, 1.0, {}, 0);
  writer.add(MetricRow{"late", 100, 1.0, 0.0});
  writer.flush();
  CHECK(store.run_by_id(1)->step == 100);  // complete() has the last word
  CHECK(count(store, "SELECT count(*) FROM metric") == 1);
}

TEST_CASE("drop_after deletes what a dead attempt wrote after its checkpoint") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  Store store = store_with_runs(file, 2);
  for (const std::int64_t run_id : {1, 2}) {
    MetricWriter writer(file, run_id, *store.claim(run_id, this_process(), 60));
    for (int step = 0; step <= 10; ++step) {
      writer.add(MetricRow{"a", step, 1.0, 0.0});
      writer.add(MetricRow{"b", step, 1.0, 0.0});
      writer.add(EpisodeRow{step, 0, 1.0, 1.0, 1});
    }
    writer.progress(10);
  }
  store.drop_after(1, 6);
  CHECK(count(store, "SELECT count(*) FROM metric WHERE run_id = 1") == 14);
  CHECK(count(store, "SELECT max(step) FROM metric WHERE run_id = 1") == 6);
  CHECK(count(store, "SELECT count(*) FROM episode WHERE run_id = 1") == 7);
  CHECK(store.run_by_id(1)->step == 6);
  store.drop_after(1, -1);
  CHECK(count(store, "SELECT count(*) FROM metric WHERE run_id = 1") == 0);
  CHECK(store.run_by_id(1)->step == 0);
  CHECK(count(store, "SELECT count(*) FROM metric WHERE run_id = 2") == 22);
}

TEST_CASE("view latest_metric: each series at its largest step") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  Store store = store_with_runs(file, 2);
  for (const std::int64_t run_id : {1, 2}) {
    MetricWriter writer(file, run_id, *store.claim(run_id, this_process(), 60));
    for (int step = 0; step < 5; ++step) {
      writer.add(MetricRow{"a", step, 10.0 * step, 0.0});
      writer.add(MetricRow{"b", 2 * step, step == 4 ? std::nan("") : 1.0, 0.0});
    }
  }
  const QueryResult all = store.query("SELECT * FROM latest_metric ORDER BY run_id, name");
  CHECK(all.columns == std::vector<std::string>{"run_id", "name", "step", "value"});
  REQUIRE(all.rows.size() == 4);
  CHECK(all.rows[2] == std::vector<Cell>{std::int64_t{2}, std::string("a"), std::int64_t{4}, 40.0});
  CHECK(std::get<std::int64_t>(all.rows[3][2]) == 8);
  CHECK(std::holds_alternative<std::monostate>(all.rows[3][3]));

  // The cost must not grow with the length of a series.
  const QueryResult plan =
      store.query("EXPLAIN QUERY PLAN SELECT value FROM latest_metric WHERE name = 'a'");
  std::string text;
  for (const auto& row : plan.rows) text += std::get<std::string>(row[3]) + '\n';
  CHECK(contains(text, "SEARCH metric USING PRIMARY KEY (ANY(run_id) AND name=?)"));
  CHECK_FALSE(contains(text, "SCAN metric"));
}

TEST_CASE("kill -9 amid writing: all flushed rows are there, the store is sound") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  { store_with_runs(file, 1); }
  constexpr int kPerFlush = 500;
  Child child([&](int descriptor) {
    Store store(file, Store::Access::kReadWrite);
    MetricWriter writer(file, 1, *store.claim(1, this_process(), 60));
    for (int step = 0;; ++step) {
      writer.add(MetricRow{"a", step, 1.0, 0.0});
      writer.add(MetricRow{"b", step, 1.0, 0.0});
      if ((step + 1) % kPerFlush != 0) continue;
      writer.flush();
      if (write(descriptor, "f", 1) != 1) return std::string();
    }
  });
  int flushes = 0;
  while (flushes < 20 && child.read_byte() == 'f') ++flushes;
  child.kill_and_wait();
  while (child.read_byte() == 'f') ++flushes;
  CHECK(flushes >= 20);

  Store store(file, Store::Access::kReadWrite);
  CHECK(std::get<std::string>(single(store, "PRAGMA integrity_check")) == "ok");
  for (const char* name : {"a", "b"}) {
    CHECK(std::get<std::int64_t>(single(store,
                                        "SELECT count(*) FROM metric WHERE name = ?1 AND step < ?2",
                                        {std::string(name), std::int64_t{flushes} * kPerFlush})) ==
          std::int64_t{flushes} * kPerFlush);
  }
  CHECK(store.claim(1, this_process(), 60) == 2);
}

TEST_CASE("a batch larger than a transaction is complete") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  Store store = store_with_runs(file, 1);
  constexpr std::int64_t kRows = 150'000;
  {
    MetricWriter writer(file, 1, *store.claim(1, this_process(), 60));
    execute(store.handle(), "BEGIN IMMEDIATE");  // let the batch grow beyond one transaction
    for (std::int64_t i = 0; i < kRows; ++i) {
      writer.add(MetricRow{"m" + std::to_string(i % 7), i / 7, 1.0, 0.0});
    }
    execute(store.handle(), "COMMIT");
    writer.flush();
  }
  CHECK(count(store, "SELECT count(*) FROM metric") == kRows);
}
