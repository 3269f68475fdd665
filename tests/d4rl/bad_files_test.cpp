// Every kind of bad file is an InputError that names file, dataset, what was expected and found.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <memory>

#include "core/base/files.hpp"
#include "core/d4rl/reader.hpp"
#include "tests/base/scratch_folder.hpp"
#include "tests/d4rl/made_file.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;
using hdf5::Handle;
using testing::contains;
using testing::input_error;
using testing::made_file;
using testing::MadeArray;
using testing::MadeFile;

constexpr D4rlOptions kOptions{3, 2, 1000};

std::string error_of(const fs::path& file, const D4rlOptions& options = kOptions) {
  return input_error([&] { read_d4rl(file, options); });
}

/// A good file, changed; the message must name the file, then say all `parts`.
void check_refused(const std::function<void(MadeFile&)>& change,
                   const std::vector<std::string>& parts, const D4rlOptions& options = kOptions) {
  const testing::ScratchFolder folder;
  MadeFile made = made_file(12, {3, 11});
  add_next_observations(made);
  change(made);
  made.write(folder / "data.hdf5");
  const std::string message = error_of(folder / "data.hdf5", options);
  CAPTURE(message);
  CHECK(message.rfind((folder / "data.hdf5").string() + ": ", 0) == 0);
  for (const std::string& part : parts) CHECK_MESSAGE(contains(message, part), part);
}

/// The same for a change that HDF5's own functions make to the file.
void check_refused_after(const std::function<void(hid_t)>& change,
                         const std::vector<std::string>& parts) {
  const testing::ScratchFolder folder;
  const fs::path path = folder / "data.hdf5";
  MadeFile made = testing::made_variants()["large-chunks"];
  made.write(path);
  {
    const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
    change(file.get());
  }
  const std::string message = error_of(path);
  CAPTURE(message);
  CHECK(contains(message, path.string()));
  for (const std::string& part : parts) CHECK_MESSAGE(contains(message, part), part);
}

void write_chunk(hid_t file, const char* key, const std::vector<unsigned char>& bytes) {
  const Handle dataset(H5Dopen2(file, key, H5P_DEFAULT), H5Dclose);
  const hsize_t offset[2] = {0, 0};
  REQUIRE(H5Dwrite_chunk(dataset.get(), H5P_DEFAULT, 0, offset, bytes.size(), bytes.data()) >= 0);
}

std::vector<unsigned char> gzip(const std::vector<unsigned char>& bytes) {
  const std::unique_ptr<libdeflate_compressor, void (*)(libdeflate_compressor*)> compressor(
      libdeflate_alloc_compressor(6), libdeflate_free_compressor);
  std::vector<unsigned char> packed(libdeflate_zlib_compress_bound(compressor.get(), bytes.size()));
  packed.resize(libdeflate_zlib_compress(compressor.get(), bytes.data(), bytes.size(),
                                         packed.data(), packed.size()));
  return packed;
}

void replace_first(const fs::path& file, const std::string& what, const std::string& by) {
  std::string bytes = read_file(file);
  const std::size_t at = bytes.find(what);
  REQUIRE(at != std::string::npos);
  write_atomically(file, bytes.replace(at, what.size(), by));
}

std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i) & 255);
  return bytes;
}

}  // namespace

TEST_CASE("no file, a folder, not HDF5, nothing") {
  const testing::ScratchFolder folder;
  const std::string absent = (folder / "absent.hdf5").string();
  CHECK(error_of(absent) == absent + ": expected an HDF5 file, found no such file");
  CHECK(contains(error_of(folder.path()), "found a folder"));
  CHECK(contains(error_of(folder.write("text.hdf5", std::string(5000, 'x'))),
                 "text.hdf5: expected a whole HDF5 file, found 5000 bytes that are none"));
  CHECK(contains(error_of(folder.write("empty.hdf5", "")), "found 0 bytes"));
}

TEST_CASE("a file that is cut anywhere is refused") {
  const testing::ScratchFolder folder;
  for (const char* kind : {"contiguous", "gzip"}) {
    testing::made_variants()[kind].write(folder / "whole.hdf5");
    const std::string bytes = read_file(folder / "whole.hdf5");
    for (std::size_t size = 0; size < bytes.size(); size += 997) {
      const std::string message = error_of(folder.write("cut.hdf5", bytes.substr(0, size)));
      CHECK_MESSAGE(contains(message, "cut.hdf5: "), kind, " of ", size, " bytes: ", message);
    }
  }
}

TEST_CASE("a file with damaged bytes is refused or read, never worse") {
  const testing::ScratchFolder folder;
  std::map<std::string, MadeFile> all = testing::made_variants();
  all.merge(testing::minari_variants());
  for (const auto& [name, made] : all) {
    made.write(folder / "whole.hdf5");
    const std::string bytes = read_file(folder / "whole.hdf5");
    for (std::size_t at = 0; at < bytes.size(); at += 499) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x5a);
      const std::string message = error_of(folder.write("damaged.hdf5", damaged));
      CHECK_MESSAGE((message == "no error" || contains(message, "damaged.hdf5: ")), name, " byte ",
                    at, ": ", message);
    }
  }
}

TEST_CASE("each dataset that is missing is named, with those that are there") {
  for (const char* key : {"observations", "actions", "rewards", "terminals"}) {
    check_refused([key](MadeFile& made) { made.arrays.erase(key); },
                  {"'" + std::string(key) + "': expected a dataset of this name, found ",
                   "timeouts", "next_observations"});
  }
  const testing::ScratchFolder folder;
  MadeFile().write(folder / "data.hdf5");
  CHECK(contains(error_of(folder / "data.hdf5"), "found an empty file"));
}

TEST_CASE("wrong shapes") {
  const auto reshape = [](const char* key, std::vector<hsize_t> shape) {
    return [key, shape](MadeFile& made) {
      made[key].shape = shape;
      std::size_t size = 1;
      for (const hsize_t length : shape) size *= length;
      made[key].values.resize(size);
    };
  };
  check_refused(reshape("observations", {48}), {"'observations'", "expected two dimensions",
                                                "at least 3 columns", "found the shape (48)"});
  check_refused(reshape("observations", {12, 2}), {"at least 3 columns", "(12, 2)"});
  check_refused(reshape("observations", {12, 2, 2}), {"one or two dimensions, found 3"});
  check_refused(reshape("rewards", {}), {"'rewards'", "one or two dimensions, found 0"});
  check_refused(reshape("actions", {12, 3}), {"'actions'", "with 2 columns", "(12, 3)"});
  check_refused(reshape("next_observations", {12, 3}), {"'next_observations'", "with 4 columns"});
  check_refused(reshape("rewards", {12, 2}), {"'rewards'", "one value per row", "(12, 2)"});
  check_refused(reshape("terminals", {12, 2}), {"'terminals'", "one value per row"});
  for (const char* key : {"rewards", "terminals", "timeouts"}) {
    check_refused(reshape(key, {11}), {"'" + std::string(key) + "'",
                                       "expected 12 rows as in 'observations', found 11"});
  }
  check_refused(reshape("actions", {13, 2}), {"'actions'", "expected 12 rows", "found 13"});
  check_refused(reshape("next_observations", {11, 4}), {"'next_observations'", "found 11"});
}

TEST_CASE("no rows") {
  check_refused(
      [](MadeFile& made) {
        for (auto& [key, array] : made.arrays) {
          array.shape[0] = 0;
          array.values.clear();
        }
      },
      {"'observations'", "expected at least one row, found the shape (0, 4)"});
}

TEST_CASE("nothing is left without next observations") {
  check_refused(
      [](MadeFile& made) {
        made = made_file(3, {0, 1, 2});
      },
      {"'observations'", "expected at least two rows of one episode"});
}

TEST_CASE("wrong types") {
  const Handle text(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(text.get(), 8);
  const Handle compound(H5Tcreate(H5T_COMPOUND, 8), H5Tclose);
  H5Tinsert(compound.get(), "x", 0, H5T_NATIVE_DOUBLE);
  const Handle half(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
  H5Tset_fields(half.get(), 15, 10, 5, 0, 10);
  H5Tset_size(half.get(), 2);
  const auto retype = [](const char* key, hid_t type, bool written) {
    return [=](MadeFile& made) {
      made[key].type = type;
      made[key].written = written;
    };
  };
  check_refused(retype("rewards", text.get(), false),
                {"'rewards'", "expected numbers", "found texts"});
  check_refused(retype("terminals", compound.get(), false),
                {"'terminals'", "expected numbers", "found a compound type"});
  check_refused(retype("actions", half.get(), true),  // binary32's bias of the exponent
                {"'actions'", "expected numbers, whole or IEEE 754", "found 2-byte reals"});
  check_refused(retype("observations", H5T_NATIVE_LDOUBLE, true),
                {"'observations'", "IEEE 754 reals of 2, 4 or 8 bytes, found 16-byte reals"});
  check_refused(retype("timeouts", H5T_STD_B8LE, false), {"'timeouts'", "expected numbers"});
}

TEST_CASE("values that are not finite are named by row and column") {
  const auto put = [](const char* key, std::size_t index, double value) {
    return [=](MadeFile& made) { made[key].values[index] = value; };
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  check_refused(put("observations", 4 * 7 + 2, nan),
                {"'observations'", "expected finite numbers", "nan in row 7, column 2"});
  check_refused(put("next_observations", 4 * 11, INFINITY),
                {"'next_observations'", "inf in row 11, column 0"});
  check_refused(put("actions", 1, -INFINITY), {"'actions'", "-inf in row 0, column 1"});
  check_refused(put("rewards", 5, nan), {"'rewards'", "nan in row 5"});
  check_refused(
      [](MadeFile& made) {
        made["rewards"].type = H5T_IEEE_F64LE;
        made["rewards"].values[5] = -1e300;
      },
      {"'rewards'", "that float32 can hold, of at most 3.4e+38, found -1e+300 in row 5"});
}

TEST_CASE("columns that are not kept may hold anything") {
  const testing::ScratchFolder folder;
  MadeFile made = made_file(12, {3, 11});
  made["observations"].values[3] = INFINITY;
  made.write(folder / "data.hdf5");
  CHECK(error_of(folder / "data.hdf5") == "no error");
}

TEST_CASE("flags are 0 or 1") {
  check_refused([](MadeFile& made) { made["terminals"].values[4] = 2; },
                {"'terminals'", "expected flags that are 0 or 1", "found 2", "in row 4"});
  check_refused(
      [](MadeFile& made) {
        made["timeouts"].type = H5T_STD_I8LE;
        made["timeouts"].values[9] = -1;
      },
      {"'timeouts'", "found -1", "in row 9"});
  check_refused(
      [](MadeFile& made) {
        made["timeouts"].type = H5T_IEEE_F32LE;
        made["timeouts"].values[9] = 0.5;
      },
      {"'timeouts'", "found 0.5", "in row 9"});
  check_refused(
      [](MadeFile& made) {
        made["terminals"].h5py_bool = true;
        made["terminals"].values[1] = 7;
      },
      {"'terminals'", "found 7", "in row 1"});
}

TEST_CASE("an episode that is longer than the horizon is named by its first row") {
  check_refused([](MadeFile&) {},
                {"'timeouts'", "at most 7 steps", "begins in row 4", "--set horizon=N"}, {3, 2, 7});
  check_refused([](MadeFile& made) { made["timeouts"].values[11] = 0; },
                {"'timeouts'", "at most 5 steps", "begins in row 4",
                 "in a copy of the file without 'timeouts', every 5th row of an episode gets one"},
                {3, 2, 5});
}

TEST_CASE("shapes that the file cannot hold are refused before anything is allocated") {
  const auto enormous = [](std::vector<hsize_t> shape, std::vector<hsize_t> chunk, int level) {
    return [=](MadeFile& made) {
      MadeArray& array = made["observations"];
      array.shape = shape;
      array.chunk = chunk;
      array.gzip = level;
      array.written = false;
    };
  };
  const hsize_t huge = hsize_t{1} << 60;
  for (const auto& [shape, chunk, level] :
       std::vector<std::tuple<std::vector<hsize_t>, std::vector<hsize_t>, int>>{
           {{huge, 4}, {1, 4}, 4}, {{huge, 4}, {1000, 1}, 0}, {{huge / 4, 4}, {}, 0}}) {
    check_refused(enormous(shape, chunk, level),
                  {"'actions'", std::to_string(shape[0]) + " rows as in 'observations', found 12"});
  }
  check_refused(
      [huge](MadeFile& made) {  // nothing is written, so nothing says how many rows count
        for (auto& [key, array] : made.arrays) {
          array.shape[0] = huge;
          array.written = false;
          array.chunk = array.shape;
          array.chunk[0] = 1000;
        }
      },
      {"'observations'", "expected rows, found none that was ever written"});
}

TEST_CASE("a contiguous dataset whose header claims more rows than are stored") {
  const testing::ScratchFolder folder;
  const fs::path file = folder / "data.hdf5";
  MadeFile made = made_file(12, {3, 11});
  made["observations"] = testing::made_variants()["contiguous"]["observations"];
  made.write(file);
  // The shape's and the largest shape's first length, one behind the other's width.
  const std::string before = little_endian(12) + little_endian(4);
  replace_first(file, before + before,
                little_endian(500) + little_endian(4) + little_endian(500) + little_endian(4));
  const std::string message = error_of(file);
  CAPTURE(message);
  CHECK(contains(message, "'"));
  CHECK(contains(message, "expected"));
}

TEST_CASE("chunks that hold fewer or more bytes than they should") {
  const std::vector<std::string> named = {"'observations'", "row 0, column 0"};
  const auto with = [&named](const std::string& text) {
    std::vector<std::string> parts = named;
    parts.push_back(text);
    return parts;
  };
  check_refused_after(
      [](hid_t file) {
        write_chunk(file, "observations", gzip({1, 2, 3, 4, 5}));
      },
      with("expected 192 bytes, found 5"));
  check_refused_after(
      [](hid_t file) { write_chunk(file, "observations", gzip(std::vector<unsigned char>(999))); },
      with("expected 192 bytes, found more"));
  check_refused_after(
      [](hid_t file) { write_chunk(file, "observations", std::vector<unsigned char>(40, 7)); },
      with("expected gzip data, found damaged bytes"));
}

TEST_CASE("a filter that is not known") {
  check_refused(
      [](MadeFile& made) {
        made["actions"].chunk = {12, 2};
        made["actions"].filter = H5Z_FILTER_FLETCHER32;
      },
      {"'actions'", "expected gzip", "found the filter 'fletcher32'",
       "`h5repack -f GZIP=4 FILE NEW_FILE` converts it"});
  check_refused(
      [](MadeFile& made) {
        made["actions"].chunk = {12, 2};
        made["actions"].gzip = 4;
        made["actions"].filter = H5Z_FILTER_DEFLATE;
      },
      {"'actions'", "expected gzip", "deflate"});
}

TEST_CASE("HDF5 prints nothing, and its own setting is back afterwards") {
  H5E_auto2_t before = nullptr, after = nullptr;
  void* data = nullptr;
  H5Eget_auto2(H5E_DEFAULT, &before, &data);
  const testing::ScratchFolder folder;
  const fs::path file = folder.write("text.hdf5", "not HDF5"),
                 printed = folder.write("printed", "");
  const int errors = ::dup(STDERR_FILENO), capture = ::open(printed.c_str(), O_WRONLY | O_CLOEXEC);
  ::dup2(capture, STDERR_FILENO);
  const std::string guarded = error_of(file);
  const std::string unguarded = error_of(file, {3, 2, 1000, /*guarded=*/false});
  ::dup2(errors, STDERR_FILENO);
  ::close(errors);
  ::close(capture);
  H5Eget_auto2(H5E_DEFAULT, &after, &data);
  CHECK((before == after));
  CHECK(read_file(printed).empty());
  CHECK(guarded == unguarded);
  CHECK(contains(guarded, "file signature not found"));
}

TEST_CASE("widths and horizon below 1 are the caller's mistake") {
  CHECK_THROWS_AS(read_d4rl("x", {0, 1, 1}), std::logic_error);
  CHECK_THROWS_AS(read_d4rl("x", {1, 0, 1}), std::logic_error);
  CHECK_THROWS_AS(read_d4rl("x", {1, 1, 0}), std::logic_error);
}

}  // namespace labhost
