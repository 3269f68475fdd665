#include "core/cli/table.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/report/values.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

bool is_number(const Cell& cell) {
  return std::holds_alternative<std::int64_t>(cell) || std::holds_alternative<double>(cell);
}

void append_line(std::string& out, const std::string& line) {
  const std::size_t end = line.find_last_not_of(' ');
  out += line.substr(0, end == std::string::npos ? 0 : end + 1) + "\n";
}

std::string render_text_table(const QueryResult& result) {
  const std::size_t columns = result.columns.size();
  std::vector<std::size_t> widths;
  for (const std::string& name : result.columns) widths.push_back(display_width(single_line(name)));
  std::vector<std::vector<std::string>> texts;
  std::vector<bool> numeric(columns, false);
  for (const auto& row : result.rows) {
    std::vector<std::string> words;
    for (std::size_t c = 0; c < columns; ++c) {
      words.push_back(single_line(cell_text(row[c])));
      widths[c] = std::max(widths[c], display_width(words.back()));
      if (is_number(row[c])) numeric[c] = true;
    }
    texts.push_back(std::move(words));
  }
  const auto placed = [&](const std::string& text, std::size_t c) {
    return numeric[c] ? pad_left(text, widths[c]) : pad_right(text, widths[c]);
  };
  std::string out, header, rule;
  for (std::size_t c = 0; c < columns; ++c) {
    header += (c > 0 ? "  " : "") + placed(single_line(result.columns[c]), c);
    rule += (c > 0 ? "  " : "") + std::string(widths[c], '-');
  }
  append_line(out, header);
  append_line(out, rule);
  for (const auto& words : texts) {
    std::string line;
    for (std::size_t c = 0; c < columns; ++c) line += (c > 0 ? "  " : "") + placed(words[c], c);
    append_line(out, line);
  }
  return out;
}

std::string render_csv_table(const QueryResult& result) {
  std::string out;
  for (std::size_t c = 0; c < result.columns.size(); ++c) {
    out += (c > 0 ? "," : "") + csv_field(result.columns[c]);
  }
  out += "\n";
  for (const auto& row : result.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      out += (c > 0 ? "," : "") + csv_field(cell_text(row[c]));
    }
    out += "\n";
  }
  return out;
}

std::string render_json_table(const QueryResult& result) {
  std::string out = "[";
  for (std::size_t r = 0; r < result.rows.size(); ++r) {
    nlohmann::ordered_json object = nlohmann::ordered_json::object();
    for (std::size_t c = 0; c < result.columns.size(); ++c) {
      object[result.columns[c]] = cell_json(result.rows[r][c]);
    }
    out += (r > 0 ? ",\n " : "\n ") +
           object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  return out + (result.rows.empty() ? "]\n" : "\n]\n");
}

}  // namespace

OutputFormat parse_output_format(const std::string& name) {
  if (name == "text") return OutputFormat::kText;
  if (name == "csv") return OutputFormat::kCsv;
  if (name == "json") return OutputFormat::kJson;
  throw InputError("unknown format \"" + name + "\"; known: text, csv, json");
}

std::string render_query(const QueryResult& result, OutputFormat format) {
  if (format == OutputFormat::kCsv) return render_csv_table(result);
  if (format == OutputFormat::kJson) return render_json_table(result);
  return render_text_table(result);
}

std::string align(const std::vector<std::vector<std::string>>& rows, std::size_t indent) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    if (row.size() > widths.size()) widths.resize(row.size(), 0);
    for (std::size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], display_width(row[c]));
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line(indent, ' ');
    for (std::size_t c = 0; c < row.size(); ++c) line += pad_right(row[c], widths[c] + 2);
    append_line(out, line);
  }
  return out;
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return;
  }
  throw std::system_error(errno, std::generic_category(), "cannot write to standard output");
}

bool say_if_empty(Store& store) {
  if (!store.query("SELECT 1 FROM experiment LIMIT 1").rows.empty()) return false;
  std::fprintf(stderr,
               "labhost: no experiment in %s yet; start one: labhost run experiments/NAME.toml\n",
               store.file().c_str());
  return true;
}

}  // namespace labhost
