// One reading statement of a user or a report. SQLite's own test for reading statements lets BEGIN,
// ATTACH and some PRAGMAs pass, so an authorizer decides on each action as well.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/sdk/error.hpp"
#include "core/store/connection.hpp"
#include "core/store/store.hpp"

namespace labhost {
namespace {

/// PRAGMAs that only tell; all without an argument, those of the second list with one as well.
constexpr std::array<std::string_view, 9> kTellingPragmas = {
    "application_id", "collation_list", "compile_options", "database_list", "freelist_count",
    "function_list",  "page_count",     "page_size",       "user_version"};
constexpr std::array<std::string_view, 9> kInspectingPragmas = {
    "foreign_key_check", "foreign_key_list", "index_info", "index_list", "index_xinfo",
    "integrity_check",   "quick_check",      "table_info", "table_list"};

template <typename List>
bool contains(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

/// What a refused action would be called in SQL.
std::string action_name(int action, const char* first) {
  const std::string object = first == nullptr ? "" : ' ' + std::string(first);
  switch (action) {
    case SQLITE_INSERT:
      return "INSERT INTO" + object;
    case SQLITE_UPDATE:
      return "UPDATE" + object;
    case SQLITE_DELETE:
      return "DELETE FROM" + object;
    case SQLITE_PRAGMA:
      return "PRAGMA" + object;
    case SQLITE_ATTACH:
      return "ATTACH" + object;
    case SQLITE_DETACH:
      return "DETACH" + object;
    case SQLITE_TRANSACTION:
      return object.empty() ? "BEGIN" : object.substr(1);
    default:
      return "a change of the schema or the transaction";
  }
}

/// Refuses all that could change anything, while it lives.
class ReadOnlyGuard {
 public:
  explicit ReadOnlyGuard(sqlite3* db) : db_(db) { sqlite3_set_authorizer(db_, authorize, this); }
  ~ReadOnlyGuard() { sqlite3_set_authorizer(db_, nullptr, nullptr); }
  ReadOnlyGuard(const ReadOnlyGuard&) = delete;
  ReadOnlyGuard& operator=(const ReadOnlyGuard&) = delete;

  const std::string& refused() const { return refused_; }

 private:
  static int authorize(void* self, int action, const char* first, const char* second, const char*,
                       const char*) {
    switch (action) {
      case SQLITE_SELECT:
      case SQLITE_READ:
      case SQLITE_FUNCTION:
      case SQLITE_RECURSIVE:
        return SQLITE_OK;
      case SQLITE_PRAGMA: {
        const std::string name = lower(first);
        if (contains(kInspectingPragmas, name)) return SQLITE_OK;
        if (second == nullptr && contains(kTellingPragmas, name)) return SQLITE_OK;
        break;
      }
      case SQLITE_UPDATE:
        // SQLite asks this when it sets up json_each() and its like. No statement can do it: the
        // parser refuses to write to the schema table.
        if (std::string_view(first) == "sqlite_master") return SQLITE_OK;
        break;
      default:
        break;
    }
    std::string& refused = static_cast<ReadOnlyGuard*>(self)->refused_;
    // The first is the statement's own; what follows belongs to it (INSERT into sqlite_schema).
    if (refused.empty()) refused = action_name(action, first);
    return SQLITE_DENY;
  }

  sqlite3* db_;
  std::string refused_;
};

[[noreturn]] void refuse_writing(const std::string& found) {
  throw InputError(
      "SQL: only one reading statement (SELECT, WITH ... SELECT, VALUES) is accepted, found " +
      found + "; the store is written by `labhost` commands alone");
}

/// The error of SQLite's parser, with the place where it was met.
[[noreturn]] void throw_parse_error(sqlite3* db, const std::string& sql) {
  const std::string message = sqlite3_errmsg(db);
  const int offset = sqlite3_error_offset(db);
  if (offset < 0) throw InputError("SQL: " + message);
  const std::string before = sql.substr(0, static_cast<std::size_t>(offset));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  const std::size_t column = before.size() - line_start;
  const std::string shown = sql.substr(line_start, sql.find('\n', line_start) - line_start);
  throw InputError("SQL:" + std::to_string(line) + ':' + std::to_string(column + 1) + ": " +
                   message + "\n  " + shown + "\n  " + std::string(column, ' ') + '^');
}

using Prepared = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

/// Prepares the only statement of `sql`.
Prepared prepare_single(sqlite3* db, const std::string& sql, const ReadOnlyGuard& guard) {
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v2(db, sql.c_str(), -1, &raw, &tail);
  Prepared statement(raw, sqlite3_finalize);
  if (code == SQLITE_AUTH) refuse_writing(guard.refused());
  if (code == SQLITE_ERROR) throw_parse_error(db, sql);
  if (code != SQLITE_OK) throw_sqlite(db, code);
  if (!statement) throw InputError("SQL: expected a statement such as SELECT, found nothing");
  if (sqlite3_stmt_readonly(raw) == 0) refuse_writing("one that writes");

  sqlite3_stmt* second = nullptr;
  const int second_code = sqlite3_prepare_v2(db, tail, -1, &second, nullptr);
  const bool comment_only = second_code == SQLITE_OK && second == nullptr;
  sqlite3_finalize(second);
  if (!comment_only) refuse_writing("more behind the first: " + std::string(tail));
  return statement;
}

void bind_cell(sqlite3_stmt* statement, int index, const Cell& cell) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
    sqlite3_bind_int64(statement, index, *integer);
  } else if (const auto* real = std::get_if<double>(&cell)) {
    sqlite3_bind_double(statement, index, *real);
  } else if (const auto* text = std::get_if<std::string>(&cell)) {
    sqlite3_bind_text(statement, index, text->c_str(), static_cast<int>(text->size()),
                      SQLITE_STATIC);
  }  // monostate: what is not bound is NULL
}

Cell read_cell(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_NULL:
      return std::monostate{};
    default: {
      const void* bytes = sqlite3_column_blob(statement, column);
      const int size = sqlite3_column_bytes(statement, column);
      if (bytes == nullptr) return std::string();
      return std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
  }
}

}  // namespace

Store::Snapshot::Snapshot(Store& store) : store_(store) { execute(store_.handle(), "BEGIN"); }

Store::Snapshot::~Snapshot() {
  sqlite3_exec(store_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);  // it has only read
}

QueryResult Store::query(const std::string& sql, const std::vector<Cell>& params) {
  class Collector : public RowSink {
   public:
    void begin(const std::vector<std::string>& columns) override { result.columns = columns; }
    void row(const std::vector<Cell>& cells) override { result.rows.push_back(cells); }
    QueryResult result;
  } collector;
  query(sql, params, collector);
  return std::move(collector.result);
}

void Store::query(const std::string& sql, const std::vector<Cell>& params, RowSink& sink) {
  const ReadOnlyGuard guard(db_);
  const Prepared statement = prepare_single(db_, sql, guard);
  const int wanted = sqlite3_bind_parameter_count(statement.get());
  if (wanted != static_cast<int>(params.size())) {
    throw InputError("SQL: the statement has " + std::to_string(wanted) +
                     " parameters (?), but values for " + std::to_string(params.size()) +
                     " are given");
  }
  for (int i = 0; i < wanted; ++i) {
    bind_cell(statement.get(), i + 1, params[static_cast<std::size_t>(i)]);
  }

  const int columns = sqlite3_column_count(statement.get());
  std::vector<std::string> names;
  for (int i = 0; i < columns; ++i) names.emplace_back(sqlite3_column_name(statement.get(), i));
  sink.begin(names);
  std::vector<Cell> row(static_cast<std::size_t>(columns));
  int code;
  while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) {
    for (int i = 0; i < columns; ++i) {
      row[static_cast<std::size_t>(i)] = read_cell(statement.get(), i);
    }
    sink.row(row);
  }
  if ((code & 0xff) == SQLITE_ERROR) throw InputError(std::string("SQL: ") + sqlite3_errmsg(db_));
  if (code != SQLITE_DONE) throw_sqlite(db_, code);
}

}  // namespace labhost
