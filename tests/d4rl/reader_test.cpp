// What is read from good files of every kind.
#include "core/d4rl/reader.hpp"

#include <doctest/doctest.h>

#include "tests/base/scratch_folder.hpp"
#include "tests/d4rl/made_file.hpp"

namespace labhost {

namespace {

using testing::made_file;
using testing::made_flags;
using testing::MadeFile;

constexpr D4rlOptions kOptions{3, 2, 1000};

D4rlData read(const MadeFile& made, const D4rlOptions& options = kOptions) {
  const testing::ScratchFolder folder;
  made.write(folder / "data.hdf5");
  return read_d4rl(folder / "data.hdf5", options);
}

std::vector<std::int64_t> set_rows(const Tensor& flags) {
  const Tensor rows = flags.nonzero().squeeze(1);
  return {rows.data_ptr<std::int64_t>(), rows.data_ptr<std::int64_t>() + rows.numel()};
}

/// Rows of the file that were kept, by the value of their first observation.
std::vector<std::int64_t> kept_rows(const Transitions& data) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < data.size(); ++i) {
    rows.push_back(static_cast<std::int64_t>(data.state[i][0].item<double>() / 10));
  }
  return rows;
}

/// All fields agree that they are of the rows which kept_rows() says, and next states follow.
void check_derived(const Transitions& data) {
  for (std::int64_t i = 0; i < data.size(); ++i) {
    CAPTURE(i);
    CHECK(torch::equal(data.next_state[i], data.state[i] + 10));
    CHECK(data.reward[i].item<double>() == data.state[i][0].item<double>() / 20);
    CHECK(data.action[i][1].item<double>() ==
          doctest::Approx(data.state[i][0].item<double>() / 1000 + 1));
  }
  for (const Tensor* field :
       {&data.state, &data.next_state, &data.action, &data.reward, &data.terminal, &data.timeout}) {
    CHECK(field->is_contiguous());
    CHECK(field->size(0) == data.size());
  }
}

using Rows = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("every layout and number format gives the same transitions") {
  for (const auto& [name, made] : testing::made_variants()) {
    if (name == "derived" || name == "v0") continue;
    CAPTURE(name);
    const D4rlData read_back = read(made);
    const Transitions& data = read_back.transitions;
    CHECK(read_back.rows == 12);
    CHECK(read_back.dropped == 0);
    CHECK(read_back.next_states_stored);
    CHECK(read_back.timeouts_stored);
    CHECK_FALSE(read_back.partial_tail);
    CHECK((data.state.scalar_type() == torch::get_default_dtype_as_scalartype()));
    REQUIRE((data.state.sizes() == torch::IntArrayRef({12, 3})));
    REQUIRE((data.action.sizes() == torch::IntArrayRef({12, 2})));
    const Tensor expected =
        10 * torch::arange(12.0F).unsqueeze(1) + torch::arange(3.0F).unsqueeze(0);
    CHECK(torch::equal(data.state, expected));
    CHECK(torch::equal(data.next_state, expected + 0.5));
    CHECK(torch::equal(data.reward, torch::arange(12.0F) / 2));
    CHECK(torch::allclose(data.action.select(1, 1), torch::arange(12.0F) / 100 + 1));
    CHECK(set_rows(data.terminal) == Rows{7});
    CHECK(set_rows(data.timeout) == Rows{3, 11});
  }
}

TEST_CASE("values are read as the default floating type") {
  const auto before = torch::get_default_dtype();
  torch::set_default_dtype(caffe2::TypeMeta::Make<double>());
  const D4rlData data = read(testing::made_variants()["float64"]);
  torch::set_default_dtype(before);
  CHECK((data.transitions.state.scalar_type() == torch::kFloat64));
  CHECK(data.transitions.action[7][0].item<double>() == 0.07);
}

TEST_CASE("text attributes of the root are kept") {
  MadeFile made = testing::made_variants()["attributes"];
  const std::map<std::string, std::string> expected = {{"algorithm", "SAC"}, {"note", ""}};
  CHECK(read(made).attributes == expected);
}

TEST_CASE("without next observations the rows that end by timeout are dropped") {
  MadeFile made = made_file(10, {3, 9});
  const D4rlData data = read(made);
  CHECK(data.rows == 10);
  CHECK(data.dropped == 2);
  CHECK_FALSE(data.next_states_stored);
  CHECK_FALSE(data.partial_tail);
  CHECK(kept_rows(data.transitions) == Rows{0, 1, 2, 4, 5, 6, 7, 8});
  CHECK(set_rows(data.transitions.timeout) == Rows{2, 7});  // of the kept rows: 2 and 8
  check_derived(data.transitions);
}

TEST_CASE("a terminal row stays, with an extrapolated next state") {
  MadeFile made = made_file(8, {7});
  made["terminals"] = made_flags(8, {4});
  for (double& value : made["observations"].values) value *= value;  // the last step tells the size
  const Transitions data = read(made).transitions;
  CHECK(set_rows(data.terminal) == Rows{4});
  CHECK(set_rows(data.timeout) == Rows{6});
  for (const std::int64_t row : {3, 5})
    CHECK(torch::equal(data.next_state[row], data.state[row + 1]));
  CHECK(torch::equal(data.next_state[4], 2 * data.state[4] - data.state[3]));
  CHECK_FALSE(torch::equal(data.next_state[4], data.state[5]));
}

TEST_CASE("an episode of a single terminal row stands still") {
  MadeFile made = made_file(8, {7});
  made["terminals"] = made_flags(8, {0, 4, 5});
  const Transitions data = read(made).transitions;
  CHECK(set_rows(data.terminal) == Rows{0, 4, 5});
  for (const std::int64_t row : {0, 5}) CHECK(torch::equal(data.next_state[row], data.state[row]));
}

TEST_CASE("the file's last row is dropped even if it is terminal") {
  MadeFile made = made_file(6, {});
  made["terminals"] = made_flags(6, {5});
  const D4rlData data = read(made);
  CHECK(data.dropped == 1);
  CHECK_FALSE(data.partial_tail);
  CHECK(set_rows(data.transitions.terminal).empty());
  CHECK(set_rows(data.transitions.timeout) == Rows{4});
}

TEST_CASE("a row that is terminal and times out is dropped, as D4RL does") {
  MadeFile made = made_file(8, {3, 7});
  made["terminals"] = made_flags(8, {3});
  const D4rlData data = read(made);
  CHECK(kept_rows(data.transitions) == Rows{0, 1, 2, 4, 5, 6});
  CHECK(set_rows(data.transitions.terminal).empty());
  CHECK(set_rows(data.transitions.timeout) == Rows{2, 5});
}

TEST_CASE("an episode of one row that times out leaves the episode before it alone") {
  MadeFile made = made_file(8, {3, 4, 7});
  const D4rlData timed_out = read(made);
  CHECK(kept_rows(timed_out.transitions) == Rows{0, 1, 2, 5, 6});
  CHECK(set_rows(timed_out.transitions.timeout) == Rows{2, 4});
  made["timeouts"] = made_flags(8, {4, 7});
  made["terminals"] = made_flags(8, {3});
  const D4rlData after_terminal = read(made);
  CHECK(kept_rows(after_terminal.transitions) == Rows{0, 1, 2, 3, 5, 6});
  CHECK(set_rows(after_terminal.transitions.terminal) == Rows{3});
  CHECK(set_rows(after_terminal.transitions.timeout) == Rows{5});
}

TEST_CASE("a last episode that neither ends nor times out is closed and reported") {
  MadeFile made = made_file(9, {3});
  const D4rlData derived = read(made);
  CHECK(derived.partial_tail);
  CHECK(kept_rows(derived.transitions) == Rows{0, 1, 2, 4, 5, 6, 7});
  CHECK(set_rows(derived.transitions.timeout) == Rows{2, 6});
  add_next_observations(made);
  const D4rlData stored = read(made);
  CHECK(stored.partial_tail);
  CHECK(stored.dropped == 0);
  CHECK(set_rows(stored.transitions.timeout) == Rows{3, 8});
}

TEST_CASE("a file without timeouts has them after every horizon steps of an episode") {
  MadeFile made = made_file(12, {});
  made["terminals"] = made_flags(12, {5});
  made.arrays.erase("timeouts");
  const D4rlData derived = read(made, {3, 2, 4});
  CHECK_FALSE(derived.timeouts_stored);
  CHECK(derived.partial_tail);
  CHECK(kept_rows(derived.transitions) == Rows{0, 1, 2, 4, 5, 6, 7, 8, 10});
  CHECK(set_rows(derived.transitions.terminal) == Rows{4});
  CHECK(set_rows(derived.transitions.timeout) == Rows{2, 7, 8});
  check_derived(derived.transitions);
  add_next_observations(made);
  const D4rlData stored = read(made, {3, 2, 4});
  CHECK(stored.dropped == 0);
  CHECK(set_rows(stored.transitions.timeout) == Rows{3, 9, 11});
}

TEST_CASE("episodes as long as the horizon are whole") {
  const D4rlData data = read(made_file(8, {3, 7}), {3, 2, 4});
  CHECK(set_rows(data.transitions.timeout) == Rows{2, 5});
}

TEST_CASE("blocks of contiguous data join without a seam") {
  MadeFile made = made_file(50000, {});
  made["terminals"] = made_flags(50000, {});
  made.arrays.erase("timeouts");
  made["observations"].type = H5T_IEEE_F64LE;  // 1.6 MB: two blocks
  add_next_observations(made);
  const Transitions data = read(made).transitions;
  const Tensor expected = 10 * torch::arange(50000.0F);
  CHECK(torch::equal(data.state.select(1, 0), expected));
  CHECK(torch::equal(data.next_state.select(1, 2), expected + 2.5));
}

}  // namespace labhost
