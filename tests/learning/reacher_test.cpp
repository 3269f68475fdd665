// Every model-free algorithm learns two-agent Reacher from 10,000 transitions of the expert mix, by
// full observation and by memory. Uniformly random actions score -4.6, untrained teams -5 to -10,
// no action at all -0.1.
#include "tests/learning/learning_setup.hpp"

namespace labhost {

namespace {

struct Trial {
  const char* algorithm;
  const char* observation;
  testing::Overrides params;
  std::int64_t updates;
  double at_least;  ///< score
};

/// The TD3+BC lean on their values from the start, which takes a hundred thousand updates to go
/// well: here with a small alpha. The conservative ones have small networks, for time.
const std::vector<Trial> kTrials = {
    {"ibc", "all", {}, 2000, 0.4},
    {"iql", "all", {}, 2000, 0.4},
    {"maiql", "all", {}, 1500, 0.3},
    {"maiql-ft", "all", {}, 1500, 0.3},
    {"matd3-bc", "all", {{"alpha", "0.1"}}, 2000, 0.3},
    {"itd3-bc", "all", {{"alpha", "0.1"}}, 2000, 0.3},
    {"icql", "all", {{"hidden", "64"}}, 2000, -0.5},
    {"iomar", "all", {{"hidden", "64"}}, 2000, -0.7},
    {"ibc", "leader", {}, 1500, 0.0},
    {"maiql", "leader", {}, 800, -0.3},
    {"matd3-bc", "leader", {{"alpha", "0.1"}}, 800, -0.2},
};

}  // namespace

TEST_CASE("the model-free algorithms learn Reacher from an excerpt of the expert mix") {
  torch::set_num_threads(1);
  for (const Trial& trial : kTrials) {
    CAPTURE(trial.algorithm);
    CAPTURE(trial.observation);
    const testing::LearningTask reacher(
        "reacher", {{"observation", trial.observation}},
        std::string(LABHOST_TEST_FILES) + "/reacher-expert-mix-excerpt.hdf5");
    const double score = reacher.score(trial.algorithm, trial.params, trial.updates, 50);
    MESSAGE(std::string(trial.algorithm), " ", std::string(trial.observation), ": ", score,
            " after ", trial.updates);
    CHECK(score > trial.at_least);
  }
}

}  // namespace labhost
