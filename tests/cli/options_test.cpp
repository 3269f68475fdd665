#include <doctest/doctest.h>

#include <cstdlib>

#include "core/cli/command.hpp"
#include "core/sdk/error.hpp"
#include "tests/report/store_fixture.hpp"

namespace labhost {
namespace {

namespace po = boost::program_options;

Parsed parse(const Arguments& arguments) {
  po::options_description visible, hidden;
  visible.add_options()("format", po::value<std::string>()->default_value("text"), "words");
  visible.add_options()("filter", po::value<std::string>(), "which");
  visible.add_options()("limit", po::value<int>(), "how many");
  add_store_option(visible);
  hidden.add_options()("name", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("name", 1);
  return parse_options(arguments, "labhost thing NAME", "Does things.", visible, hidden,
                       positional);
}

/// Sets LABHOST_STORE for a test and puts back what it was.
class StoreVariable {
 public:
  explicit StoreVariable(const char* value) {
    if (const char* before = std::getenv("LABHOST_STORE")) before_ = before;
    value != nullptr ? setenv("LABHOST_STORE", value, 1) : unsetenv("LABHOST_STORE");
  }
  ~StoreVariable() {
    before_ ? setenv("LABHOST_STORE", before_->c_str(), 1) : unsetenv("LABHOST_STORE");
  }

 private:
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("options and positionals are parsed, in any order") {
  const Parsed parsed = parse({"--format=csv", "table3", "--limit", "3"});
  CHECK(parsed.values["format"].as<std::string>() == "csv");
  CHECK(parsed.values["name"].as<std::string>() == "table3");
  CHECK(parsed.values["limit"].as<int>() == 3);
  CHECK_FALSE(parsed.help);
  CHECK(parse({"-"}).values["name"].as<std::string>() == "-");
}

TEST_CASE("mistakes in options name the nearest option or the usage") {
  CHECK_THROWS_WITH_AS(parse({"--fromat", "csv"}),
                       "unknown option \"--fromat\"; did you mean \"--format\"?", InputError);
  CHECK_THROWS_WITH_AS(parse({"--stroe=x"}), doctest::Contains("did you mean \"--store\"?"),
                       InputError);
  CHECK_THROWS_WITH_AS(parse({"--zzzzzzzz"}), doctest::Contains("known: --format"), InputError);
  CHECK_THROWS_WITH_AS(parse({"-z"}), doctest::Contains("unknown option \"-z\""), InputError);
  CHECK_THROWS_WITH_AS(parse({"--format"}), doctest::Contains("usage: labhost thing NAME"),
                       InputError);
  CHECK_THROWS_WITH_AS(parse({"a", "b"}), doctest::Contains("too many arguments: at most 1"),
                       InputError);
  CHECK_THROWS_WITH_AS(parse({"--limit", "many"}), doctest::Contains("many"), InputError);
  CHECK_THROWS_AS(parse({"--format", "csv", "--format", "text"}), InputError);
}

TEST_CASE("an option without its value does not take the next option for it") {
  CHECK_THROWS_WITH_AS(parse({"--filter", "--limit", "3"}),
                       "option --filter: expected a value, found \"--limit\"", InputError);
  CHECK(parse({"--filter", "-"}).values["filter"].as<std::string>() == "-");
}

TEST_CASE("a hidden positional is no option, and prefixes are not guessed") {
  CHECK_THROWS_AS(parse({"--form", "csv"}), InputError);
}

TEST_CASE("--help prints usage and options, before other checks") {
  Parsed parsed;
  const std::string text = testing::standard_output_of([&] { parsed = parse({"--help"}); });
  CHECK(parsed.help);
  CHECK(text.find("usage: labhost thing NAME\n") == 0);
  CHECK(text.find("Does things.") != std::string::npos);
  CHECK(text.find("--store PATH") != std::string::npos);
  CHECK(text.find("--help") != std::string::npos);
  CHECK(text.find("--name") == std::string::npos);
}

TEST_CASE("the store: option, then LABHOST_STORE, then the default") {
  const StoreVariable variable("elsewhere.sqlite");
  CHECK(store_path(parse({"--store", "mine.sqlite"}).values) == "mine.sqlite");
  CHECK(store_path(parse({}).values) == "elsewhere.sqlite");
  const StoreVariable empty("");
  CHECK(store_path(parse({}).values) == "results/labhost.sqlite");
  const StoreVariable unset(nullptr);
  CHECK(store_path(parse({}).values) == "results/labhost.sqlite");
}

}  // namespace labhost
