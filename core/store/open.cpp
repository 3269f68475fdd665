// A store is created under another name and renamed when complete, so that no process ever sees a
// part of one; who creates or migrates holds an exclusive flock on FILE.lock. A store that is
// already there in the current version is opened without that lock.
#include "core/store/open.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "core/sdk/error.hpp"
#include "schema_sql.hpp"

namespace labhost {
namespace {

namespace fs = std::filesystem;

constexpr int kApplicationId = 0x6c616268;  // "labh": `file` and we recognise a store by it

fs::path beside(const fs::path& file, const char* suffix) { return file.string() + suffix; }

/// Polls for about a minute, each time after a few milliseconds. SQLite's own timeout waits up to a
/// tenth of a second between tries, so that among many writers some are never served. The spread
/// keeps processes that collided once from colliding again.
int wait_for_lock(void*, int tries) {
  constexpr int kMinute = 12000;  // tries of 5 ms on average
  if (tries >= kMinute) return 0;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const auto spread = std::chrono::microseconds(
      std::chrono::duration_cast<std::chrono::nanoseconds>(now).count() / 64 % 8000);
  const int start = std::min(tries + 1, 20);  // the first waits are shorter
  std::this_thread::sleep_for(std::chrono::microseconds(100 * start) + spread * start / 20);
  return 1;
}

/// The error of a system call on `path` as one that the user can mend.
[[noreturn]] void throw_system(const fs::path& path, const std::string& doing, int error) {
  const std::string reason = std::error_code(error, std::generic_category()).message();
  if (error == ENOSPC || error == EDQUOT) throw_sqlite(path, SQLITE_FULL, reason);
  throw InputError(path.string() + ": cannot " + doing + " (" + reason +
                   "); make the folder writable, or name another file with --store");
}

/// Exclusive among processes until it goes out of scope. The file stays: removing it would let two
/// processes lock two files of the same name.
class FileLock {
 public:
  explicit FileLock(const fs::path& path)
      : descriptor_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) throw_system(path, "create the lock file", errno);
    while (flock(descriptor_, LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      const int error = errno;
      close(descriptor_);
      throw_system(path, "lock the file", error);
    }
  }
  ~FileLock() { close(descriptor_); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_;
};

Connection open_file(const fs::path& file, int flags, const char* uri_query = nullptr) {
  std::string name = file.string();
  if (uri_query != nullptr) {
    std::string uri = "file:";
    for (const char c : fs::absolute(file).string()) {
      uri += c == '%' ? "%25" : c == '?' ? "%3f" : c == '#' ? "%23" : std::string(1, c);
    }
    name = uri + uri_query;
    flags |= SQLITE_OPEN_URI;
  }
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection connection(db);
  if (code != SQLITE_OK) {
    throw_sqlite(file, code, db == nullptr ? "out of memory" : sqlite3_errmsg(db));
  }
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_handler(db, wait_for_lock, nullptr);
  return connection;
}

std::int64_t pragma(sqlite3* db, const char* sql) {
  Statement statement(db, sql);
  return statement.step() ? statement.integer(0) : 0;
}

/// The version of a store, read from its header. Throws InputError when it is none of ours.
int read_version(sqlite3* db, const fs::path& file) {
  if (pragma(db, "PRAGMA application_id") != kApplicationId) {
    pragma(db, "SELECT count(*) FROM sqlite_schema");  // tells of damage, if that is the reason
    throw InputError(file.string() +
                     ": expected a result store, found an SQLite database of another program; "
                     "name another file with --store, or move this one away");
  }
  return static_cast<int>(pragma(db, "PRAGMA user_version"));
}

void refuse_newer(int found, const Schema& schema, const fs::path& file) {
  if (found <= schema.version) return;
  throw InputError(file.string() + ": the result store has schema version " +
                   std::to_string(found) + ", this program knows versions up to " +
                   std::to_string(schema.version) +
                   "; use a newer labhost, or name another file with --store");
}

void set_up(sqlite3* db) {
  execute(db,
          "PRAGMA synchronous = NORMAL;"
          "PRAGMA foreign_keys = ON;"
          "PRAGMA secure_delete = OFF;"  // Debian's default writes zeros over what is deleted
          "PRAGMA temp_store = MEMORY;");
}

/// Whether other machines may have the file open: a shard, a store with runs at Slurm, or what
/// those start from.
bool is_shared(const fs::path& file) {
  const fs::path folder = fs::absolute(file).parent_path();
  std::error_code error;
  return is_shard_path(file) || folder.parent_path().filename() == kSharedFolder ||
         fs::exists(folder / kSharedFolder, error);
}

/// REQUIRES: the lock is held and `file` is absent or empty.
void create(const fs::path& file, const Schema& schema) {
  const fs::path part = beside(file, ".new");
  const auto remove_part = [&part] {
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
      std::error_code ignored;
      fs::remove(beside(part, suffix), ignored);
    }
  };
  remove_part();
  try {
    Connection connection = open_file(part, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    Transaction transaction(connection.get());
    execute(connection.get(), schema.create.c_str());
    execute(connection.get(), ("PRAGMA application_id = " + std::to_string(kApplicationId) +
                               "; PRAGMA user_version = " + std::to_string(schema.version))
                                  .c_str());
    transaction.commit();
    if (!is_shared(file)) execute(connection.get(), "PRAGMA journal_mode = WAL");
  } catch (...) {
    remove_part();
    throw;
  }
  // What a deleted store of the same name has left would be replayed into the new one.
  fs::remove(beside(file, "-wal"));
  fs::remove(beside(file, "-shm"));
  fs::rename(part, file);
  const int folder = open(fs::absolute(file).parent_path().c_str(), O_RDONLY | O_CLOEXEC);
  if (folder < 0) return;
  fsync(folder);
  close(folder);
}

/// REQUIRES: the lock is held. All steps in one transaction: the store is of the old version or of
/// the new one, whatever happens.
void migrate(sqlite3* db, const fs::path& file, const Schema& schema) {
  execute(db, "PRAGMA foreign_keys = OFF");  // steps may rebuild tables that others refer to
  Transaction transaction(db);
  int version = read_version(db, file);
  refuse_newer(version, schema, file);
  for (; version < schema.version; ++version) {
    const auto step =
        std::find_if(schema.migrations.begin(), schema.migrations.end(),
                     [version](const Migration& migration) { return migration.from == version; });
    if (step == schema.migrations.end()) {
      throw InputError(file.string() + ": the result store has schema version " +
                       std::to_string(version) + ", from which this program (version " +
                       std::to_string(schema.version) +
                       ") cannot migrate; open it with an older labhost first");
    }
    execute(db, step->sql.c_str());
    execute(db, ("PRAGMA user_version = " + std::to_string(version + 1)).c_str());
  }
  transaction.commit();
}

bool absent_or_empty(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  return error ? error == std::errc::no_such_file_or_directory : size == 0;
}

/// Opens an existing file for reading. In a folder that cannot be written SQLite cannot make the
/// -shm file that WAL needs; where no -wal file holds newer pages, the file alone is the store.
Connection open_for_reading(const fs::path& file) {
  // What a killed writer has half-written is rolled back by the next who may write.
  if (!absent_or_empty(beside(file, "-journal")) && access(file.c_str(), W_OK) == 0) {
    const Connection repairing = open_file(file, SQLITE_OPEN_READWRITE);
    pragma(repairing.get(), "SELECT count(*) FROM sqlite_schema");
  }
  try {
    Connection connection = open_file(file, SQLITE_OPEN_READONLY);
    pragma(connection.get(), "SELECT count(*) FROM sqlite_schema");
    return connection;
  } catch (const InputError&) {
    const fs::path folder = fs::absolute(file).parent_path();
    const bool readable = access(file.c_str(), R_OK) == 0;
    if (!readable || access(folder.c_str(), W_OK) == 0 || !absent_or_empty(beside(file, "-wal"))) {
      throw;
    }
  }
  Connection connection = open_file(file, SQLITE_OPEN_READONLY, "?immutable=1");
  pragma(connection.get(), "SELECT count(*) FROM sqlite_schema");
  return connection;
}

Connection open_read_only(const fs::path& file, const Schema& schema) {
  if (absent_or_empty(file)) {
    throw InputError(file.string() +
                     ": no result store there; `labhost run EXPERIMENT` creates one, or name "
                     "another file with --store");
  }
  Connection connection = open_for_reading(file);
  const int version = read_version(connection.get(), file);
  refuse_newer(version, schema, file);
  if (version < schema.version) {
    throw InputError(file.string() + ": the result store has the older schema version " +
                     std::to_string(version) + ", this program reads version " +
                     std::to_string(schema.version) +
                     "; the next `labhost run` on it will migrate it");
  }
  return connection;
}

/// Opens an existing file for writing, whatever its version.
Connection open_for_writing(const fs::path& file) {
  Connection connection = open_file(file, SQLITE_OPEN_READWRITE);
  read_version(connection.get(), file);
  if (sqlite3_db_readonly(connection.get(), "main") == 1) {
    throw_sqlite(file, SQLITE_READONLY, "the file is read-only");
  }
  return connection;
}

bool uses_wal(sqlite3* db) {
  Statement statement(db, "PRAGMA journal_mode");
  return statement.step() && statement.text(0) == "wal";
}

Connection open_read_write(const fs::path& file, const Schema& schema) {
  if (!absent_or_empty(file)) {
    Connection connection = open_for_writing(file);
    const int version = read_version(connection.get(), file);
    refuse_newer(version, schema, file);
    if (version == schema.version && (uses_wal(connection.get()) || is_shared(file))) {
      return connection;
    }
  }
  const fs::path folder = fs::absolute(file).parent_path();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw_system(folder, "create the folder of the result store", error.value());

  const FileLock lock(beside(file, ".lock"));
  if (absent_or_empty(file)) {
    try {
      create(file, schema);
    } catch (const fs::filesystem_error& e) {
      throw_system(file, "create the result store", e.code().value());
    }
  }
  Connection connection = open_for_writing(file);
  migrate(connection.get(), file, schema);
  if (!uses_wal(connection.get()) && !is_shared(file)) {
    execute(connection.get(), "PRAGMA journal_mode = WAL");
  }
  return connection;
}

}  // namespace

const Schema& current_schema() {
  static const Schema schema{
      kSchemaVersion,
      kSchemaSql,
      {{1,
        "ALTER TABLE run ADD COLUMN lost INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE run ADD COLUMN reference INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE experiment_run ADD COLUMN planned_at REAL NOT NULL DEFAULT 0;"
        "UPDATE experiment_run SET planned_at = (SELECT planned_at FROM experiment"
        " WHERE name = experiment AND experiment.profile = experiment_run.profile);"
        "CREATE TABLE slurm_task (run_id INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,"
        " submission TEXT NOT NULL, task INTEGER NOT NULL, job TEXT, state TEXT NOT NULL,"
        " reason TEXT NOT NULL DEFAULT '');"}}};
  return schema;
}

bool is_shard_path(const fs::path& file) {
  return fs::absolute(file).parent_path().filename() == kShardFolder;
}

Connection open_store(const fs::path& file, Store::Access access, const Schema& schema) {
  std::error_code ignored;
  if (fs::is_directory(file, ignored)) {
    throw InputError(file.string() +
                     ": expected a result store, found a folder; name a file in it with --store");
  }
  Connection connection = access == Store::Access::kReadOnly ? open_read_only(file, schema)
                                                             : open_read_write(file, schema);
  set_up(connection.get());
  // A rollback journal that is not synced may be torn by a power failure, unlike a WAL.
  if (!uses_wal(connection.get())) execute(connection.get(), "PRAGMA synchronous = FULL");
  return connection;
}

}  // namespace labhost
