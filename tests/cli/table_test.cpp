#include "core/cli/table.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/sdk/error.hpp"

namespace labhost {
namespace {

const QueryResult kResult = {{"name", "value", "note"},
                             {{std::string("ä,b"), std::int64_t{7}, Cell{}},
                              {std::string("longer"), 0.1, std::string("two\nlines")}}};

}  // namespace

TEST_CASE("text: columns aligned, numbers to the right, one line per row") {
  CHECK(render_query(kResult, OutputFormat::kText) ==
        "name    value  note\n"
        "------  -----  ----------\n"
        "ä,b         7\n"
        "longer    0.1  two\\nlines\n");
}

TEST_CASE("CSV and JSON") {
  CHECK(render_query(kResult, OutputFormat::kCsv) ==
        "name,value,note\n\"ä,b\",7,\nlonger,0.1,\"two\nlines\"\n");
  const auto json = nlohmann::json::parse(render_query(kResult, OutputFormat::kJson));
  REQUIRE(json.size() == 2);
  CHECK(json[0]["name"] == "ä,b");
  CHECK(json[0]["value"] == 7);
  CHECK(json[0]["note"].is_null());
  CHECK(json[1]["value"].get<double>() == 0.1);
}

TEST_CASE("a result without rows is still a table") {
  const QueryResult none = {{"a", "b"}, {}};
  CHECK(render_query(none, OutputFormat::kText) == "a  b\n-  -\n");
  CHECK(render_query(none, OutputFormat::kCsv) == "a,b\n");
  CHECK(nlohmann::json::parse(render_query(none, OutputFormat::kJson)).empty());
}

TEST_CASE("JSON of bytes that are not UTF-8 and of infinities is still JSON") {
  const QueryResult odd = {{"x"}, {{std::string("\xFF")}, {HUGE_VAL}}};
  const auto json = nlohmann::json::parse(render_query(odd, OutputFormat::kJson));
  CHECK(json[0]["x"] == "\xEF\xBF\xBD");
  CHECK(json[1]["x"] == "inf");
}

TEST_CASE("aligned lines may differ in length") {
  CHECK(align({{"a", "b", "c"}, {"long", "d"}}, 2) == "  a     b  c\n  long  d\n");
  CHECK(align({}).empty());
}

TEST_CASE("formats by name") {
  CHECK(parse_output_format("csv") == OutputFormat::kCsv);
  CHECK_THROWS_WITH_AS(parse_output_format("latex"), doctest::Contains("text, csv, json"),
                       InputError);
}

}  // namespace labhost
