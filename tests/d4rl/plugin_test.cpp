// The dataset plugin: which file it takes, and what it says about it.
#include <doctest/doctest.h>

#include "core/base/hash.hpp"
#include "core/plugins/loader.hpp"
#include "tests/base/scratch_folder.hpp"
#include "tests/d4rl/made_file.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::input_error;
using Values = std::map<std::string, std::string>;

class QuietLogger final : public Logger {
 public:
  void info(const std::string&) override {}
  void warn(const std::string&) override {}
};

TaskSpec small_task(bool discrete = false) {
  TaskSpec task;
  task.name = "made up";
  task.state_width = 3;
  task.horizon = 9;
  task.agents = {{"first", {0, 1}, {discrete, discrete ? 2 : 1}},
                 {"second", {2}, {discrete, discrete ? 2 : 1}}};
  return task;
}

struct Loaded {
  Transitions data;
  Values provenance;
};

Loaded load(const Values& values, const TaskSpec& task = small_task()) {
  const LoadedPlugin plugin = LoadedPlugin::load(fs::path(LABHOST_PLUGINS) / "d4rl.so");
  const Params params(values);
  QuietLogger logger;
  const auto dataset = plugin.make(DatasetContext{task, params, logger});
  Loaded loaded;
  loaded.data = dataset->load();
  loaded.data.validate(task, "test");
  loaded.provenance = dataset->provenance();
  return loaded;
}

}  // namespace

TEST_CASE("a file by its path, with its provenance") {
  const testing::ScratchFolder folder;
  const fs::path file = folder / "data.hdf5";
  testing::made_variants()["attributes"].write(file);
  const Loaded loaded = load({{"file", file.string()}, {"name", ""}});
  CHECK(loaded.data.size() == 12);
  const Values expected = {
      {"file", file.string()},   {"sha256", sha256_file(file)},  {"rows", "12"},
      {"dropped_rows", "0"},     {"next_states", "stored"},      {"timeouts", "stored"},
      {"last_episode", "whole"}, {"attribute.algorithm", "SAC"}, {"attribute.note", ""},
      {"layout", "D4RL"}};
  CHECK((loaded.provenance == expected));
}

TEST_CASE("a file in Minari's layout, with what was read otherwise than it stands there") {
  const testing::ScratchFolder folder;
  const fs::path file = folder / "main_data.hdf5";
  testing::MadeFile made = testing::minari_variants()["minari"];
  made["episode_10/terminations"].written = false;
  made.write(file);
  Loaded loaded = load({{"file", file.string()}, {"name", ""}});
  CHECK(loaded.data.size() == 10);
  CHECK(loaded.provenance["layout"] == "Minari, 4 episodes");
  CHECK(loaded.provenance["next_states"] == "stored");
  CHECK(loaded.provenance["last_episode"] == "cut by the end of the file");
  CHECK(contains(loaded.provenance["notes"], "there are no episodes 3, 4"));
  CHECK(contains(loaded.provenance["notes"], "'terminations' was never written"));
}

TEST_CASE("rows that were never written are counted") {
  const testing::ScratchFolder folder;
  const fs::path file = folder / "data.hdf5";
  testing::MadeFile made = testing::made_file(12, {3, 8});
  for (auto& [key, array] : made.arrays) {
    array.chunk = {9};
    if (array.shape.size() > 1) array.chunk.push_back(array.shape[1]);
    array.rows_written = 9;
  }
  made.write(file);
  Loaded loaded = load({{"file", file.string()}, {"name", ""}});
  CHECK(loaded.provenance["rows"] == "12");
  CHECK(loaded.provenance["unwritten_rows"] == "3");
  CHECK(loaded.provenance["dropped_rows"] == "5");
}

TEST_CASE("a dataset by D4RL's name, from LABHOST_DATA and then from D4RL's own folder") {
  const testing::ScratchFolder folder;
  fs::create_directories(folder / "one");
  fs::create_directories(folder / "two");
  fs::create_directories(folder / "home/.d4rl/datasets");
  testing::MadeFile v0 = testing::made_file(12, {});
  v0.arrays.erase("timeouts");
  v0.write(folder / "two/toy_full_replay-v1.hdf5");
  testing::made_variants()["gzip"].write(folder / "home/.d4rl/datasets/toy_full_replay-v1.hdf5");
  const testing::ScopedVariable home("HOME", (folder / "home").c_str());
  const Values values = {{"file", ""}, {"name", "toy-full-replay-v1"}};
  {
    const std::string list = (folder / "one").string() + ":" + (folder / "two").string();
    const testing::ScopedVariable data("LABHOST_DATA", list.c_str());
    Loaded loaded = load(values);
    CHECK(loaded.data.size() == 10);
    CHECK(loaded.provenance["file"] == folder / "two/toy_full_replay-v1.hdf5");
    CHECK(loaded.provenance["rows"] == "12");
    CHECK(loaded.provenance["dropped_rows"] == "2");
    CHECK(loaded.provenance["next_states"] == "taken from the following rows");
    CHECK(loaded.provenance["timeouts"] == "set after 9 steps");
    CHECK(loaded.provenance["last_episode"] == "cut by the end of the file");
  }
  const testing::ScopedVariable none("LABHOST_DATA", nullptr);
  CHECK(load(values).data.size() == 12);
  const std::string message = input_error([] { load({{"file", ""}, {"name", "toy-random-v1"}}); });
  CHECK(contains(message, "toy_random-v1.hdf5"));
  CHECK(contains(message, (folder / "home/.d4rl/datasets").string()));
  CHECK(contains(message, "labhost datasets fetch toy-random-v1"));
}

TEST_CASE("exactly one of file and name") {
  CHECK(contains(input_error([] {
                   load({{"file", ""}, {"name", ""}});
                 }),
                 "expected either `file` or `name`, found neither"));
  CHECK(contains(input_error([] {
                   load({{"file", "x"}, {"name", "ant-medium-v2"}});
                 }),
                 "found both"));
}

TEST_CASE("a task with discrete actions is refused") {
  CHECK(contains(input_error([] {
                   load({{"file", "x"}, {"name", ""}}, small_task(true));
                 }),
                 "expected a task with continuous actions"));
}

}  // namespace labhost
