#include <doctest/doctest.h>

#include "core/cli/datasets_view.hpp"
#include "core/report/values.hpp"
#include "tests/base/scratch_folder.hpp"
#include "tests/report/store_fixture.hpp"

namespace labhost {

namespace {

std::vector<std::string> texts(const std::vector<Cell>& cells) {
  std::vector<std::string> result;
  for (const Cell& cell : cells) result.push_back(cell_text(cell));
  return result;
}

}  // namespace

TEST_CASE("datasets that runs have left, from the store alone") {
  const testing::ScratchFolder folder;
  Store store(folder / "labhost.sqlite", Store::Access::kReadWrite);
  CHECK(stored_datasets(store, true).rows.empty());
  store.record_plan(testing::make_plan("data", "quick", {"run"}, {"collect", "iql"}, 1));
  testing::finish(store, "run", "iql", 0, 0.5, {{0, "policy", 0, "runs/a/policy.pt", "00", 1}});
  const auto claimed = testing::start(store, "run", "collect", 0);
  testing::add_metric(store, claimed,
                      {{"dataset/transitions", 1, 40, 0}, {"dataset/score_mean", 1, 0.123456, 0}});
  store.complete(claimed.first, claimed.second, 0.1,
                 {{0, "dataset", 0, "runs/b/dataset.hdf5", "11", 99}}, 1.0);
  const QueryResult found = stored_datasets(store, true);
  CHECK(found.columns == std::vector<std::string>{"run", "experiment", "task", "teams",
                                                  "transitions", "score", "bytes", "path"});
  REQUIRE(found.rows.size() == 1);
  CHECK(texts(found.rows[0]) == std::vector<std::string>{std::to_string(claimed.first), "data",
                                                         "run", "", "40", "0.123456", "99",
                                                         "runs/b/dataset.hdf5"});
  CHECK(cell_text(stored_datasets(store, false).rows[0][5]) == "0.123");
}

TEST_CASE("D4RL's files: by their names, folder after folder") {
  const testing::ScratchFolder folder;
  folder.write("b/ant_full_replay-v2.hdf5", "12345");
  folder.write("b/ant_expert-v2.hdf5", "1");
  folder.write("b/ant_expert-v2.hdf5.part", "1");
  folder.write("b/notes.hdf5", "");
  folder.write("b/ant-expert-v2.hdf5", "");  // no name gives this file
  folder.write("a/hopper_medium-v0.hdf5", "");
  const QueryResult found = d4rl_files({folder / "b", folder / "none", folder / "a"});
  REQUIRE(found.rows.size() == 3);
  CHECK(texts(found.rows[0]) ==
        std::vector<std::string>{"ant-expert-v2", "1", (folder / "b/ant_expert-v2.hdf5").string()});
  CHECK(cell_text(found.rows[1][0]) == "ant-full-replay-v2");
  CHECK(cell_text(found.rows[1][1]) == "5");
  CHECK(cell_text(found.rows[2][0]) == "hopper-medium-v0");
}

}  // namespace labhost
