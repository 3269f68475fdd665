#include "core/report/values.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace labhost {

TEST_CASE("display width counts columns, not bytes") {
  CHECK(display_width("") == 0);
  CHECK(display_width("abc") == 3);
  CHECK(display_width("1.00 ± 0.00") == 11);
  CHECK(display_width("–") == 1);
  CHECK(display_width("e\xCC\x81") == 1);         // e and a combining acute
  CHECK(display_width("\xE6\xBC\xA2") == 2);      // one Han character
  CHECK(display_width("\xF0\x9F\x98\x80") == 2);  // one emoji
  CHECK(display_width("\xFF\xC3") == 2);          // not UTF-8; a sequence cut short
  CHECK(pad_right("±", 3) == "±  ");
  CHECK(pad_left("±", 3) == "  ±");
  CHECK(pad_left("long", 2) == "long");
}

TEST_CASE("control characters cannot reach a terminal") {
  CHECK(single_line("a\nb\tc\x1b[31m") == "a\\nb\\tc\\x1b[31m");
  CHECK(single_line("Grüße – 1") == "Grüße – 1");
}

TEST_CASE("CSV fields are quoted where they must be") {
  CHECK(csv_field("plain text") == "plain text");
  CHECK(csv_field("a,b") == "\"a,b\"");
  CHECK(csv_field("say \"x\"") == "\"say \"\"x\"\"\"");
  CHECK(csv_field("two\nlines") == "\"two\nlines\"");
}

TEST_CASE("cells as text and JSON") {
  CHECK(cell_text(Cell{}).empty());
  CHECK(cell_text(Cell{std::int64_t{-3}}) == "-3");
  CHECK(cell_text(Cell{0.1}) == "0.1");
  CHECK(cell_text(Cell{std::string("x")}) == "x");
  CHECK(cell_json(Cell{}) == nullptr);
  CHECK(cell_json(Cell{0.1}).get<double>() == 0.1);
  CHECK(cell_json(Cell{-HUGE_VAL}) == "-inf");
  CHECK(cell_json(Cell{std::int64_t{7}}).is_number_integer());
  CHECK_FALSE(cell_real(Cell{}).has_value());
  CHECK(*cell_real(Cell{std::int64_t{2}}) == 2.0);
}

}  // namespace labhost
