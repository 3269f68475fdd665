#include "core/store/connection.hpp"

#include <stdexcept>
#include <utility>

#include "core/sdk/error.hpp"
#include "core/store/store.hpp"

namespace labhost {
namespace {

std::string folder_of(const std::filesystem::path& file) {
  const std::filesystem::path folder = file.parent_path();
  return folder.empty() ? "." : folder.string();
}

void check(sqlite3* db, int code) {
  if (code != SQLITE_OK) throw_sqlite(db, code);
}

}  // namespace

void throw_sqlite(const std::filesystem::path& file, int code, const std::string& message) {
  const std::string name = file.string();
  const std::string folder = folder_of(file);
  if (code == SQLITE_IOERR_SHMSIZE) code = SQLITE_FULL;  // no room for the -shm file
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      throw DamagedStore(name +
                         ": expected a result store, found a file that is no SQLite database (" +
                         message + "); name another file with --store, or move this one away");
    case SQLITE_CORRUPT:
      throw DamagedStore(name + ": the result store is damaged (" + message +
                         "); restore a copy, or save what can be read with `sqlite3 '" + name +
                         "' .recover | sqlite3 NEW.sqlite`, or move it away to start anew");
    case SQLITE_FULL:
      throw InputError(name + ": the disk is full; free some space for " + folder +
                       " and give the same command again: what was committed is safe");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      throw InputError(name + ": the result store cannot be written (" + message +
                       "); make the file and its folder " + folder +
                       " writable, or name another file with --store");
    case SQLITE_CANTOPEN:
      throw InputError(name + ": the result store cannot be opened (" + message +
                       "); check that the file, its -wal and -shm files and the folder " + folder +
                       " may be read and written, or name another file with --store");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw InputError(name + ": another process has kept the result store locked for a minute (" +
                       message + "); end it (`fuser '" + name + "'` names it) and try again");
    case SQLITE_IOERR:
      throw InputError(name + ": the disk reports an error (" + message + ", SQLite code " +
                       std::to_string(code) + "); check the disk that holds " + folder);
    default:
      throw std::runtime_error(name + ": " + message + " (SQLite code " + std::to_string(code) +
                               ")");
  }
}

void throw_sqlite(sqlite3* db, int code) {
  const int extended = sqlite3_extended_errcode(db);
  const char* name = sqlite3_db_filename(db, "main");
  throw_sqlite(name == nullptr ? "" : name, (extended & 0xff) == (code & 0xff) ? extended : code,
               sqlite3_errmsg(db));
}

void execute(sqlite3* db, const char* sql) {
  check(db, sqlite3_exec(db, sql, nullptr, nullptr, nullptr));
}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(db_, other.db_);
  return *this;
}

sqlite3* Connection::release() { return std::exchange(db_, nullptr); }

Statement::Statement(sqlite3* db, std::string_view sql) {
  check(db, sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr));
}

void Statement::bind(int index, std::string_view value) {
  check(sqlite3_db_handle(statement_),
        sqlite3_bind_text(statement_, index, value.empty() ? "" : value.data(),
                          static_cast<int>(value.size()), SQLITE_STATIC));
}

void Statement::bind(int index, std::int64_t value) {
  check(sqlite3_db_handle(statement_), sqlite3_bind_int64(statement_, index, value));
}

void Statement::bind(int index, double value) {
  check(sqlite3_db_handle(statement_), sqlite3_bind_double(statement_, index, value));
}

void Statement::bind(int index, const std::optional<double>& value) {
  if (value) return bind(index, *value);
  check(sqlite3_db_handle(statement_), sqlite3_bind_null(statement_, index));
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  // Reset at once: a statement left in its error would keep a rollback from ending.
  sqlite3* db = sqlite3_db_handle(statement_);
  const int reset = sqlite3_reset(statement_);
  if (code != SQLITE_DONE) throw_sqlite(db, reset);
  return false;
}

void Statement::run() {
  while (step()) {
  }
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }

std::optional<double> Statement::optional_real(int column) const {
  if (is_null(column)) return std::nullopt;
  return real(column);
}

std::string Statement::text(int column) const {
  // The order matters: bytes are those of the text that the first call makes.
  const void* bytes = sqlite3_column_text(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr
             ? std::string()
             : std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

Transaction::Transaction(sqlite3* db) : db_(db) { execute(db_, "BEGIN IMMEDIATE"); }

Transaction::Transaction(sqlite3* db, const char* first_write) : db_(db) {
  execute(db_, "BEGIN");
  try {
    execute(db_, first_write);
  } catch (...) {
    sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some errors (disk full).
  if (open_ && sqlite3_get_autocommit(db_) == 0) {
    sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void Transaction::commit() {
  execute(db_, "COMMIT");
  open_ = false;
}

SyncedCommits::SyncedCommits(sqlite3* db) : db_(db) {
  Statement level(db_, "PRAGMA synchronous");
  while (level.step()) before_ = level.integer(0);
  execute(db_, "PRAGMA synchronous = FULL");
}

SyncedCommits::~SyncedCommits() {
  const std::string back = "PRAGMA synchronous = " + std::to_string(before_);
  sqlite3_exec(db_, back.c_str(), nullptr, nullptr, nullptr);
}

}  // namespace labhost
