// Every model-free algorithm beats random play on the four-agent Ant, from 50,000 transitions of
// D4RL's expert. They are not in the repository: LABHOST_TEST_DATA names the folder of
// ant-expert-mini.hdf5. Random play scores 0, standing still about 0.1 to 0.3.
#include <cstdlib>

#include "tests/learning/learning_setup.hpp"

namespace labhost {

namespace {

struct Trial {
  const char* algorithm;
  testing::Overrides params;
  std::int64_t updates;
  double at_least;  ///< score
};

/// As in experiments/table4b.toml, but a few thousand updates, and a cql_coefficient of 1.
const std::vector<Trial> kTrials = {
    {"iql", {{"scale_rewards", "true"}}, 4000, 0.15},
    {"maiql", {{"scale_rewards", "true"}}, 3000, 0.15},
    {"maiql-ft", {{"scale_rewards", "true"}}, 3000, 0.05},
    {"ibc", {}, 4000, 0.3},
    {"itd3-bc", {}, 4000, 0.2},
    {"icql", {}, 600, 0.15},
    {"iomar", {}, 600, 0.15},
};

}  // namespace

TEST_CASE("the model-free algorithms beat random play on the Ant") {
  const char* folder = std::getenv("LABHOST_TEST_DATA");
  if (folder == nullptr) {
    MESSAGE("skipped: LABHOST_TEST_DATA does not name the folder of ant-expert-mini.hdf5");
    return;
  }
  torch::set_num_threads(1);
  for (const Trial& trial : kTrials) {
    CAPTURE(trial.algorithm);
    const testing::LearningTask ant("ant", {{"observation", "full"}},
                                    std::string(folder) + "/ant-expert-mini.hdf5");
    const double score = ant.score(trial.algorithm, trial.params, trial.updates, 10);
    MESSAGE(std::string(trial.algorithm), ": ", score, " after ", trial.updates);
    CHECK(score > trial.at_least);
  }
}

}  // namespace labhost
