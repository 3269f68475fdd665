#include "core/runner/host/progress.hpp"

#include <doctest/doctest.h>

namespace labhost::testing {

TEST_CASE("no time is estimated while no speed is known") {
  CHECK_FALSE(estimate_seconds({{"ibc", 100}}, {}, 1).has_value());
}

TEST_CASE("the time left is the sum over algorithms, shared by the workers") {
  const std::map<std::string, double> speeds = {{"ibc", 0.5}, {"iql", 2.0}};
  CHECK(estimate_seconds({{"ibc", 100}, {"iql", 10}}, speeds, 1).value() == doctest::Approx(70));
  CHECK(estimate_seconds({{"ibc", 100}, {"iql", 10}}, speeds, 4).value() == doctest::Approx(17.5));
  CHECK(estimate_seconds({}, speeds, 2).value() == 0);
}

TEST_CASE("an algorithm of unknown speed counts as the mean of the known ones") {
  const std::map<std::string, double> speeds = {{"ibc", 0.5}, {"iql", 2.0}};
  CHECK(estimate_seconds({{"maiql", 4}}, speeds, 1).value() == doctest::Approx(5));
  CHECK(estimate_seconds({{"maiql", 4}, {"ibc", 2}}, speeds, 2).value() == doctest::Approx(3));
}

}  // namespace labhost::testing
