// Stores joined: any order, twice, cut off, of another schema.
#include "core/store/merge.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <thread>
#include <vector>

#include "core/sdk/error.hpp"
#include "core/store/connection.hpp"
#include "tests/store/support.hpp"

using namespace labhost;
using namespace labhost::store_testing;
namespace fs = std::filesystem;

namespace {

constexpr auto kWrite = Store::Access::kReadWrite;
constexpr double kStale = 60;

std::string text_of(const Cell& cell) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&cell)) return std::to_string(*real);
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return "NULL";
}

/// All that a store says, under names that hold in every store.
std::vector<std::string> content(Store& store) {
  const char* queries[] = {
      "SELECT run_key, iif(status = 'queued', '', uuid), experiment, status, step, score, attempt, "
      "lost, seconds, error, "
      "reference FROM run ORDER BY run_key",
      "SELECT run_key, name, metric.step, value, time FROM metric JOIN run ON run.id = run_id "
      "ORDER BY 1, 2, 3",
      "SELECT run_key, episode.step, episode, return FROM episode JOIN run ON run.id = run_id "
      "ORDER BY 1, 2, 3",
      "SELECT run_key, name, value FROM run_param JOIN run ON run.id = run_id ORDER BY 1, 2",
      "SELECT run_key, name, value FROM provenance JOIN run ON run.id = run_id ORDER BY 1, 2",
      "SELECT run_key, kind, path, sha256, bytes FROM artifact JOIN run ON run.id = run_id "
      "ORDER BY 1, 2, 3",
      "SELECT r.run_key, n.run_key, a.path FROM run_needs JOIN run r ON r.id = run_needs.run_id "
      "JOIN artifact a ON a.id = artifact_id JOIN run n ON n.id = a.run_id ORDER BY 1, 2, 3",
      "SELECT name, profile, layout, planned_at FROM experiment ORDER BY 1, 2",
      "SELECT er.experiment, profile, er.task, er.algorithm, er.seed, run_key, reported, settings, "
      "planned_at FROM experiment_run er JOIN run ON run.id = run_id ORDER BY 1, 2, 3, 4, 5",
      "SELECT * FROM cell ORDER BY 1, 2, 3, 4",
      "SELECT * FROM paper_cell ORDER BY 1, 2, 3"};
  std::vector<std::string> lines;
  for (const char* query : queries) {
    for (const auto& row : store.query(query).rows) {
      std::string line;
      for (const Cell& cell : row) line += text_of(cell) + '|';
      lines.push_back(line);
    }
  }
  return lines;
}

void write_metrics(const Store& store, std::int64_t run_id, std::int64_t attempt, std::int64_t rows,
                   double offset = 0) {
  MetricWriter writer(store.file(), run_id, attempt);
  for (std::int64_t step = 1; step <= rows; ++step) {
    writer.add(MetricRow{"loss", step, offset + static_cast<double>(step), 0.0});
    writer.add(MetricRow{"eval/score", step, offset, 0.0});
  }
  writer.add(EpisodeRow{rows, 0, offset, offset, 5});
  writer.progress(rows);
  writer.flush();
}

/// Runs a run of the store up to `steps` of 100, and to its end where `complete`.
void compute(Store& store, std::int64_t run_id, std::int64_t steps, bool complete,
             double offset = 0) {
  const auto attempt = store.claim(run_id, this_process(), kStale);
  REQUIRE(attempt);
  write_metrics(store, run_id, *attempt, steps, offset);
  store.set_provenance(run_id, {{"cpu", std::to_string(offset)}});
  if (!complete) return store.end_attempt(run_id, *attempt, "interrupted", "", 1);
  const std::string uuid = store.run_by_id(run_id)->uuid;
  store.complete(run_id, *attempt, offset,
                 {{0, "policy", run_id, "runs/" + uuid + "/policy", "abc", 3}}, 1);
}

MergeCounts merge(Store& target, const fs::path& source) {
  const MergeCounts counts = StoreMerger(target, source).take();
  link_needs(target);
  return counts;
}

void run_sql(const fs::path& file, const std::string& sql) {
  Store store(file, kWrite);
  execute(store.handle(), sql.c_str());
}

std::string journal_mode(Store& store) {
  Statement mode(store.handle(), "PRAGMA journal_mode");
  return mode.step() ? mode.text(0) : "";
}

std::string merge_error(const fs::path& target, const fs::path& source) {
  return message_of<InputError>([&] {
    Store store(target, kWrite);
    StoreMerger(store, source).take();
  });
}

}  // namespace

TEST_CASE("merging takes everything of a run, and again nothing") {
  const TempFolder folder;
  Store source(folder / "a" / "store.sqlite", kWrite);
  Plan plan = make_plan_of(3);
  plan.runs[2].needs = {{"teacher", plan.runs[0].run_key}};
  plan.paper = {{"table3", "favorable", "iql", 1.0, std::nullopt}};
  source.record_plan(plan);
  compute(source, 1, 100, true, 0.25);
  source.add_need(3, source.artifact_of(plan.runs[0].run_key)->id);
  compute(source, 3, 40, false);

  Store target(folder / "b" / "store.sqlite", kWrite);
  const MergeCounts counts = merge(target, source.file());
  CHECK(counts.added == 3);
  CHECK(counts.replaced == 0);
  CHECK(counts.metric_rows == 280);
  CHECK(content(target) == content(source));
  CHECK(count(target, "SELECT count(*) FROM run_needs") == 1);
  const MergeCounts again = merge(target, source.file());
  CHECK(again.added + again.replaced == 0);
  CHECK(again.known == 3);
  CHECK(content(target) == content(source));
  CHECK(text_of(single(target, "PRAGMA integrity_check")) == "ok");
}

TEST_CASE("what is further replaces what is behind, and keeps its number and its links") {
  const TempFolder folder;
  Store here(folder / "here.sqlite", kWrite);
  here.record_plan(make_plan_of(2));
  compute(here, 1, 30, false);
  fs::copy_file(here.file(), folder / "there.sqlite");
  if (fs::exists(folder / "here.sqlite-wal")) {
    fs::copy_file(folder / "here.sqlite-wal", folder / "there.sqlite-wal");
  }
  Store there(folder / "there.sqlite", kWrite);
  compute(there, 1, 100, true, 0.5);  // the second attempt
  CHECK(merge(here, there.file()).replaced == 1);
  CHECK(content(here) == content(there));
  CHECK(here.run_by_id(1)->attempt == 2);
  // What is behind does not come back.
  Store behind(folder / "behind.sqlite", kWrite);
  behind.record_plan(make_plan_of(2));
  CHECK(merge(here, behind.file()).replaced == 0);
  CHECK(here.run_by_id(1)->status == "completed");
}

TEST_CASE("the order of sources does not matter: random stores, all orders") {
  std::mt19937 random(7);
  for (int round = 0; round < 6; ++round) {
    const TempFolder folder;
    std::vector<fs::path> files;
    for (int i = 0; i < 3; ++i) {
      files.push_back(folder / ("source" + std::to_string(i) + ".sqlite"));
      Store store(files.back(), kWrite);
      Plan plan = make_plan_of(4);
      // Sometimes the experiment's settings were others, or a part was planned.
      const std::string settings = "settings" + std::to_string(random() % 2);
      for (RunSpec& run : plan.runs) {
        run.settings = settings;
        run.run_key += settings;
      }
      plan.runs[3].needs = {{"teacher", plan.runs[0].run_key}};
      if (random() % 3 == 0) plan.runs.pop_back();
      store.record_plan(plan);
      for (std::size_t run = 0; run < plan.runs.size(); ++run) {
        const auto id = static_cast<std::int64_t>(run + 1);
        const auto what = random() % 4;
        if (what == 0) continue;
        compute(store, id, 10 + static_cast<std::int64_t>(random() % 50), what == 1, i + 1);
        if (what == 3) compute(store, id, 20, random() % 2 == 0, i + 10);
      }
    }
    std::vector<int> order = {0, 1, 2};
    std::vector<std::string> first;
    do {
      CAPTURE(round);
      CAPTURE(order[0] * 100 + order[1] * 10 + order[2]);
      Store target(folder / ("target" + std::to_string(order[0] * 9 + order[1] * 3) + ".sqlite"),
                   kWrite);
      for (const int i : order) merge(target, files[static_cast<std::size_t>(i)]);
      if (first.empty()) first = content(target);
      CHECK(content(target) == first);
      merge(target, files[static_cast<std::size_t>(order[0])]);
      CHECK(content(target) == first);
      CHECK(target.query("PRAGMA foreign_key_check").rows.empty());
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST_CASE("two machines have computed one run: one record stays, whole") {
  const TempFolder folder;
  std::vector<fs::path> files;
  for (int i = 0; i < 2; ++i) {
    Store store = store_with_runs(folder / (std::to_string(i) + ".sqlite"), 1);
    compute(store, 1, 50 + 50 * i, true, i);
    files.push_back(store.file());
  }
  run_sql(files[0], "UPDATE run SET finished_at = 2000");
  run_sql(files[1], "UPDATE run SET finished_at = 1000");
  Store target(folder / "target.sqlite", kWrite);
  merge(target, files[0]);
  CHECK(merge(target, files[1]).replaced == 1);  // the earlier one
  CHECK(count(target, "SELECT count(*) FROM metric") == 200);
  CHECK(count(target, "SELECT count(*) FROM artifact") == 1);
  Store source(files[1], kWrite);
  CHECK(target.run_by_id(1)->uuid == source.run_by_id(1)->uuid);
  CHECK(merge(target, files[0]).replaced == 0);
}

TEST_CASE("a run that is being computed here is not replaced by another record of it") {
  const TempFolder folder;
  Store target = store_with_runs(folder / "target.sqlite", 1);
  Store source = store_with_runs(folder / "source.sqlite", 1);
  compute(source, 1, 100, true);
  REQUIRE(target.claim(1, this_process(), kStale));
  CHECK(merge(target, source.file()).replaced == 0);
  CHECK(target.run_by_id(1)->status == "running");
  target.end_attempt(1, 1, "interrupted", "", 0);
  CHECK(merge(target, source.file()).replaced == 1);
}

TEST_CASE(
    "a shard: its run, what it needs as a reference, and what a killed writer had committed") {
  const TempFolder folder;
  Store main(folder / "labhost.sqlite", kWrite);
  Plan plan = make_plan_of(3);
  plan.runs[1].needs = {{"model", plan.runs[0].run_key}};
  plan.runs[2].needs = {{"policy", plan.runs[1].run_key}};
  main.record_plan(plan);
  compute(main, 1, 10, true, 0.5);
  compute(main, 2, 10, true, 0.5);
  const std::string uuid = main.run_by_id(3)->uuid;
  const fs::path file = main.shard_of(uuid);
  {
    Store shard(file, kWrite);
    CHECK(shard.is_shard());
    CHECK(shard.folder() == main.folder());
    CHECK(journal_mode(shard) == "delete");
    StoreMerger merger(shard, main.file());
    merger.take_runs({plan.runs[2].run_key});
    merger.take_references({plan.runs[1].run_key});
    // The need and its own need, without their metrics.
    CHECK(count(shard, "SELECT count(*) FROM run WHERE reference = 1") == 2);
    CHECK(count(shard, "SELECT count(*) FROM metric") == 0);
    CHECK(shard.artifact_of(plan.runs[1].run_key).has_value());
    CHECK(shard.artifact_of(plan.runs[0].run_key).has_value());
  }
  Child task([&](int) {
    Store shard(file, kWrite);
    const std::int64_t id = shard.runs_by_key({plan.runs[2].run_key}).begin()->second.id;
    const auto attempt = shard.claim(id, this_process(), kStale);
    write_metrics(shard, id, *attempt, 40);
    execute(shard.handle(),
            "PRAGMA cache_size = 1; BEGIN IMMEDIATE; DELETE FROM metric;"
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
            "INSERT INTO metric SELECT 1, 'x' || i, 1, 1, 1 FROM n");  // spilt to the file, never
                                                                       // committed
    kill(getpid(), SIGKILL);
    return std::string();
  });
  task.read_all();
  CHECK(fs::exists(file.string() + "-journal"));
  const MergeCounts counts = StoreMerger(main, file).take();
  CHECK(counts.replaced == 1);
  CHECK(counts.metric_rows == 80);
  CHECK(count(main, "SELECT count(*) FROM metric WHERE run_id = 3") == 80);
  CHECK(count(main, "SELECT count(*) FROM metric WHERE run_id = 1") == 20);
  CHECK(count(main, "SELECT count(*) FROM run WHERE reference = 1") == 0);
  CHECK(main.run_by_id(3)->status == "running");  // its owner is dead: the next claim takes it over
  CHECK(main.claim(3, this_process(), kStale) == 2);
  CHECK(main.run_by_id(3)->lost == 1);
}

TEST_CASE("killed while merging: a source is in as a whole or not at all") {
  const TempFolder folder;
  std::vector<fs::path> files;
  for (int i = 0; i < 12; ++i) {
    Plan plan = make_plan_of(1);
    plan.runs[0].run_key += std::to_string(i);
    plan.runs[0].seed = i;
    Store store(folder / (std::to_string(i) + ".sqlite"), kWrite);
    store.record_plan(plan);
    compute(store, 1, 3000, true, i);
    files.push_back(store.file());
  }
  Store expected(folder / "expected.sqlite", kWrite);
  for (const fs::path& file : files) merge(expected, file);
  std::mt19937 random(3);
  const fs::path target = folder / "target.sqlite";
  for (int i = 0; i < 12; ++i) {
    Child merger([&](int) {
      Store store(target, kWrite);
      for (const fs::path& file : files) merge(store, file);
      return std::string();
    });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60000));
    merger.kill_and_wait();
    Store store(target, kWrite);
    CHECK(count(store,
                "SELECT count(*) FROM run r WHERE status <> 'completed' OR 6000 <> "
                "(SELECT count(*) FROM metric WHERE run_id = r.id)") == 0);
    CHECK(text_of(single(store, "PRAGMA integrity_check")) == "ok");
  }
  Store store(target, kWrite);
  for (const fs::path& file : files) merge(store, file);
  CHECK(content(store) == content(expected));
}

TEST_CASE("no store, another schema: refused, nothing changed") {
  const TempFolder folder;
  const fs::path target = folder / "target.sqlite", source = folder / "source.sqlite";
  { store_with_runs(target, 1); }
  CHECK(contains(merge_error(target, source), "no result store there"));
  std::ofstream(source) << "no database at all, but long enough to be one, by far, is it not? "
                           "and it goes on for some time, as SQLite looks at the first hundred";
  CHECK(contains(merge_error(target, source), "source.sqlite"));
  fs::remove(source);
  { store_with_runs(source, 1); }
  SUBCASE("newer") {
    run_sql(source, "PRAGMA user_version = 99");
    CHECK(contains(merge_error(target, source), "versions up to"));
  }
  SUBCASE("older") {
    run_sql(source, "PRAGMA user_version = 1");
    CHECK(contains(merge_error(target, source), "older schema version 1"));
  }
  SUBCASE("other columns") {
    run_sql(source, "ALTER TABLE metric ADD COLUMN colour TEXT");
    CHECK(contains(merge_error(target, source), "its table metric differs"));
    CHECK(contains(merge_error(target, source), "colour TEXT"));
  }
  Store store(target, kWrite);
  CHECK(count(store, "SELECT count(*) FROM run") == 1);
}
