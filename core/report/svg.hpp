// Pieces of SVG documents: what every picture here is made of.
#pragma once

#include <string>

namespace labhost::svg {

/// As printf; at most 1023 characters.
__attribute__((format(printf, 1, 2))) std::string format(const char* format, ...);

/// Plain text as SVG holds it: markup escaped, control characters as blanks.
std::string escaped(const std::string& plain);

/// A white ground of this size, in pixels; the end of the document is `kEnd`.
std::string begin(double width, double height);
inline constexpr const char kEnd[] = "</svg>\n";

/// Text at a place, `style` being attributes.
std::string words(double x, double y, const std::string& style, const std::string& content);
std::string line(double x1, double y1, double x2, double y2, const std::string& style);

/// A step of 1, 2 or 5 times a power of ten that divides `span` (positive) into at most `most`
/// steps.
double round_step(double span, int most);

}  // namespace labhost::svg
