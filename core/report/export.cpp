#include "core/report/export.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <system_error>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/report/values.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExperiments = "SELECT value FROM json_each(?1)";
constexpr const char* kRuns =
    "SELECT run_id FROM experiment_run WHERE experiment IN (SELECT value FROM json_each(?1))";
constexpr const char* kPaperTables =
    "SELECT json_extract(layout, '$.paper_table') FROM experiment"
    " WHERE name IN (SELECT value FROM json_each(?1))";

/// What is exported: of some experiments the rows whose `column` is among `chosen`.
struct Exported {
  const char *name, *column, *chosen, *order;
};
constexpr std::array<Exported, 11> kTables = {{
    {"experiment", "name", kExperiments, "name, profile"},
    {"experiment_run", "experiment", kExperiments, "experiment, profile, task, algorithm, seed"},
    {"run", "id", kRuns, "id"},
    {"run_param", "run_id", kRuns, "run_id, name"},
    {"metric", "run_id", kRuns, "run_id, name, step"},
    {"episode", "run_id", kRuns, "run_id, step, episode"},
    {"artifact", "run_id", kRuns, "id"},
    {"run_needs", "run_id", kRuns, "run_id, artifact_id"},
    {"provenance", "run_id", kRuns, "run_id, name"},
    {"paper_cell", "table_name", kPaperTables, "table_name, task, algorithm"},
    {"cell", "experiment", kExperiments, "experiment, profile, task, algorithm"},
}};

/// The chosen experiments as a JSON array, ?1 of every query.
std::string chosen(Store& store, const std::vector<std::string>& experiments) {
  std::vector<std::string> known;
  for (const auto& row : store.query("SELECT DISTINCT name FROM experiment ORDER BY name").rows) {
    known.push_back(cell_text(row[0]));
  }
  for (const std::string& name : experiments) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw InputError("no experiment \"" + name + "\" in " + store.file().string() +
                     suggestion(name, known));
  }
  return nlohmann::json(experiments).dump();
}

/// All rows where no experiment is chosen.
std::string statement(const Exported& table) {
  return std::string("SELECT * FROM ") + table.name + " WHERE json_array_length(?1) = 0 OR " +
         table.column + " IN (" + table.chosen + ") ORDER BY " + table.order;
}

void check(const std::ostream& out, const std::string& what) {
  if (!out) throw std::system_error(errno, std::generic_category(), "cannot write " + what);
}

class JsonSink : public RowSink {
 public:
  explicit JsonSink(std::ostream& out) : out_(out) {}
  ~JsonSink() override = default;

  void begin(const std::vector<std::string>& columns) override {
    out_ << "{\"columns\": " << nlohmann::json(columns).dump() << ", \"rows\": [";
  }
  void row(const std::vector<Cell>& cells) override {
    line_ = first_ ? "\n[" : ",\n[";
    first_ = false;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) line_ += ", ";
      append(cells[i]);
    }
    line_ += ']';
    out_ << line_;
    check(out_, "JSON");
  }
  void end() { out_ << "]}"; }

 private:
  /// Numbers in their shortest form that reads back; texts escaped, damaged UTF-8 replaced.
  void append(const Cell& cell) {
    if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
      line_ += std::to_string(*integer);
    } else {
      line_ += cell_json(cell).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
  }

  std::ostream& out_;
  std::string line_;
  bool first_ = true;
};

class CsvSink : public RowSink {
 public:
  explicit CsvSink(std::ostream& out) : out_(out) {}

  void begin(const std::vector<std::string>& columns) override {
    std::vector<std::string> fields;
    for (const std::string& column : columns) fields.push_back(csv_field(column));
    out_ << join(fields, ",") << '\n';
  }
  void row(const std::vector<Cell>& cells) override {
    line_.clear();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) line_ += ',';
      line_ += csv_field(cell_text(cells[i]));
    }
    line_ += '\n';
    out_ << line_;
  }

 private:
  std::ostream& out_;
  std::string line_;
};

void make_empty_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    throw InputError("folder " + folder.string() + " is not empty; name one that is, or a new one");
  }
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder)) {
    throw InputError("cannot create folder " + folder.string() +
                     (error ? ": " + error.message() : ": it is a file"));
  }
}

}  // namespace

void export_json(Store& store, const std::vector<std::string>& experiments, std::ostream& out) {
  const Store::Snapshot snapshot(store);
  const std::string names = chosen(store, experiments);
  out << "{\"labhost\": \"" << LABHOST_VERSION << "\", \"tables\": {\n";
  for (const Exported& table : kTables) {
    if (&table != kTables.data()) out << ",\n";
    out << '"' << table.name << "\": ";
    JsonSink sink(out);
    store.query(statement(table), {names}, sink);
    sink.end();
  }
  out << "\n}}\n" << std::flush;
  check(out, "JSON");
}

void export_csv(Store& store, const std::vector<std::string>& experiments, const fs::path& folder) {
  const Store::Snapshot snapshot(store);
  const std::string names = chosen(store, experiments);
  make_empty_folder(folder);
  for (const Exported& table : kTables) {
    const fs::path file = folder / (std::string(table.name) + ".csv");
    write_atomically(file, [&](const fs::path& path) {
      std::ofstream out(path, std::ios::binary);
      CsvSink sink(out);
      store.query(statement(table), {names}, sink);
      out.close();
      check(out, path.string());
    });
  }
}

}  // namespace labhost
