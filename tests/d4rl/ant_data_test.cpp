// Recorded ant data: the excerpts in tests/data, and the whole files of the folder that the
// environment variable LABHOST_TEST_DATA names, against the numbers in its README.json.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/d4rl/reader.hpp"
#include "core/d4rl/writer.hpp"
#include "tests/base/scratch_folder.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;

constexpr D4rlOptions kAnt{27, 8, 1000};

std::int64_t count(const Tensor& flags) { return flags.sum().item<std::int64_t>(); }

/// Returns of all episodes but the last `tail` steps.
std::vector<double> returns_of(const Transitions& data, std::int64_t tail) {
  std::vector<double> returns = {0};
  for (std::int64_t row = 0; row < data.size() - tail; ++row) {
    returns.back() += data.reward[row].item<double>();
    if (data.terminal[row].item<bool>() || data.timeout[row].item<bool>()) returns.push_back(0);
  }
  returns.pop_back();
  return returns;
}

/// Within an episode the next state of a row is the state of the following one.
void check_continuous(const Transitions& data) {
  const Tensor inside = (data.terminal | data.timeout).logical_not().narrow(0, 0, data.size() - 1);
  const Tensor gap =
      (data.next_state.narrow(0, 0, data.size() - 1) - data.state.narrow(0, 1, data.size() - 1))
          .abs()
          .amax(1);
  CHECK(gap.masked_select(inside).max().item<double>() == 0);
}

void check_set(const fs::path& folder, const nlohmann::json& set) {
  const D4rlData read = read_d4rl(folder / set.at("file").get<std::string>(), kAnt);
  const Transitions& data = read.transitions;
  CHECK(read.dropped == 0);
  CHECK(read.next_states_stored);
  CHECK_FALSE(read.partial_tail);
  CHECK(data.size() == set.at("transitions").get<std::int64_t>());
  CHECK(count(data.terminal) == set.at("terminals").get<std::int64_t>());
  CHECK(count(data.timeout) == set.at("timeouts").get<std::int64_t>());
  CHECK(data.reward.to(torch::kFloat64).mean().item<double>() ==
        doctest::Approx(set.at("reward_mean_per_step").get<double>()));
  const auto returns = returns_of(data, set.at("partial_tail_steps").get<std::int64_t>());
  CHECK(returns.size() == set.at("complete_episodes").get<std::size_t>());
  const Tensor all = torch::tensor(returns, torch::kFloat64);
  CHECK(all.mean().item<double>() == doctest::Approx(set.at("ret_mean").get<double>()));
  CHECK(all.min().item<double>() == doctest::Approx(set.at("ret_min").get<double>()));
  CHECK(all.max().item<double>() == doctest::Approx(set.at("ret_max").get<double>()));
  check_continuous(data);
}

}  // namespace

TEST_CASE("excerpts of recorded ant data") {
  const std::map<std::string, std::pair<std::int64_t, std::int64_t>> expected = {
      {"random", {9, 1}}, {"medium", {2, 1}}, {"expert", {0, 2}}};  // terminals, timeouts
  for (const auto& [level, ends] : expected) {
    CAPTURE(level);
    const fs::path file = fs::path(LABHOST_TEST_FILES) / ("ant-" + level + "-excerpt.hdf5");
    const D4rlData read = read_d4rl(file, kAnt);
    CHECK(read.rows == 1500);
    CHECK_FALSE(read.partial_tail);
    CHECK(count(read.transitions.terminal) == ends.first);
    CHECK(count(read.transitions.timeout) == ends.second);
    CHECK(read.transitions.action.abs().max().item<double>() <= 1);
    check_continuous(read.transitions);
    const testing::ScratchFolder folder;
    write_d4rl(folder / "again.hdf5", read.transitions, {});
    const Transitions again = read_d4rl(folder / "again.hdf5", kAnt).transitions;
    CHECK(torch::equal(again.state, read.transitions.state));
    CHECK(torch::equal(again.timeout, read.transitions.timeout));
  }
}

TEST_CASE("whole files of recorded ant data") {
  const char* folder = std::getenv("LABHOST_TEST_DATA");
  if (folder == nullptr) {
    MESSAGE("skipped: LABHOST_TEST_DATA names no folder with the files and their README.json");
    return;
  }
  std::ifstream stream(fs::path(folder) / "README.json");
  const nlohmann::json readme = nlohmann::json::parse(stream);
  REQUIRE(readme.at("sets").size() > 0);
  for (const nlohmann::json& set : readme.at("sets")) {
    CAPTURE(set.at("file").get<std::string>());
    check_set(folder, set);
  }
}

}  // namespace labhost
