// What `labhost datasets info` counts: episodes, returns and actions at their bounds.
#include <doctest/doctest.h>

#include "core/datasets/statistics.hpp"
#include "tests/base/scratch_folder.hpp"
#include "tests/d4rl/made_file.hpp"

namespace labhost {

namespace {

D4rlRecord record_of(std::vector<double> rewards, std::vector<std::int64_t> terminals,
                     std::vector<std::int64_t> timeouts) {
  const auto rows = static_cast<std::int64_t>(rewards.size());
  const auto flags = [rows](const std::vector<std::int64_t>& set) {
    Tensor result = torch::zeros({rows}, torch::kBool);
    for (const std::int64_t row : set) result[row] = true;
    return result;
  };
  return {torch::tensor(rewards, torch::kFloat64), flags(terminals), flags(timeouts)};
}

}  // namespace

TEST_CASE("an episode is complete when a terminal or the full horizon ended it") {
  // Horizon 3: a terminal after 2 steps, a whole episode, one cut after 1, a tail of 2.
  const Episodes found = find_episodes(record_of({1, 2, 3, 4, 5, 6, 7, 8}, {1}, {4, 5, 7}), 3);
  CHECK(found.returns == std::vector<double>{3, 12});
  CHECK(found.length_mean == 2.5);
  CHECK(found.cut == 2);
  CHECK(found.tail_steps == 2);
}

TEST_CASE("a last episode that is whole is no tail") {
  const Episodes found = find_episodes(record_of({1, 2, 3, 4}, {3}, {1}), 2);
  CHECK(found.returns == std::vector<double>{3, 7});
  CHECK(found.cut == 0);
  CHECK(found.tail_steps == 0);
  CHECK(find_episodes(record_of({1}, {}, {0}), 2).returns.empty());
}

TEST_CASE("summaries") {
  const Summary summary = summarise({4, 1, 3, 2});
  CHECK(summary.min == 1);
  CHECK(summary.mean == 2.5);
  CHECK(summary.median == 2.5);
  CHECK(summary.max == 4);
  CHECK(summary.deviation == doctest::Approx(std::sqrt(1.25)));
  CHECK(summarise({5}).median == 5);
  CHECK_THROWS_AS(summarise({}), std::invalid_argument);
}

TEST_CASE("actions count as at a bound without any slack") {
  CHECK(share_at_bounds(torch::tensor({{1.0, -1.0}, {0.9999999, 0.0}}, torch::kFloat64)) == 0.5);
}

TEST_CASE("the record keeps rewards of rows that deriving next states drops") {
  const testing::ScratchFolder folder;
  testing::made_file(9, {2, 5, 8}).write(folder / "data.hdf5");  // reward of row i: i / 2
  D4rlOptions options{3, 2, 3};
  CHECK_FALSE(read_d4rl(folder / "data.hdf5", options).record.reward.defined());
  options.keep_record = true;
  const D4rlData data = read_d4rl(folder / "data.hdf5", options);
  CHECK(data.dropped == 3);
  const Episodes found = find_episodes(data.record, 3);
  CHECK(found.returns == std::vector<double>{1.5, 6, 10.5});
  CHECK(found.length_mean == 3);
}

TEST_CASE("a file's outline: columns and attributes, before its data is read") {
  const testing::ScratchFolder folder;
  testing::MadeFile made = testing::made_file(4, {3});
  made.attributes = {{"task", "toy"}};
  made.write(folder / "data.hdf5");
  const D4rlOutline outline = outline_d4rl(folder / "data.hdf5");
  CHECK(outline.observation_columns == 4);
  CHECK((outline.attributes == std::map<std::string, std::string>{{"task", "toy"}}));
  folder.write("text", "no data");
  CHECK(testing::contains(testing::input_error([&] { outline_d4rl(folder / "text"); }),
                          "expected a whole HDF5 file"));
}

}  // namespace labhost
