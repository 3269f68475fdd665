// SQLite with C++ lifetimes and our errors. Internal to core/store.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace labhost {

/// Throws what SQLite's last error on `db` means to the user: InputError that names the file and
/// how to mend it where it lies with file, disk or another process, else std::runtime_error.
[[noreturn]] void throw_sqlite(sqlite3* db, int code);

/// The same for a file that could not be opened.
[[noreturn]] void throw_sqlite(const std::filesystem::path& file, int code,
                               const std::string& message);

/// Runs statements without results.
void execute(sqlite3* db, const char* sql);

/// Closes a connection when it goes out of scope.
class Connection {
 public:
  explicit Connection(sqlite3* db = nullptr) : db_(db) {}
  ~Connection() { sqlite3_close_v2(db_); }
  Connection(Connection&& other) noexcept : db_(other.release()) {}
  Connection& operator=(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  sqlite3* get() const { return db_; }
  sqlite3* release();

 private:
  sqlite3* db_;
};

/// One prepared statement. Parameters bind to ?1, ?2, ...; columns count from 0.
class Statement {
 public:
  Statement(sqlite3* db, std::string_view sql);
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// The text must stay alive until the statement has been run or bound anew.
  void bind(int index, std::string_view value);
  void bind(int index, const std::string& value) { bind(index, std::string_view(value)); }
  void bind(int index, const char* value) { bind(index, std::string_view(value)); }
  void bind(int index, std::int64_t value);
  void bind(int index, int value) { bind(index, std::int64_t{value}); }
  void bind(int index, bool value) { bind(index, std::int64_t{value}); }
  void bind(int index, double value);  ///< NaN becomes NULL: SQLite has no NaN
  void bind(int index, const std::optional<double>& value);

  /// Binds all parameters from ?1 on.
  template <typename... Values>
  Statement& with(const Values&... values) {
    int index = 0;
    (bind(++index, values), ...);
    return *this;
  }

  /// Moves to the next row; false at the end, where the statement is ready to be used again.
  bool step();
  /// Runs to the end, ignoring rows.
  void run();

  bool is_null(int column) const;
  std::int64_t integer(int column) const;  ///< 0 for NULL
  double real(int column) const;           ///< 0 for NULL
  std::optional<double> optional_real(int column) const;
  std::string text(int column) const;  ///< "" for NULL

 private:
  sqlite3_stmt* statement_ = nullptr;
};

/// BEGIN IMMEDIATE ... COMMIT; rolls back when it goes out of scope uncommitted. Immediate, because
/// a reading transaction that turns into a writing one fails at once where another process writes.
class Transaction {
 public:
  explicit Transaction(sqlite3* db);
  /// BEGIN IMMEDIATE locks every attached database. This one locks what `first_write` writes to, at
  /// once, and of the others nothing but their present state.
  Transaction(sqlite3* db, const char* first_write);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  sqlite3* db_;
  bool open_ = true;
};

/// While it lives, a commit returns only when it is on disk (synchronous = FULL), not merely safe
/// from a crash of this process (NORMAL). REQUIRES: made and destroyed outside transactions.
class SyncedCommits {
 public:
  explicit SyncedCommits(sqlite3* db);
  ~SyncedCommits();
  SyncedCommits(const SyncedCommits&) = delete;
  SyncedCommits& operator=(const SyncedCommits&) = delete;

 private:
  sqlite3* db_;
  std::int64_t before_ = 1;
};

}  // namespace labhost
