// What several commands print: aligned tables, CSV and JSON of a query.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/store/store.hpp"

namespace labhost {

enum class OutputFormat { kText, kCsv, kJson };

/// "text", "csv" or "json"; throws InputError for others.
OutputFormat parse_output_format(const std::string& name);

/// Text: a header, a rule, one line per row; numbers to the right, NULL empty, nothing truncated.
/// CSV: RFC 4180 with a header. JSON: an array of objects, columns in order, NULL as null.
std::string render_query(const QueryResult& result, OutputFormat format);

/// Rows of texts as columns two blanks apart, the last one not padded, each line after `indent`
/// blanks.
std::string align(const std::vector<std::vector<std::string>>& rows, std::size_t indent = 0);

/// Writes to standard output. Throws std::system_error when that fails (a full disk).
void print(std::string_view text);

/// True when no experiment has been recorded; says so on standard error.
bool say_if_empty(Store& store);

}  // namespace labhost
