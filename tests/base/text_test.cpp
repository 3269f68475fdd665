#include "core/base/text.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace labhost {

TEST_CASE("nearest_name finds typing errors and nothing else") {
  const std::vector<std::string> names = {"expectile", "temperature", "steps", "lr"};
  CHECK(nearest_name("expectle", names) == "expectile");
  CHECK(nearest_name("setps", names) == "steps");
  CHECK(nearest_name("steps", names) == "steps");
  CHECK(nearest_name("lx", names) == "lr");
  CHECK_FALSE(nearest_name("xy", names));
  CHECK_FALSE(nearest_name("discount", names));
  CHECK_FALSE(nearest_name("", names));
  CHECK_FALSE(nearest_name("steps", {}));
}

TEST_CASE("nearest_name counts swapped neighbours once and prefers the nearer") {
  CHECK(nearest_name("maqil", {"mabol", "maiql"}) == "maiql");
  CHECK(nearest_name("abcdefghi", {"abcdefxyz"}) == "abcdefxyz");  // 3 of 9
  CHECK_FALSE(nearest_name("abcdefgh", {"abcdewxyz"}));            // 4 of 8
}

TEST_CASE("suggestion") {
  CHECK(suggestion("stesp", {"steps", "seed"}) == "; did you mean \"steps\"?");
  CHECK(suggestion("quantity", {"steps", "seed"}) == "; known: steps, seed");
  CHECK(suggestion("x", {}).empty());
}

TEST_CASE("join and split") {
  CHECK(join({"a", "b", "c"}, ", ") == "a, b, c");
  CHECK(join({}, ", ").empty());
  CHECK(split("a,b,,c", ',') == std::vector<std::string>{"a", "b", "", "c"});
  CHECK(split("a,", ',') == std::vector<std::string>{"a", ""});
  CHECK(split("", ',').empty());
}

TEST_CASE("format_duration") {
  CHECK(format_duration(0.42) == "0.4 s");
  CHECK(format_duration(-1) == "0.0 s");
  CHECK(format_duration(9.97) == "10 s");
  CHECK(format_duration(12.4) == "12 s");
  CHECK(format_duration(59.7) == "1 min 00 s");
  CHECK(format_duration(185) == "3 min 05 s");
  CHECK(format_duration(3599.8) == "1 h 00 min");
  CHECK(format_duration(7800) == "2 h 10 min");
  CHECK(format_duration(std::nan("")) == "unknown");
}

TEST_CASE("format_real is shortest and reads back") {
  CHECK(format_real(0.1) == "0.1");
  CHECK(format_real(3) == "3");
  CHECK(format_real(-2.5) == "-2.5");
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(format_real(infinity) == "inf");
  CHECK(format_real(-infinity) == "-inf");
  CHECK(format_real(-std::nan("")) == "nan");
  for (const double value : {1.0 / 3, 1e-300, 123456789.123, 5e-324, 1.7976931348623157e308}) {
    CHECK(parse_real(format_real(value)) == value);
  }
}

TEST_CASE("numbers are parsed whole or not at all") {
  CHECK(parse_integer("42") == 42);
  CHECK(parse_integer("-7") == -7);
  CHECK(parse_integer("+7") == 7);
  CHECK_FALSE(parse_integer("+-7"));
  CHECK_FALSE(parse_integer("42 "));
  CHECK_FALSE(parse_integer("4.2"));
  CHECK_FALSE(parse_integer(""));
  CHECK_FALSE(parse_integer("9223372036854775808"));
  CHECK(parse_real("1e-3") == 0.001);
  CHECK(parse_real("+1.5") == 1.5);
  CHECK(std::isinf(*parse_real("-inf")));
  CHECK(std::isnan(*parse_real("nan")));
  CHECK_FALSE(parse_real("1.5x"));
  CHECK_FALSE(parse_real(" 1.5"));
  CHECK_FALSE(parse_real("1e999"));
}

}  // namespace labhost
