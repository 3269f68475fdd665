#include "core/report/values.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/text.hpp"

namespace labhost {
namespace {

struct CodePoint {
  char32_t value;
  std::size_t bytes;
};

/// The code point that starts `text`. A byte that starts none stands for itself.
CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  std::size_t bytes = 1;
  char32_t value = lead;
  if (lead >= 0xC2 && lead < 0xE0) {
    bytes = 2;
    value = lead & 0x1Fu;
  } else if (lead >= 0xE0 && lead < 0xF0) {
    bytes = 3;
    value = lead & 0x0Fu;
  } else if (lead >= 0xF0 && lead < 0xF5) {
    bytes = 4;
    value = lead & 0x07u;
  }
  if (bytes > text.size()) return {lead, 1};
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0u) != 0x80u) return {lead, 1};
    value = (value << 6u) | (byte(i) & 0x3Fu);
  }
  return {value, bytes};
}

struct Range {
  char32_t first, last;
};

template <std::size_t N>
bool within(char32_t value, const std::array<Range, N>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(), [value](const Range& range) {
    return value >= range.first && value <= range.last;
  });
}

// The blocks that matter in labels and error messages (Unicode Standard Annex 11), not all of them.
constexpr std::array<Range, 5> kNoWidth = {
    {{0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}}};
constexpr std::array<Range, 8> kWide = {{{0x1100, 0x115F},
                                         {0x2E80, 0xA4CF},
                                         {0xAC00, 0xD7A3},
                                         {0xF900, 0xFAFF},
                                         {0xFE30, 0xFE6F},
                                         {0xFF00, 0xFF60},
                                         {0x1F300, 0x1FAFF},
                                         {0x20000, 0x3FFFD}}};

}  // namespace

std::string cell_text(const Cell& cell) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&cell)) return format_real(*real);
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return {};
}

std::int64_t cell_integer(const Cell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) return 0;
  if (const auto* real = std::get_if<double>(&cell)) return static_cast<std::int64_t>(*real);
  return std::get<std::int64_t>(cell);
}

std::optional<double> cell_real(const Cell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) return std::nullopt;
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) return static_cast<double>(*integer);
  return std::get<double>(cell);
}

nlohmann::json real_json(std::optional<double> value) {
  if (!value || std::isnan(*value)) return nullptr;
  if (std::isinf(*value)) return format_real(*value);
  return *value;
}

nlohmann::json cell_json(const Cell& cell) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) return *integer;
  if (const auto* real = std::get_if<double>(&cell)) return real_json(*real);
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return nullptr;
}

std::size_t display_width(std::string_view utf8) {
  std::size_t width = 0;
  while (!utf8.empty()) {
    const CodePoint point = first_code_point(utf8);
    if (!within(point.value, kNoWidth)) width += within(point.value, kWide) ? 2 : 1;
    utf8.remove_prefix(point.bytes);
  }
  return width;
}

std::string pad_right(std::string text, std::size_t width) {
  const std::size_t used = display_width(text);
  if (used < width) text.append(width - used, ' ');
  return text;
}

std::string pad_left(const std::string& text, std::size_t width) {
  const std::size_t used = display_width(text);
  return used < width ? std::string(width - used, ' ') + text : text;
}

std::string single_line(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\t') {
      line += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      line += "\\x";
      line += kDigits[byte >> 4u];
      line += kDigits[byte & 0x0Fu];
    } else {
      line += c;
    }
  }
  return line;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace labhost
