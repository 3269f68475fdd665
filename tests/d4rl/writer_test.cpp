#include "core/d4rl/writer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "core/base/files.hpp"
#include "core/d4rl/reader.hpp"
#include "tests/base/scratch_folder.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::input_error;

constexpr std::int64_t kRows = 5000;
constexpr D4rlOptions kOptions{4, 2, 1000};
const std::map<std::string, std::string> kAttributes = {
    {"algorithm", "SAC"}, {"empty", ""}, {"note", "µ = 3, \"quoted\"\nsecond line"}};

Transitions some_data() {
  at::Generator generator = at::detail::createCPUGenerator(5);
  Transitions data;
  data.state = torch::randn({kRows, 4}, generator);
  data.next_state = torch::randn({kRows, 4}, generator);
  data.action = torch::rand({kRows, 2}, generator);
  data.reward = torch::randn({kRows}, generator);
  const Tensor row = torch::arange(1, kRows + 1);
  data.terminal = row.remainder(700).eq(0);
  data.timeout = row.remainder(1000).eq(0);
  return data;
}

void check_equal(const Transitions& a, const Transitions& b) {
  CHECK(torch::equal(a.state, b.state));
  CHECK(torch::equal(a.next_state, b.next_state));
  CHECK(torch::equal(a.action, b.action));
  CHECK(torch::equal(a.reward, b.reward));
  CHECK(torch::equal(a.terminal, b.terminal));
  CHECK(torch::equal(a.timeout, b.timeout));
}

std::ptrdiff_t entries_in(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

}  // namespace

TEST_CASE("what is written, read and written again is the same file") {
  for (const int compression : {0, 4}) {
    CAPTURE(compression);
    const testing::ScratchFolder folder;
    const Transitions data = some_data();
    write_d4rl(folder / "first.hdf5", data, kAttributes, {compression});
    const D4rlData back = read_d4rl(folder / "first.hdf5", kOptions);
    check_equal(back.transitions, data);
    CHECK(back.attributes == kAttributes);
    CHECK(back.rows == kRows);
    CHECK(back.next_states_stored);
    CHECK_FALSE(back.partial_tail);
    write_d4rl(folder / "second.hdf5", back.transitions, back.attributes, {compression});
    CHECK(read_file(folder / "first.hdf5") == read_file(folder / "second.hdf5"));
    CHECK(entries_in(folder.path()) == 2);
  }
}

TEST_CASE("views, doubles and an existing file") {
  const testing::ScratchFolder folder;
  const fs::path file = folder.write("data.hdf5", "old");
  const Transitions data = some_data();
  Transitions other = data;
  other.state = data.state.to(torch::kFloat64).t().contiguous().t();
  other.reward = torch::stack({data.reward, data.reward}, 1).select(1, 0);
  write_d4rl(file, other, {});
  check_equal(read_d4rl(file, kOptions).transitions, data);
}

TEST_CASE("one row is enough") {
  const testing::ScratchFolder folder;
  Transitions data = some_data();
  for (Tensor* field :
       {&data.state, &data.next_state, &data.action, &data.reward, &data.terminal, &data.timeout}) {
    *field = field->narrow(0, kRows - 1, 1);
  }
  write_d4rl(folder / "data.hdf5", data, {});
  check_equal(read_d4rl(folder / "data.hdf5", kOptions).transitions, data);
}

TEST_CASE("compression makes a file of zeros small") {
  const testing::ScratchFolder folder;
  Transitions data = some_data();
  data.state = torch::zeros({kRows, 4});
  data.next_state = data.state;
  write_d4rl(folder / "packed.hdf5", data, {});
  write_d4rl(folder / "plain.hdf5", data, {}, {0});
  CHECK(fs::file_size(folder / "plain.hdf5") > 2 * fs::file_size(folder / "packed.hdf5"));
}

TEST_CASE("what cannot be written leaves the old file and nothing else") {
  const testing::ScratchFolder folder;
  const fs::path file = folder.write("data.hdf5", "old");
  Transitions data = some_data();
  data.action[17][1] = std::numeric_limits<float>::quiet_NaN();
  const std::string message = input_error([&] { write_d4rl(file, data, {}); });
  CHECK(contains(message, file.string() + ": 'actions': expected finite numbers, found "));
  CHECK(contains(message, "in row 17"));
  CHECK(read_file(file) == "old");
  CHECK(entries_in(folder.path()) == 1);
  const std::string absent =
      input_error([&] { write_d4rl(folder / "absent/data.hdf5", some_data(), {}); });
  CHECK(contains(absent, (folder / "absent/data.hdf5").string()));
  CHECK(contains(absent, "cannot be written"));
}

TEST_CASE("transitions that contradict themselves are the caller's mistake") {
  const testing::ScratchFolder folder;
  const auto refused = [&](const auto& change) {
    Transitions data = some_data();
    change(data);
    CHECK_THROWS_AS(write_d4rl(folder / "data.hdf5", data, {}), std::invalid_argument);
  };
  refused([](Transitions& data) { data.state = Tensor(); });
  refused([](Transitions& data) { data.reward = data.reward.narrow(0, 0, 10); });
  refused([](Transitions& data) { data.next_state = data.next_state.narrow(1, 0, 2); });
  refused([](Transitions& data) { data.timeout = data.timeout.unsqueeze(1); });
  CHECK_THROWS_AS(write_d4rl(folder / "data.hdf5", some_data(), {{"", "x"}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(write_d4rl(folder / "data.hdf5", some_data(), {}, {10}), std::invalid_argument);
  CHECK(entries_in(folder.path()) == 0);
}

}  // namespace labhost
