// Every way in which a store's file can be missing, wrong, damaged or out of reach.
#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>
#include <vector>

#include "core/sdk/error.hpp"
#include "core/store/open.hpp"
#include "tests/store/support.hpp"

using namespace labhost;
using namespace labhost::store_testing;
namespace fs = std::filesystem;

namespace {

constexpr auto kRead = Store::Access::kReadOnly;
constexpr auto kWrite = Store::Access::kReadWrite;

std::string open_error(const fs::path& file, Store::Access access) {
  return message_of<InputError>([&] { Store store(file, access); });
}

void run_sql(const fs::path& file, const char* sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
  const Connection connection(db);
  execute(db, sql);
}

/// Runs `action` in a process without root's rights: for root no folder is read-only.
std::string unprivileged(const std::function<std::string()>& action) {
  Child child([&](int) {
    constexpr uid_t kNobody = 65534;
    if (geteuid() == 0 && setuid(kNobody) != 0) return std::string("setuid failed");
    return action();
  });
  return child.read_all();
}

struct Unmount {
  fs::path folder;
  ~Unmount() { umount2(folder.c_str(), MNT_DETACH); }
};

std::string open_unprivileged(const fs::path& file, Store::Access access) {
  return unprivileged([&] {
    Store store(file, access);
    return "runs: " + std::to_string(count(store, "SELECT count(*) FROM run"));
  });
}

}  // namespace

TEST_CASE("a new store is made with its folder, and opened again by readers and writers") {
  const TempFolder folder;
  const fs::path file = folder / "a" / "b" / "store.sqlite";
  {
    Store store = store_with_runs(file, 2);
    CHECK(store.folder() == file.parent_path());
    Statement journal(store.handle(), "PRAGMA journal_mode");
    REQUIRE(journal.step());
    CHECK(journal.text(0) == "wal");
    CHECK(count(store, "PRAGMA user_version") == kSchemaVersion);
    Store reader(file, kRead);
    CHECK(count(reader, "SELECT count(*) FROM run") == 2);
    CHECK(contains(message_of<InputError>([&] { reader.record_plan(make_plan_of(3)); }),
                   "cannot be written"));
  }
  CHECK_FALSE(fs::exists(file.string() + ".new"));
  CHECK(open_error(file, kWrite) == "");
}

TEST_CASE("an empty file becomes a store, without the log of one that was deleted") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  const std::string log = file.string() + "-wal";
  {
    const Store old = store_with_runs(file, 5);
    fs::copy_file(log, folder / "saved");
  }
  fs::remove(file);
  fs::copy_file(folder / "saved", log);
  std::ofstream{file};
  CHECK(contains(open_error(file, kRead), "no result store there"));
  Store store(file, kWrite);
  CHECK(count(store, "SELECT count(*) FROM run") == 0);
}

TEST_CASE("a name with the characters of an URI is only a name") {
  const TempFolder folder;
  const fs::path file = folder / "100%25 a?b#c.sqlite";
  { store_with_runs(file, 1); }
  CHECK(fs::exists(file));
  CHECK(open_error(file, kRead) == "");
}

TEST_CASE("what is not a store is refused by name") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  SUBCASE("missing") {
    CHECK(contains(open_error(file, kRead), file.string() + ": no result store there"));
    CHECK_FALSE(fs::exists(file));
  }
  SUBCASE("a text") {
    std::ofstream(file) << "A long enough text that is no database. " << std::string(2000, 'x');
    for (const auto access : {kRead, kWrite}) {
      CHECK(contains(open_error(file, access), file.string() + ": expected a result store"));
    }
    CHECK(fs::file_size(file) > 2000);
  }
  SUBCASE("a folder") {
    fs::create_directory(file);
    for (const auto access : {kRead, kWrite}) {
      CHECK(contains(open_error(file, access), "found a folder"));
    }
  }
  SUBCASE("another program's database") {
    run_sql(file, "CREATE TABLE song (title)");
    for (const auto access : {kRead, kWrite}) {
      CHECK(contains(open_error(file, access), "database of another program"));
    }
  }
  SUBCASE("a folder in the path is a file") {
    std::ofstream(folder / "plain") << "x";
    CHECK(contains(open_error(folder / "plain" / "store.sqlite", kWrite), "plain"));
  }
}

TEST_CASE("a newer schema is refused with both versions") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  { store_with_runs(file, 1); }
  run_sql(file, "PRAGMA user_version = 99");
  for (const auto access : {kRead, kWrite}) {
    const std::string error = open_error(file, access);
    CHECK(contains(error, "schema version 99"));
    CHECK(contains(error, "versions up to " + std::to_string(kSchemaVersion)));
  }
}

TEST_CASE("a damaged store is reported, not repaired and not overwritten") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  { store_with_runs(file, 50); }
  const auto size = fs::file_size(file);
  SUBCASE("truncated") {
    fs::resize_file(file, size / 2);
    for (const auto access : {kRead, kWrite}) {
      CHECK(contains(open_error(file, access), file.string() + ": the result store is damaged"));
    }
    CHECK(fs::file_size(file) == size / 2);
  }
  SUBCASE("cut within its header") {
    fs::resize_file(file, 60);
    for (const auto access : {kRead, kWrite}) {
      CHECK(contains(open_error(file, access), "the result store is damaged"));
    }
  }
  SUBCASE("overwritten pages") {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(4096);
    stream << std::string(static_cast<std::size_t>(size) - 4096, '\x5a');
    stream.close();
    const std::string error = message_of<InputError>([&] {
      Store store(file, kWrite);
      store.record_plan(make_plan_of(60));
    });
    CHECK(contains(error, "damaged"));
    CHECK(contains(message_of<InputError>([&] {
                     Store store(file, kRead);
                     store.query("SELECT sum(seed) FROM run");
                   }),
                   "damaged"));
  }
}

TEST_CASE("a read-only folder: reading works, writing says what to mend") {
  const TempFolder folder;
  chmod(folder.path().c_str(), 0755);
  const fs::path file = folder / "store.sqlite";
  { store_with_runs(file, 3); }
  chmod(file.c_str(), 0644);
  chmod(folder.path().c_str(), 0555);
  CHECK(open_unprivileged(file, kRead) == "runs: 3");
  CHECK(contains(open_unprivileged(file, kWrite), "writable"));
  const std::string error = open_unprivileged(folder / "new.sqlite", kWrite);
  CHECK(contains(error, (folder / "new.sqlite").string()));
  CHECK(contains(error, "make the folder writable"));
  CHECK(contains(open_unprivileged(folder / "new" / "new.sqlite", kWrite), "writable"));

  // A log with newer rows must not be passed over.
  chmod(folder.path().c_str(), 0755);
  const std::string wal = file.string() + "-wal";
  std::ofstream(wal) << "rows";
  chmod(folder.path().c_str(), 0555);
  CHECK(contains(open_unprivileged(file, kRead), "cannot be opened"));
  chmod(folder.path().c_str(), 0755);
}

TEST_CASE("an unreadable file is reported") {
  const TempFolder folder;
  chmod(folder.path().c_str(), 0755);
  const fs::path file = folder / "store.sqlite";
  { store_with_runs(file, 1); }
  chmod(file.c_str(), 0);
  if (geteuid() != 0) return;  // the file is ours: an owner without root's help sees the same
  CHECK(contains(open_unprivileged(file, kRead), "cannot be opened"));
  CHECK(contains(open_unprivileged(file, kWrite), "cannot be opened"));
}

TEST_CASE("a full disk: nothing half-made, what was committed stays") {
  const TempFolder folder;
  const fs::path disk = folder / "disk";
  fs::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") != 0) {
    MESSAGE("skipped: a small disk cannot be mounted here");
    return;
  }
  const Unmount unmount{disk};
  const fs::path file = disk / "store.sqlite";
  const fs::path filler = disk / "filler";
  {
    std::ofstream full(filler);
    full << std::string(2 << 20, 'x');
  }
  CHECK(contains(open_error(file, kWrite), "disk is full"));
  CHECK_FALSE(fs::exists(file));
  CHECK_FALSE(fs::exists(file.string() + ".new"));
  fs::remove(filler);
  {
    Store store = store_with_runs(file, 2);
    const std::int64_t attempt = *store.claim(1, this_process(), 60);
    MetricWriter writer(file, 1, attempt);
    for (int step = 0; step < 10; ++step) writer.add(MetricRow{"loss", step, 1.0, 0.0});
    writer.flush();
    for (int step = 10; step < 100'000; ++step) writer.add(MetricRow{"loss", step, 1.0, 0.0});
    for (int i = 0; i < 2; ++i) {
      CHECK(contains(message_of<std::runtime_error>([&] { writer.flush(); }), "disk is full"));
    }
    CHECK(writer.failed());
    writer.add(MetricRow{"loss", 5, 1.0, 0.0});  // no effect, no error
    CHECK(count(store, "SELECT count(*) FROM metric WHERE step < 10") == 10);
    CHECK(std::get<std::string>(single(store, "PRAGMA integrity_check")) == "ok");
  }
}

TEST_CASE("a store of version 1 becomes what a new one is, with its rows") {
  const TempFolder folder;
  const fs::path file = folder / "old.sqlite";
  {
    std::ifstream text(LABHOST_SOURCE "/tests/fixtures/store_schema_1.sql");
    const std::string schema((std::istreambuf_iterator<char>(text)), {});
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
    const Connection connection(db);
    execute(db, schema.c_str());
    execute(db,
            "PRAGMA application_id = 1818321512; PRAGMA user_version = 1;"
            "INSERT INTO experiment VALUES ('table3', 'paper', '{}', 1234.5);"
            "INSERT INTO run (run_key, uuid, experiment, task, algorithm, environment, dataset,"
            " seed, total_steps, config, status, score)"
            " VALUES ('k', 'u', 'table3', 't', 'a', 'e', 'd', 0, 5, '{}', 'completed', 0.5);"
            "INSERT INTO experiment_run VALUES ('table3', 'paper', 't', 'a', 0, 1, 1, 's')");
  }
  CHECK(contains(open_error(file, kRead), "older schema version 1"));
  Store store(file, kWrite);
  CHECK(count(store, "PRAGMA user_version") == kSchemaVersion);
  CHECK(count(store, "SELECT lost + reference FROM run") == 0);
  CHECK(std::get<double>(single(store, "SELECT planned_at FROM experiment_run")) == 1234.5);
  CHECK(std::get<double>(single(store, "SELECT mean FROM cell")) == 0.5);
  Store fresh(folder / "new.sqlite", kWrite);
  const std::string columns =
      "SELECT group_concat(t.name || ' ' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' "
      "|| coalesce(c.dflt_value, '') || ' ' || c.pk, char(10)) FROM "
      "(SELECT * FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name) AS t "
      "JOIN pragma_table_info(t.name) AS c";
  CHECK(std::get<std::string>(single(store, columns)) ==
        std::get<std::string>(single(fresh, columns)));
}

TEST_CASE("migration: step by step, in one transaction, under a lock") {
  const TempFolder folder;
  const fs::path file = folder / "store.sqlite";
  { store_with_runs(file, 3); }
  Schema newer{kSchemaVersion + 2,
               "",
               {{kSchemaVersion, "ALTER TABLE run ADD COLUMN colour TEXT DEFAULT 'red'"},
                {kSchemaVersion + 1, "UPDATE run SET colour = 'blue' WHERE id = 2"}}};
  SUBCASE("all steps run, in order") {
    const Connection connection = open_store(file, kWrite, newer);
    Statement row(connection.get(), "SELECT group_concat(colour) FROM run");
    REQUIRE(row.step());
    CHECK(row.text(0) == "red,blue,red");
    CHECK(
        contains(open_error(file, kWrite), "schema version " + std::to_string(kSchemaVersion + 2)));
  }
  SUBCASE("a reader does not migrate") {
    const std::string error = message_of<InputError>([&] { open_store(file, kRead, newer); });
    CHECK(contains(error, "older schema version " + std::to_string(kSchemaVersion)));
    CHECK(open_error(file, kRead) == "");
  }
  SUBCASE("a failing step leaves the old version") {
    newer.migrations[1].sql = "UPDATE nothing_there SET colour = 'blue'";
    CHECK_THROWS(open_store(file, kWrite, newer));
    Store store(file, kWrite);
    CHECK(count(store, "PRAGMA user_version") == kSchemaVersion);
    CHECK_THROWS_AS(store.query("SELECT colour FROM run"), InputError);
  }
  SUBCASE("a version from which no step leads") {
    newer.migrations.erase(newer.migrations.begin());
    CHECK(contains(message_of<InputError>([&] { open_store(file, kWrite, newer); }),
                   "older labhost"));
  }
  SUBCASE("16 processes at once: each step runs once") {
    newer.migrations[1].sql = "UPDATE run SET seed = seed + 1000; UPDATE run SET colour = 'blue'";
    std::vector<Child> children;
    for (int i = 0; i < 16; ++i) {
      children.emplace_back([&](int) {
        open_store(file, kWrite, newer);
        return std::string("ok");
      });
    }
    for (Child& child : children) CHECK(child.read_all() == "ok");
    const Connection connection = open_store(file, kWrite, newer);
    Statement row(connection.get(), "SELECT max(seed) FROM run");
    REQUIRE(row.step());
    CHECK(row.integer(0) == 1002);
  }
}
