#include "core/report/histogram.hpp"
#include "core/report/svg.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>

#include "tests/base/scratch_folder.hpp"

namespace labhost {

namespace {

using testing::contains;

std::ptrdiff_t count(const std::string& text, const std::string& part) {
  std::ptrdiff_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++found;
  return found;
}

std::string drawn(const std::vector<double>& values, double mark = 0) {
  return histogram_svg({"a < b & c", "sub", "score", "episodes", "mean", values, mark});
}

}  // namespace

TEST_CASE("steps are 1, 2 or 5 times a power of ten") {
  CHECK(svg::round_step(10, 10) == 1);
  CHECK(svg::round_step(11, 10) == 2);
  CHECK(svg::round_step(100, 40) == 5);
  CHECK(svg::round_step(70, 10) == 10);
  CHECK(svg::round_step(0.03, 10) == doctest::Approx(0.005));
}

TEST_CASE("every value is in one bin, whose limits and count its bar tells") {
  const std::string svg = drawn({-0.5, 0, 0.5, 0.5, 39.5}, 8);  // bins of 1
  CHECK(count(svg, "<title>") == 3);
  CHECK(contains(svg, "<title>-1 to 0: 1</title>"));
  CHECK(contains(svg, "<title>0 to 1: 3</title>"));
  CHECK(contains(svg, "<title>39 to 40: 1</title>"));
  CHECK(contains(svg, ">a &lt; b &amp; c</text>"));
  CHECK(contains(svg, ">score</text>"));
  CHECK(svg.rfind("</svg>\n") == svg.size() - 7);
}

TEST_CASE("equal values are one bar; none are a mistake") {
  CHECK(contains(drawn({5, 5}, 5), ": 2</title>"));
  CHECK(count(drawn({0}), "<title>") == 1);
  CHECK_THROWS_AS(drawn({}), std::invalid_argument);
}

}  // namespace labhost
