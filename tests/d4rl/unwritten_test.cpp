// What a file has room for but no values: datasets that were never written, and rows at its end.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/d4rl/reader.hpp"
#include "tests/base/scratch_folder.hpp"
#include "tests/d4rl/made_file.hpp"

namespace labhost {

namespace {

using testing::contains;
using testing::input_error;
using testing::made_file;
using testing::made_flags;
using testing::MadeArray;
using testing::MadeFile;

constexpr D4rlOptions kOptions{3, 2, 1000};
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

D4rlData read(const MadeFile& made, const D4rlOptions& options = kOptions) {
  const testing::ScratchFolder folder;
  made.write(folder / "data.hdf5");
  return read_d4rl(folder / "data.hdf5", options);
}

std::string refusal(const MadeFile& made) {
  return input_error([&] { read(made); });
}

/// Twelve rows, of which the first eight are those of a file of eight: one that was made for more.
MadeFile preallocated(double blank = 0, std::vector<std::size_t> timeouts = {3}) {
  MadeFile made = made_file(12, timeouts);
  add_next_observations(made);
  for (auto& [key, array] : made.arrays) {
    const std::size_t width = array.values.size() / 12;
    const bool flags = key == "terminals" || key == "timeouts";
    std::fill(array.values.begin() + static_cast<std::ptrdiff_t>(8 * width), array.values.end(),
              flags ? 0 : blank);
    if (!flags) array.fill = blank;
  }
  return made;
}

/// The first eight rows, as they are read where the file ends there.
void check_first_eight(const D4rlData& data, std::int64_t rows = 12) {
  CHECK(data.rows == rows);
  CHECK(data.unwritten == rows - 8);
  CHECK(data.dropped == rows - 8);
  REQUIRE(data.transitions.size() == 8);
  const Tensor first = 10 * torch::arange(8.0F);
  CHECK(torch::equal(data.transitions.state.select(1, 0), first));
  CHECK(torch::equal(data.transitions.next_state.select(1, 0), first + 0.5));
  CHECK(data.transitions.timeout.sum().item<int>() == 2);  // row 3, and the cut at the end
  CHECK(data.transitions.timeout[7].item<bool>());
  CHECK(data.partial_tail);
  for (const Tensor* field : {&data.transitions.state, &data.transitions.next_state,
                              &data.transitions.action, &data.transitions.reward}) {
    CHECK(field->is_contiguous());
    CHECK(field->size(0) == 8);
  }
}

}  // namespace

TEST_CASE("a dataset that was never written is its fill value, and that is said") {
  for (const bool chunked : {false, true}) {
    CAPTURE(chunked);
    MadeFile made = made_file(12, {3, 11});
    made["timeouts"].written = false;
    made["rewards"].written = false;
    made["rewards"].fill = -2;
    if (chunked) made["rewards"].chunk = made["timeouts"].chunk = {5};
    const D4rlData data = read(made);
    CHECK(data.rows == 12);
    CHECK(data.unwritten == 0);
    CHECK(data.dropped == 1);  // no timeout: one episode, whose last row has no successor
    CHECK(torch::equal(data.transitions.reward, torch::full({11}, -2.0F)));
    CHECK(data.timeouts_stored);
    REQUIRE(data.notes.size() == 2);
    CHECK(data.notes[0] == "'rewards' was never written: all of it is read as -2, its fill value");
    CHECK(contains(data.notes[1], "'timeouts' was never written: all of it is read as 0"));
  }
  CHECK(read(made_file(12, {3, 11})).notes.empty());
}

TEST_CASE("a never written dataset may be larger than its file") {
  MadeFile made = made_file(12, {3, 11});
  made["next_observations"] = made["observations"];
  for (const char* key : {"observations", "next_observations"}) {
    made[key].shape = {12, 100000};
    made[key].written = false;
  }
  const D4rlData data = read(made);
  CHECK(data.transitions.size() == 12);
  CHECK(data.transitions.next_state.abs().sum().item<double>() == 0);
  CHECK(data.notes.size() == 2);
}

TEST_CASE("a fill value that is no number stands for no row") {
  MadeFile made = made_file(12, {3, 11});
  made["rewards"].written = false;
  made["rewards"].fill = kNan;
  CHECK(contains(refusal(made),
                 "'rewards': expected finite numbers, found the fill value nan in "
                 "row 0"));
  made = made_file(12, {3, 11});
  made["timeouts"].written = false;
  made["timeouts"].fill = 7;
  CHECK(contains(refusal(made),
                 "'timeouts': expected flags that are 0 or 1, found 7, the fill "
                 "value"));
}

TEST_CASE("rows at the end that hold nothing but zeros or fill values are dropped") {
  check_first_eight(read(preallocated()));
  check_first_eight(read(preallocated(-1)));
  check_first_eight(read(preallocated(kNan)));
  for (const double blank : {0.0, kNan}) {
    CAPTURE(blank);
    MadeFile packed = preallocated(blank);
    for (auto& [key, array] : packed.arrays) {
      array.chunk = {5};
      if (array.shape.size() > 1) array.chunk.push_back(2);
      array.gzip = 4;
    }
    check_first_eight(read(packed));
  }
  CHECK(kept_text(read(preallocated())) ==
        "8 of 12 rows kept; dropped: 4 at the end that were never written (zeros or fill values in "
        "all fields)");
}

TEST_CASE("chunks at the end that were never written are such rows, however many") {
  MadeFile made = made_file(8, {3});
  add_next_observations(made);
  for (auto& [key, array] : made.arrays) {
    array.shape[0] = hsize_t{1} << 40;
    array.rows_written = 8;
    array.chunk = {3};
    if (array.shape.size() > 1) array.chunk.push_back(array.shape[1]);
  }
  check_first_eight(read(made), std::int64_t{1} << 40);
}

TEST_CASE("derived next states take none from rows that were never written") {
  MadeFile made = preallocated();
  made.arrays.erase("next_observations");
  const D4rlData data = read(made);
  CHECK(data.rows == 12);
  CHECK(data.unwritten == 4);
  CHECK(data.dropped == 6);
  REQUIRE(data.transitions.size() == 6);
  CHECK(data.transitions.next_state[5][0].item<double>() == 70);
  CHECK(kept_text(data) ==
        "6 of 12 rows kept; dropped: 2 whose next state is not in the file (where an episode times "
        "out, and the last row), 4 at the end that were never written (zeros or fill values in all "
        "fields)");
  made.arrays.erase("timeouts");  // blank rows make no episode of their own
  CHECK(read(made, {3, 2, 4}).transitions.timeout.sum().item<int>() == 2);
}

TEST_CASE("one value that is no zero keeps a row, and all before it") {
  const auto kept = [](const char* key, std::size_t index) {
    MadeFile made = preallocated();
    made[key].values[index] = 1;
    return read(made).transitions.size();
  };
  CHECK(kept("terminals", 9) == 10);
  CHECK(kept("timeouts", 11) == 12);
  CHECK(kept("rewards", 10) == 11);
  CHECK(kept("actions", 2 * 8 + 1) == 9);
  CHECK(kept("observations", 4 * 11 + 2) == 12);
  CHECK(kept("next_observations", 4 * 9) == 10);
  // Zeros before the end are values like others.
  MadeFile made = made_file(12, {3, 11});
  for (auto& [key, array] : made.arrays) {
    const std::size_t width = array.values.size() / 12;
    std::fill_n(array.values.begin() + static_cast<std::ptrdiff_t>(6 * width), width, 0);
  }
  CHECK(read(made).unwritten == 0);
}

TEST_CASE("values that are no numbers are fill values only where the row is blank") {
  MadeFile made = preallocated(kNan);
  made["rewards"].values[10] = 1;
  CHECK(contains(refusal(made), "expected finite numbers, found"));
  made = preallocated(kNan);
  made["rewards"].values[5] = kNan;
  CHECK(contains(refusal(made),
                 "'rewards': expected finite numbers, found the fill value nan in row 5"));
  made = preallocated(kNan);
  made["rewards"].values[2] = kNan;
  CHECK(contains(refusal(made), "'rewards': expected finite numbers, found nan in row 2"));
  made = preallocated(kNan);
  made["actions"].values[2 * 10] = INFINITY;
  CHECK(contains(refusal(made), "'actions': expected finite numbers, found inf in row 10"));
}

TEST_CASE("nothing but blank rows, or nothing written at all") {
  MadeFile made = made_file(12, {});
  for (auto& [key, array] : made.arrays) array.values.assign(array.values.size(), 0);
  CHECK(contains(refusal(made),
                 "expected rows that were written, found 12 that hold nothing but "
                 "zeros"));
  for (auto& [key, array] : made.arrays) array.written = false;
  CHECK(contains(refusal(made), "expected rows, found none that was ever written"));
}

TEST_CASE("a dataset of which only some was written is refused where rows count") {
  MadeFile made = made_file(12, {3, 11});
  made["actions"].chunk = {4, 2};
  made["actions"].rows_written = 8;
  CHECK(contains(refusal(made),
                 "'actions': expected 12 rows as other datasets have, found 8 and "
                 "the rest never written"));
}

TEST_CASE("chunks that miss before others are refused") {
  const testing::ScratchFolder folder;
  MadeFile made = made_file(12, {3, 11});
  made["observations"].chunk = {4, 4};
  made["observations"].written = false;
  made.write(folder / "data.hdf5");
  {
    const hdf5::Handle file(H5Fopen((folder / "data.hdf5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT),
                            H5Fclose);
    const hdf5::Handle dataset(H5Dopen2(file.get(), "observations", H5P_DEFAULT), H5Dclose);
    const hsize_t offset[2] = {8, 0};
    const std::vector<float> values(16, 1);
    REQUIRE(H5Dwrite_chunk(dataset.get(), H5P_DEFAULT, 0, offset, 64, values.data()) >= 0);
  }
  const std::string message = input_error([&] { read_d4rl(folder / "data.hdf5", kOptions); });
  CHECK_MESSAGE(contains(message,
                         "'observations': the chunk that begins in row 0, column 0 was "
                         "never written, but others that belong to it or follow it were"),
                message);
}

}  // namespace labhost
