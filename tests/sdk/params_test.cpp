#include "core/sdk/params.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>

namespace labhost {

namespace {

Params some_params() {
  return Params({{"rate", "3e-4"},
                 {"limit", "inf"},
                 {"steps", "100"},
                 {"clip", "true"},
                 {"scale", "false"},
                 {"schedule", "cosine"}});
}

}  // namespace

TEST_CASE("parameters are read by type") {
  const Params params = some_params();
  CHECK(params.real("rate") == 3e-4);
  CHECK(std::isinf(params.real("limit")));
  CHECK(params.real("steps") == 100);
  CHECK(params.integer("steps") == 100);
  CHECK(params.flag("clip"));
  CHECK_FALSE(params.flag("scale"));
  CHECK(params.text("schedule") == "cosine");
}

TEST_CASE("asking for a parameter that the table does not declare is the plugin's mistake") {
  const Params params = some_params();
  CHECK_THROWS_WITH_AS(params.text("rates"),
                       "the plugin asks for parameter 'rates' as text, which its table does not "
                       "declare",
                       std::logic_error);
  CHECK_THROWS_AS(params.real("rates"), std::logic_error);
  CHECK_THROWS_WITH_AS(params.real("schedule"),
                       "the plugin asks for parameter 'schedule' as a real, which its table does "
                       "not declare",
                       std::logic_error);
  CHECK_THROWS_WITH_AS(params.integer("rate"),
                       "the plugin asks for parameter 'rate' as an integer, which its table does "
                       "not declare",
                       std::logic_error);
  CHECK_THROWS_WITH_AS(params.flag("steps"),
                       "the plugin asks for parameter 'steps' as a flag, which its table does not "
                       "declare",
                       std::logic_error);
}

}  // namespace labhost
