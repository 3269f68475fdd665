// Values and texts as tables, CSV and JSON show them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/store/store.hpp"

namespace labhost {

/// A cell of a query as text: "" for NULL, reals by format_real.
std::string cell_text(const Cell& cell);
/// 0 for NULL. REQUIRES: a number.
std::int64_t cell_integer(const Cell& cell);
/// Nothing for NULL. REQUIRES: a number or NULL.
std::optional<double> cell_real(const Cell& cell);

/// null for NULL; infinities, which JSON has no number for, become the texts "inf" and "-inf".
nlohmann::json cell_json(const Cell& cell);
nlohmann::json real_json(std::optional<double> value);

/// Columns that a terminal needs for a UTF-8 text: combining marks take none, East Asian wide
/// characters two. Bytes that are not UTF-8 count one each.
std::size_t display_width(std::string_view utf8);

/// `text` with spaces after (before) it up to `width` columns.
std::string pad_right(std::string text, std::size_t width);
std::string pad_left(const std::string& text, std::size_t width);

/// One printable line: line breaks, tabs and control characters (terminal escapes in a run's error,
/// say) as \n, \t, \x1b.
std::string single_line(std::string_view text);

/// Quoted as RFC 4180 asks for where it holds a comma, a quote or a line break.
std::string csv_field(std::string_view text);

}  // namespace labhost
