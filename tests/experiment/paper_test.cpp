// The paper's numbers as they stand in experiments/paper/.
#include "core/experiment/paper.hpp"

#include <doctest/doctest.h>

#include <map>
#include <utility>

namespace labhost {
namespace {

std::filesystem::path paper_folder() {
  return std::filesystem::path(__FILE__).parent_path() / "../../experiments/paper";
}

}  // namespace

TEST_CASE("every table of the paper is whole") {
  const std::map<std::string, std::size_t> cells = {{"table1", 9},   {"table2", 20},
                                                    {"table3", 12},  {"table4a", 22},
                                                    {"table4b", 60}, {"table5", 16}};
  std::map<std::pair<std::string, std::string>, PaperCell> table4b;
  for (const auto& [name, count] : cells) {
    CAPTURE(name);
    const PaperTable table = read_paper_table(paper_folder() / (name + ".toml"));
    CHECK(table.name == name);
    CHECK(table.cells.size() == count);
    const bool has_errors = name != "table1" && name != "table2";
    for (const PaperCell& cell : table.cells) {
      CHECK(cell.table_name == name);
      CHECK(cell.mean.has_value());
      CHECK(cell.sem.has_value() == has_errors);
      if (name == "table4b") table4b[{cell.task, cell.algorithm}] = cell;
    }
  }
  CHECK(table4b.at({"ant-random-fo", "iql"}).mean == 0.12);
  CHECK(table4b.at({"ant-full-replay-po", "maiql-ft"}).mean == -0.07);
  CHECK(table4b.at({"ant-expert-po", "moma-ppo"}).sem == 0.0);
  CHECK(table4b.count({"ant-random-po", "iql"}) == 0);
}

}  // namespace labhost
