#include "core/report/statistics.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "core/store/functions.hpp"

namespace labhost {

using Values = std::vector<double>;

double p_value(const Values& a, const Values& b) {
  return welch_p_value(sample_of(a), sample_of(b));
}

TEST_CASE("mean and standard error of a sample by hand") {
  // Deviations -1.5, -0.5, 0.5, 1.5: squares sum to 5, variance 5/3, over n = 4.
  CHECK(mean({1, 2, 3, 4}) == doctest::Approx(2.5));
  CHECK(*standard_error({1, 2, 3, 4}) == doctest::Approx(std::sqrt(5.0 / 12.0)).epsilon(1e-14));
  CHECK(*standard_error({0.5, 0.5}) == 0);
  CHECK_FALSE(standard_error({1}).has_value());
  CHECK_FALSE(standard_error({}).has_value());
}

TEST_CASE("the standard error survives a large offset") {
  const double offset = 1e9;
  CHECK(*standard_error({offset + 1, offset + 2, offset + 3, offset + 4}) ==
        doctest::Approx(std::sqrt(5.0 / 12.0)));
}

TEST_CASE("Welch with two degrees of freedom has a closed form") {
  // Equal sizes and variances: freedom = 2 (n - 1) = 2, where P(|T| > t) = 1 - t / sqrt(2 + t^2).
  // Means 1 and 4, variances of the means 1 each: t = 3 / sqrt(2), t^2 = 4.5.
  const double expected = 1 - std::sqrt(4.5 / 6.5);
  CHECK(p_value({0, 2}, {3, 5}) == doctest::Approx(expected).epsilon(1e-12));
  CHECK(p_value({3, 5}, {0, 2}) == doctest::Approx(expected).epsilon(1e-12));
}

TEST_CASE("Welch with one degree of freedom: a sample without variance against one of two") {
  // freedom = n - 1 = 1 of the sample that varies: P(|T| > t) = 1 - 2 / pi * atan(t); t = 3 / 1.
  const double expected = 1 - 2 / std::acos(-1.0) * std::atan(3.0);
  CHECK(p_value({4, 4, 4}, {0, 2}) == doctest::Approx(expected).epsilon(1e-12));
}

TEST_CASE("Welch with unequal variances and sizes, degrees of freedom by hand") {
  // a: mean 2, s^2/n = 1/3; b: mean 6, s^2 = 20/3, s^2/n = 5/3; sum 2, t = 4 / sqrt(2).
  // freedom = 4 / ((1/9)/2 + (25/9)/3) = 4 / (53/54) = 216/53 = 4.0755. With freedom 4 the tail has
  // the closed form below; the true value lies between those of 4 and 5 (p = 0.0474 and 0.0367).
  const auto two_sided = [](double t, double freedom) {
    const double c = freedom / (freedom + t * t);  // cos^2 of atan(t / sqrt(freedom))
    const double s = std::sqrt(1 - c);
    if (freedom == 4) return 1 - s * (1 + c / 2);
    return 1 -
           2 / std::acos(-1.0) * (std::asin(s) + s * std::sqrt(c) * (1 + 2 * c / 3));  // freedom 5
  };
  const double t = 4 / std::sqrt(2.0);
  const double p = p_value({1, 2, 3}, {3, 5, 7, 9});
  CHECK(p < two_sided(t, 4));
  CHECK(p > two_sided(t, 5));
  const double interpolated =
      two_sided(t, 4) + (216.0 / 53.0 - 4) * (two_sided(t, 5) - two_sided(t, 4));
  CHECK(p == doctest::Approx(interpolated).epsilon(0.01));
}

TEST_CASE("Welch without any variance") {
  CHECK(p_value({1, 1}, {1, 1, 1}) == 1);
  CHECK(p_value({1, 1}, {2, 2}) == 0);
}

TEST_CASE("Welch copes with infinities and tiny variances") {
  const double infinity = HUGE_VAL;
  CHECK(p_value({infinity, 1}, {1, 2}) == 0);
  CHECK(p_value({0, 1e-170}, {1, 1 + 1e-15}) < 1e-6);
}

TEST_CASE("ties") {
  const Values best = {0.9, 1.0, 1.1};
  CHECK(ties(best, best));
  CHECK(ties({0.8, 1.0, 0.9}, best));
  CHECK_FALSE(ties({0.1, 0.2, 0.1}, best));
  CHECK(ties({1, 1, 1}, {1, 1, 1, 1}));
  CHECK_FALSE(ties({0.999, 0.999}, {1, 1}));
  SUBCASE("one seed ties by its mean alone") {
    CHECK(ties({1.0}, {1.0, 1.0}));
    CHECK_FALSE(ties({0.99}, best));
    CHECK_FALSE(ties({0.9, 1.1, 0.99}, {1.0}));
  }
}

}  // namespace labhost
