#include "core/d4rl/names.hpp"

#include <doctest/doctest.h>

#include "tests/base/scratch_folder.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::input_error;

}  // namespace

TEST_CASE("names become D4RL's file names") {
  CHECK(parse_d4rl_name("ant-medium-v2").file() == "ant_medium-v2.hdf5");
  CHECK(parse_d4rl_name("ant-full-replay-v2").file() == "ant_full_replay-v2.hdf5");
  CHECK(parse_d4rl_name("walker2d-random-v12").file() == "walker2d_random-v12.hdf5");
  CHECK(parse_d4rl_name("ant-medium-v2").address() ==
        "http://rail.eecs.berkeley.edu/datasets/offline_rl/gym_mujoco_v2/ant_medium-v2.hdf5");
}

TEST_CASE("other names are refused with an example") {
  for (const char* name :
       {"", "ant", "ant-v2", "ant-medium", "ant-medium-v", "ant-medium-v2x", "-medium-v2",
        "Ant-medium-v2", "ant-../x-v2", "ant--v2", "ant/medium-v2"}) {
    CAPTURE(name);
    const std::string message = input_error([name] { parse_d4rl_name(name); });
    CHECK(contains(message, "D4RL dataset '" + std::string(name) + "'"));
    CHECK(contains(message, "ant-medium-v2"));
  }
}

TEST_CASE("folders: LABHOST_DATA in order, then D4RL's own") {
  const std::vector<fs::path> both = {"/a", "/b c", "/home/me/.d4rl/datasets"};
  CHECK(d4rl_folders("/a::/b c:", "/home/me") == both);
  CHECK(d4rl_folders(nullptr, "/home/me") == std::vector<fs::path>{"/home/me/.d4rl/datasets"});
  CHECK(d4rl_folders("", nullptr).empty());
  const testing::ScopedVariable data("LABHOST_DATA", "/x"), home("HOME", "/y");
  CHECK(d4rl_folders() == std::vector<fs::path>{"/x", "/y/.d4rl/datasets"});
}

TEST_CASE("the first folder that has the file wins") {
  const testing::ScratchFolder folder;
  folder.write("two/ant_medium-v2.hdf5", "2");
  folder.write("three/ant_medium-v2.hdf5", "3");
  fs::create_directories(folder / "one/ant_medium-v2.hdf5");  // a folder is no file
  CHECK(find_d4rl("ant-medium-v2", {folder / "one", folder / "two", folder / "three"}) ==
        folder / "two/ant_medium-v2.hdf5");
}

TEST_CASE("a missing file: what was searched, and how to get it") {
  const std::string message = input_error([] {
    find_d4rl("ant-full-replay-v2", {"/nowhere/a", "/nowhere/b"});
  });
  for (const char* part :
       {"ant-full-replay-v2", "ant_full_replay-v2.hdf5", "/nowhere/a, /nowhere/b",
        "http://rail.eecs.berkeley.edu/datasets/offline_rl/gym_mujoco_v2/ant_full_replay-v2.hdf5",
        "`labhost datasets fetch ant-full-replay-v2`", "copy", "LABHOST_DATA"}) {
    CHECK_MESSAGE(contains(message, part), part);
  }
}

}  // namespace labhost
