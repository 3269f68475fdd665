// Minari's layout: episodes in groups.
#include <doctest/doctest.h>

#include "core/d4rl/reader.hpp"
#include "core/d4rl/writer.hpp"
#include "tests/base/scratch_folder.hpp"
#include "tests/d4rl/made_file.hpp"

namespace labhost {

namespace {

using testing::contains;
using testing::input_error;
using testing::made_flags;
using testing::MadeFile;
using Rows = std::vector<std::int64_t>;

constexpr D4rlOptions kOptions{3, 2, 1000};

D4rlData read(const MadeFile& made, const D4rlOptions& options = kOptions) {
  const testing::ScratchFolder folder;
  made.write(folder / "data.hdf5");
  return read_d4rl(folder / "data.hdf5", options);
}

MadeFile plain() { return testing::minari_variants()["minari"]; }

std::string refusal(const MadeFile& made, const D4rlOptions& options = kOptions) {
  return input_error([&] { read(made, options); });
}

Rows set_rows(const Tensor& flags) {
  const Tensor rows = flags.nonzero().squeeze(1);
  return {rows.data_ptr<std::int64_t>(), rows.data_ptr<std::int64_t>() + rows.numel()};
}

}  // namespace

TEST_CASE("episodes are read in the order of their numbers, with the state after each step") {
  for (const auto& [name, made] : testing::minari_variants()) {
    CAPTURE(name);
    D4rlOptions options = kOptions;
    options.keep_record = true;
    const D4rlData read_back = read(made, options);
    const Transitions& data = read_back.transitions;
    CHECK(read_back.layout == "Minari, 4 episodes");
    CHECK(read_back.rows == 10);
    CHECK(read_back.dropped == 0);
    CHECK(kept_text(read_back) == "10 of 10 rows kept");
    CHECK(read_back.next_states_stored);
    CHECK(read_back.timeouts_stored);
    CHECK_FALSE(read_back.partial_tail);
    const Tensor first = torch::tensor(
        {0.0F, 10.0F, 20.0F, 1000.0F, 2000.0F, 2010.0F, 2020.0F, 2030.0F, 10000.0F, 10010.0F});
    CHECK(torch::equal(data.state.select(1, 0), first));
    CHECK(torch::equal(data.state.select(1, 2), first + 2));
    CHECK(torch::equal(data.next_state.select(1, 0), first + 10));
    CHECK(torch::equal(data.reward, torch::tensor({0.0F, 0.125F, 0.25F, 1.0F, 2.0F, 2.125F, 2.25F,
                                                   2.375F, 10.0F, 10.125F})));
    CHECK(data.action[7][1].item<double>() == 1.375);
    CHECK(set_rows(data.terminal) == Rows{2, 7, 9});
    CHECK(set_rows(data.timeout) == Rows{3});
    CHECK(torch::equal(read_back.record.reward, data.reward));
    // There is no episode 3 to 9: said, unless the file counts its episodes.
    CHECK(read_back.notes == std::vector<std::string>{"there are no episodes 3, 4, 5, 6, 7, ..."});
  }
}

TEST_CASE("what is read from Minari's layout is written in D4RL's and read again") {
  const testing::ScratchFolder folder;
  const D4rlData minari = read(plain());
  write_d4rl(folder / "again.hdf5", minari.transitions, {});
  const D4rlData again = read_d4rl(folder / "again.hdf5", kOptions);
  CHECK(again.layout == "D4RL");
  CHECK(torch::equal(again.transitions.next_state, minari.transitions.next_state));
  CHECK(torch::equal(again.transitions.timeout, minari.transitions.timeout));
}

TEST_CASE("a file's outline is that of its first episode") {
  const testing::ScratchFolder folder;
  plain().write(folder / "data.hdf5");
  CHECK(outline_d4rl(folder / "data.hdf5").observation_columns == 4);
}

TEST_CASE("episodes that neither terminate nor are truncated time out, and are counted") {
  MadeFile made = plain();
  made["episode_0/terminations"] = made_flags(3, {});
  made["episode_10/terminations"].written = false;
  const D4rlData data = read(made);
  CHECK(data.partial_tail);
  CHECK(set_rows(data.transitions.timeout) == Rows{2, 3, 9});
  CHECK(set_rows(data.transitions.terminal) == Rows{7});
  REQUIRE(data.notes.size() == 3);
  CHECK(data.notes[1] == "'terminations' was never written in 1 episodes: read as its fill value");
  CHECK(contains(data.notes[2], "2 episodes neither terminate nor are truncated"));
}

TEST_CASE("an episode goes no further than its end, and no longer than the horizon") {
  MadeFile made = plain();
  made["episode_2/terminations"] = made_flags(4, {1, 3});
  CHECK(contains(refusal(made),
                 "'episode_2/terminations': expected it to be set in the episode's "
                 "last row only, found it in row 1 of 4"));
  CHECK(contains(refusal(plain(), {3, 2, 3}),
                 "'episode_2': expected an episode of at most 3 steps, found 4"));
  CHECK(contains(refusal(plain(), {3, 2, 3}), "--set horizon=N"));
}

TEST_CASE("wrong shapes of an episode") {
  MadeFile made = plain();
  made["episode_2/observations"].shape = {4, 4};
  made["episode_2/observations"].values.resize(16);
  CHECK(contains(refusal(made),
                 "'episode_2/observations': expected 5 rows, one more than 'rewards' "
                 "has"));
  made = plain();
  made["episode_2/truncations"] = made_flags(3, {});
  CHECK(
      contains(refusal(made), "'episode_2/truncations': expected 4 rows as in 'rewards', found 3"));
  CHECK(contains(refusal(plain(), {3, 5, 1000}),
                 "'episode_0/actions': expected two dimensions with "
                 "5 columns, found the shape (3, 2)"));
  made = plain();
  made["episode_1/rewards"].values[0] = 1e300;
  made["episode_1/rewards"].type = H5T_IEEE_F64LE;
  CHECK(contains(refusal(made), "'episode_1/rewards': expected numbers that float32 can hold"));
  made = plain();
  made.arrays.erase("episode_1/truncations");
  CHECK(contains(refusal(made),
                 "'episode_1/truncations': expected a dataset of this name, found "
                 "actions, observations, rewards, terminations"));
}

TEST_CASE("observations that are a group are refused by what they hold") {
  MadeFile made = plain();
  for (const char* part : {"achieved_goal", "observation"}) {
    made["episode_0/observations/" + std::string(part)] = made["episode_0/observations"];
  }
  made.arrays.erase("episode_0/observations");
  const std::string message = refusal(made);
  CHECK_MESSAGE(contains(message,
                         "'episode_0/observations': expected a dataset in this file, found "
                         "a group of achieved_goal, observation (a Dict or Tuple space"),
                message);
}

TEST_CASE("a dataset where an episode's group is expected, two groups of one number") {
  MadeFile made;
  made["episode_0"] = made_flags(3, {});
  CHECK(contains(refusal(made), "'episode_0': expected a group, found a dataset"));
  made = plain();
  for (const char* name : {"observations", "actions", "rewards", "terminations", "truncations"}) {
    made["episode_02/" + std::string(name)] = made["episode_2/" + std::string(name)];
  }
  CHECK(contains(refusal(made),
                 "'episode_2': expected one episode of a number, found 'episode_02' "
                 "too"));
}

TEST_CASE("a file that lacks episodes which its attributes count is refused") {
  MadeFile made = plain();
  made.counts["total_episodes"] = 11;
  const std::string message = refusal(made);
  CHECK(contains(message,
                 "expected 11 as 'total_episodes' of the file's attributes says, found 4; "
                 "missing: episodes 3, 4, 5, 6, 7, ..."));
  made.counts = {{"total_steps", 11}};
  CHECK(contains(refusal(made),
                 "expected 11 as 'total_steps' of the file's attributes says, found "
                 "10"));
}

TEST_CASE("metadata.json beside main_data.hdf5 is read, and no other file's") {
  const testing::ScratchFolder folder;
  MadeFile made = plain();
  made.attributes["author"] = "of the file";
  made.write(folder / "main_data.hdf5");
  made.write(folder / "other.hdf5");
  folder.write("metadata.json",
               R"({"total_episodes": 4, "total_steps": 10, "author": "beside", "dataset_id": "x-v0",
                   "observation_space": "long", "dataset_size": 1.5})");
  const auto attributes = read_d4rl(folder / "main_data.hdf5", kOptions).attributes;
  CHECK((attributes ==
         std::map<std::string, std::string>{{"author", "of the file"}, {"dataset_id", "x-v0"}}));
  CHECK(read_d4rl(folder / "other.hdf5", kOptions).attributes.size() == 1);
  const auto refused = [&](const std::string& json) {
    folder.write("metadata.json", json);
    return input_error([&] { read_d4rl(folder / "main_data.hdf5", kOptions); });
  };
  CHECK(contains(refused(R"({"total_steps": 12})"),
                 "expected 12 as 'total_steps' of metadata.json beside it says, found 10"));
  CHECK(contains(refused("{"), "metadata.json: expected a JSON object"));
}

TEST_CASE("another layout names what it lacks") {
  MadeFile made;
  made["episodes/rewards"] = made_flags(3, {});
  CHECK(contains(refusal(made), "'observations': expected a dataset of this name, found episodes"));
}

TEST_CASE("a dataset's folder names its file") {
  const testing::ScratchFolder folder;
  std::filesystem::create_directories(folder / "ant/data");
  plain().write(folder / "ant/data/main_data.hdf5");
  CHECK(contains(input_error([&] { read_d4rl(folder / "ant", kOptions); }),
                 "the data of this one is in " + (folder / "ant/data/main_data.hdf5").string()));
}

}  // namespace labhost
