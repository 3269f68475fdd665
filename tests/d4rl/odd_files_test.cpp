// Files that are whole but unusual: links, other number formats, attributes, permissions, filters.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

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

MadeFile plain() {
  MadeFile made = made_file(12, {3, 11});
  add_next_observations(made);
  return made;
}

D4rlData read(const MadeFile& made) {
  const testing::ScratchFolder folder;
  made.write(folder / "data.hdf5");
  return read_d4rl(folder / "data.hdf5", kOptions);
}

/// What is said of a good file after HDF5's own functions have changed it.
std::string refusal_after(const std::function<void(hid_t)>& change,
                          const MadeFile& made = plain()) {
  const testing::ScratchFolder folder;
  const fs::path path = folder / "data.hdf5";
  made.write(path);
  {
    const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
    change(file.get());
  }
  return input_error([&] { read_d4rl(path, kOptions); });
}

void check_parts(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK_MESSAGE(contains(message, part), message);
  }
}

/// Not the superuser, whom nothing is forbidden, until the end of the scope.
class Unprivileged {
 public:
  Unprivileged() : was_(::geteuid()) {
    if (was_ == 0) ok_ = ::seteuid(65534) == 0;
  }
  ~Unprivileged() {
    if (was_ == 0 && ok_) static_cast<void>(::seteuid(0));
  }
  bool ok() const { return ok_; }

 private:
  uid_t was_;
  bool ok_ = true;
};

}  // namespace

TEST_CASE("a group, a soft link, an external link where a dataset is expected") {
  check_parts(refusal_after([](hid_t file) {
                H5Ldelete(file, "rewards", H5P_DEFAULT);
                const Handle group(
                    H5Gcreate2(file, "rewards", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
              }),
              {"'rewards': expected a dataset in this file, found a group, an empty one"});
  check_parts(refusal_after([](hid_t file) {
                H5Lmove(file, "rewards", file, "elsewhere", H5P_DEFAULT, H5P_DEFAULT);
                H5Lcreate_soft("/elsewhere", file, "rewards", H5P_DEFAULT, H5P_DEFAULT);
              }),
              {"'rewards': expected a dataset in this file, found a soft link to '/elsewhere'",
               "python3 -c \"import h5py;", "'terminals'"});
  check_parts(
      refusal_after([](hid_t file) {
        H5Ldelete(file, "rewards", H5P_DEFAULT);
        H5Lcreate_external("other.hdf5", "/r", file, "rewards", H5P_DEFAULT, H5P_DEFAULT);
      }),
      {"'rewards': expected a dataset in this file, found an external link to '/r' of the file "
       "'other.hdf5'",
       "python3 -c \"import h5py;"});
  check_parts(refusal_after(
                  [](hid_t file) {
                    H5Ldelete(file, "episode_1", H5P_DEFAULT);
                    H5Lcreate_external("additional_data_0.hdf5", "/episode_1", file, "episode_1",
                                       H5P_DEFAULT, H5P_DEFAULT);
                  },
                  testing::minari_variants()["minari"]),
              {"'episode_1': expected",
               "an external link to '/episode_1' of the file "
               "'additional_data_0.hdf5'",
               "'terminations'"});
}

TEST_CASE("external raw storage and virtual datasets") {
  const auto replace_rewards = [](const std::function<void(hid_t)>& layout) {
    return refusal_after([&](hid_t file) {
      H5Ldelete(file, "rewards", H5P_DEFAULT);
      const hsize_t rows = 12;
      const Handle space(H5Screate_simple(1, &rows, nullptr), H5Sclose);
      const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
      layout(creation.get());
      const Handle dataset(H5Dcreate2(file, "rewards", H5T_IEEE_F32LE, space.get(), H5P_DEFAULT,
                                      creation.get(), H5P_DEFAULT),
                           H5Dclose);
      REQUIRE(dataset.valid());
    });
  };
  check_parts(
      replace_rewards([](hid_t creation) { H5Pset_external(creation, "raw.bin", 0, 48); }),
      {"'rewards': expected data in this file, found external raw storage: the values are in the "
       "file 'raw.bin'",
       "python3 -c \"import h5py;"});
  check_parts(replace_rewards([](hid_t creation) {
                const hsize_t rows = 12;
                const Handle space(H5Screate_simple(1, &rows, nullptr), H5Sclose);
                H5Pset_virtual(creation, space.get(), "other.hdf5", "/r", space.get());
              }),
              {"'rewards': expected data in this file, found a virtual dataset",
               "python3 -c \"import h5py;"});
}

TEST_CASE("whole numbers and half precision are read") {
  const Handle half = testing::made_half_type();
  const Handle big(H5Tcopy(half.get()), H5Tclose);
  H5Tset_order(big.get(), H5T_ORDER_BE);
  for (const hid_t type : {half.get(), big.get(), H5T_STD_I8LE, H5T_STD_U8LE, H5T_STD_I16BE,
                           H5T_STD_U16LE, H5T_STD_I32LE, H5T_STD_I64BE, H5T_STD_U64LE}) {
    MadeFile made = plain();
    for (const char* key : {"observations", "next_observations", "actions", "rewards"}) {
      made[key].type = type;
      for (double& value : made[key].values) value = std::floor(value);
    }
    const Transitions data = read(made).transitions;
    const Tensor expected =
        10 * torch::arange(12.0F).unsqueeze(1) + torch::arange(3.0F).unsqueeze(0);
    CHECK(torch::equal(data.state, expected));
    CHECK(torch::equal(data.reward, torch::arange(12.0F).div(2).floor()));
  }
}

TEST_CASE("half precision: fractions, the least and the largest, infinity") {
  const Handle half = testing::made_half_type();
  MadeFile made = plain();
  made["rewards"].type = half.get();
  const std::vector<double> values = {0.5,
                                      -0.333251953125,
                                      65504,
                                      -65504,
                                      std::ldexp(1, -24),
                                      std::ldexp(1023, -24),
                                      std::ldexp(1, -14),
                                      0,
                                      1,
                                      2,
                                      3,
                                      4};
  made["rewards"].values = values;
  CHECK(torch::equal(read(made).transitions.reward,
                     torch::tensor(values, torch::kFloat64).to(torch::kFloat32)));
  made["rewards"].values[3] = 1e6;
  CHECK(contains(input_error([&] { read(made); }), "expected finite numbers, found inf in row 3"));
}

TEST_CASE("attributes that are not UTF-8") {
  MadeFile made = plain();
  made.attributes = {{"note", "caf\xe9"}, {"b\xe9", "\xff\xfe"}, {"good", "caf\xc3\xa9"}};
  const std::map<std::string, std::string> expected = {
      {"note", "caf\xef\xbf\xbd"},
      {"b\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd"},
      {"good", "caf\xc3\xa9"}};
  CHECK((read(made).attributes == expected));
}

TEST_CASE("attributes of more than 64 kB, which HDF5 stores elsewhere") {
  MadeFile made = plain();
  made.newest_format = true;
  made.attributes = {{"large", std::string(100000, 'x')}, {"huge", std::string(2000000, 'y')}};
  for (int i = 0; i < 20; ++i) made.attributes["small " + std::to_string(i)] = "text";
  const D4rlData data = read(made);
  CHECK(data.attributes.at("large") == made.attributes["large"]);
  CHECK(data.attributes.size() == 21);
  CHECK(data.notes ==
        std::vector<std::string>{"attribute 'huge' is left out: it has more than a megabyte"});
}

TEST_CASE("a file and a folder that may not be read") {
  const testing::ScratchFolder folder;
  const fs::path file = folder / "inner/data.hdf5";
  fs::create_directories(folder / "inner");
  plain().write(file);
  ::chmod(folder.path().c_str(), 0755);
  ::chmod(file.c_str(), 0200);
  std::string closed_file, closed_folder;
  {
    const Unprivileged nobody;
    if (!nobody.ok()) return;
    closed_file = input_error([&] { read_d4rl(file, kOptions); });
  }
  ::chmod(file.c_str(), 0644);
  ::chmod((folder / "inner").c_str(), 0600);
  {
    const Unprivileged nobody;
    closed_folder = input_error([&] { read_d4rl(file, kOptions); });
  }
  ::chmod((folder / "inner").c_str(), 0755);
  check_parts(closed_file, {"data.hdf5: expected a file that may be read, found: Permission denied",
                            "mode 0200", "chmod a+r"});
  check_parts(closed_folder, {"data.hdf5: expected an HDF5 file, found one that cannot be reached: "
                              "Permission denied"});
}

TEST_CASE("a filter that HDF5 lacks: what converts the file") {
  MadeFile made = plain();
  made["actions"].chunk = {12, 2};
  made["actions"].filter = 32000;
  check_parts(input_error([&] { read(made); }),
              {"'actions': expected gzip", "found the filter 'lzf', which HDF5 does not come with",
               "h5repack neither: it would leave an empty file", "h5py reads it, and this",
               "python3 -c \"import h5py;"});
  made["actions"].filter = 32001;  // blosc
  check_parts(input_error([&] { read(made); }),
              {"found the filter 'number 32001'", "h5py reads it after `import hdf5plugin`"});
}

}  // namespace labhost
