// Every model-free algorithm learns two-agent Reacher from 10,000 transitions of the expert mix, by
// full observation and by memory. Uniformly random actions score -4.6, no action at all -0.1.
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
    {"ibc", "all", 2000, 0.4},
    {"iql", "all", 2000, 0.5},
    {"maiql", "all", 1500, 0.4},
    {"maiql-ft", "all", 2000, 0.4},
    {"matd3-bc", "all", 2000, 0.4},
    {"itd3-bc", "all", 2000, 0.2},
    {"icql", "all", 500, 0.0},
    {"iomar", "all", 500, 0.0},
    {"ibc", "independent", 1000, 0.2},
    {"maiql", "independent", 500, 0.1},
    {"itd3-bc", "independent", 800, 0.0},
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
    const double score = reacher.score(trial.algorithm, {}, trial.updates, 50);
    MESSAGE(std::string(trial.algorithm), " ", std::string(trial.observation), ": ", score,
            " after ", trial.updates);
    CHECK(score > trial.at_least);
  }
}

}  // namespace labhost
