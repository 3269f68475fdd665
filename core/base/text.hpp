// Small helpers on text that several folders need.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace labhost {

/// The candidate nearest to `name` by edit distance, when it is near enough to be a likely typing
/// error (distance at most 1/3 of the length, at least 2).
std::optional<std::string> nearest_name(std::string_view name,
                                        const std::vector<std::string>& candidates);

/// `; did you mean "x"?` or, where nothing is near, `; known: a, b, c`. Empty without candidates.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

std::string join(const std::vector<std::string>& parts, std::string_view separator);
/// "a,,b" has three parts, "" has none.
std::vector<std::string> split(std::string_view text, char separator);

/// The items of a list that is one text, a line each: the form in which parameters hold lists. An
/// empty text is an empty list.
std::vector<std::string> list_items(std::string_view text);

/// "0.4 s", "12 s", "3 min 05 s", "2 h 10 min".
std::string format_duration(double seconds);

/// Shortest decimal that reads back as the same double; "nan", "inf", "-inf".
std::string format_real(double value);

/// Parses a whole string; nothing when any of it is left over.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<double> parse_real(std::string_view text);

}  // namespace labhost
