// Whatever a file holds, planning succeeds or says what is wrong.
#include <doctest/doctest.h>

#include <random>

#include "tests/experiment/experiment_fixture.hpp"

namespace labhost {
namespace {

// One random change: a byte, a digit, a piece removed, doubled or moved, a token put in.
std::string mutated(std::string text, std::mt19937& generator) {
  static const std::vector<std::string> tokens = {
      "[",       "]",          "{",           "}",
      "=",       "\"",         "\n",          ".",
      "nan",     "inf",        "-1",          "1e400",
      "true",    "[[task]]\n", "[profile]\n", "include = [\"table.toml\"]\n",
      "\\u0000", "'''",        "0x",          "\xff",
      ",",       "[]"};
  const auto below = [&generator](std::size_t bound) {
    return static_cast<std::size_t>(generator()) % std::max<std::size_t>(bound, 1);
  };
  const std::size_t at = below(text.size());
  switch (below(6)) {
    case 0:
      text[at] = static_cast<char>(below(256));
      break;
    case 1:
      text.erase(at, below(40));
      break;
    case 2: {
      const std::size_t end = text.find('\n', at);
      text.insert(end == std::string::npos ? at : end, text.substr(at, 30));
      break;
    }
    case 3:
      text.insert(at, tokens[below(tokens.size())]);
      break;
    case 4: {
      const std::size_t digit = text.find_first_of("0123456789", at);
      if (digit != std::string::npos) text[digit] = static_cast<char>('0' + below(10));
      break;
    }
    default: {
      const std::string piece = text.substr(at, below(30));
      text.erase(at, piece.size());
      text.insert(below(text.size()), piece);
    }
  }
  return text;
}

}  // namespace

TEST_CASE("a damaged experiment is an InputError or a plan, never anything else") {
  std::mt19937 generator(20240613);
  testing::Experiment experiment;
  int planned = 0, refused = 0;
  for (int i = 0; i < 300; ++i) {
    std::string text = testing::kExperiment;
    const std::size_t changes = 1 + generator() % 2;
    for (std::size_t change = 0; change < changes; ++change) text = mutated(text, generator);
    CAPTURE(text);
    experiment.write(text);
    PlanOptions options;
    if (i % 2 == 0) options.profile = "smoke";
    try {
      const Plan plan = experiment.plan(options);
      CHECK_FALSE(plan.runs.empty());
      for (const RunSpec& run : plan.runs) static_cast<void>(run.config().dump());
      ++planned;
    } catch (const InputError& error) {
      CHECK(testing::contains(error.what(), ": "));
      ++refused;
    } catch (const std::exception& error) {
      FAIL("not an InputError: " << error.what());
    }
  }
  CHECK(planned + refused == 300);
  CHECK(planned > 20);
  CHECK(refused > 100);
}

}  // namespace labhost
