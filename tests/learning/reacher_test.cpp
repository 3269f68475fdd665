// Every model-free algorithm learns two-agent Reacher from 10,000 transitions of the expert mix.
// Uniformly random actions score -4.6. A greedy team that has learned nothing scores about 0: after
// one update -0.08 (icql, iomar), 0.07 (ibc), 0.25 (maiql), and 0.13 (ibc, leader).
#include "tests/learning/learning_setup.hpp"

namespace labhost {

namespace {

struct Trial {
  const char* algorithm;
  testing::Overrides params;
  std::int64_t updates;
  double at_least;  ///< score
};

void check_trials(const char* observation, const std::vector<Trial>& trials) {
  torch::set_num_threads(1);
  const testing::LearningTask reacher(
      "reacher", {{"observation", observation}},
      std::string(LABHOST_TEST_FILES) + "/reacher-expert-mix-excerpt.hdf5");
  for (const Trial& trial : trials) {
    CAPTURE(trial.algorithm);
    const double score = reacher.score(trial.algorithm, trial.params, trial.updates, 50);
    MESSAGE(std::string(trial.algorithm), ": ", score, " after ", trial.updates);
    CHECK(score > trial.at_least);
  }
}

}  // namespace

TEST_CASE("cloning and the IQL family learn Reacher from an excerpt of the expert mix") {
  check_trials("all", {{"ibc", {}, 2000, 0.4},
                       {"iql", {}, 2000, 0.4},
                       {"maiql", {}, 2500, 0.4},
                       {"maiql-ft", {}, 2500, 0.4}});
}

// The TD3+BC lean on their values from the start, which takes a hundred thousand updates to go
// well: here with a small alpha. The conservative ones have small networks, for time.
TEST_CASE("the TD3 family learns Reacher from an excerpt of the expert mix") {
  check_trials("all", {{"matd3-bc", {{"alpha", "0.1"}}, 2000, 0.4},
                       {"itd3-bc", {{"alpha", "0.1"}}, 2000, 0.4},
                       {"icql", {{"hidden", "64"}}, 6000, 0.15},
                       {"iomar", {{"hidden", "64"}}, 6000, 0.1}});
}

TEST_CASE("cloning with a memory learns Reacher where one agent leads") {
  check_trials("leader", {{"ibc", {}, 4000, 0.25}});
}

}  // namespace labhost
