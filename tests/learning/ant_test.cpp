// Every model-free algorithm beats random play on the four-agent Ant, from 50,000 transitions of
// D4RL's expert. They are not in the repository: LABHOST_TEST_DATA names the folder of
// ant-expert-mini.hdf5. Random play scores 0, standing still about 0.1 to 0.3.
#include <cstdlib>

#include "tests/learning/learning_setup.hpp"

namespace labhost {

namespace {

struct Trial {
  const char* algorithm;
  const char* observation;
  std::int64_t updates;
  double at_least;  ///< score
};

constexpr Trial kTrials[] = {
    {"ibc", "full", 4000, 0.5},      {"iql", "full", 4000, 0.5},     {"maiql", "full", 3000, 0.5},
    {"maiql-ft", "full", 3000, 0.3}, {"itd3-bc", "full", 4000, 0.3}, {"icql", "full", 600, 0.1},
    {"iomar", "full", 600, 0.1},
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
    CAPTURE(trial.observation);
    const testing::LearningTask ant("ant", {{"observation", trial.observation}},
                                    std::string(folder) + "/ant-expert-mini.hdf5");
    const double score = ant.score(trial.algorithm, {}, trial.updates, 10);
    MESSAGE(std::string(trial.algorithm), " ", std::string(trial.observation), ": ", score,
            " after ", trial.updates);
    CHECK(score > trial.at_least);
  }
}

}  // namespace labhost
