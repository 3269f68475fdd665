// Needs that a plugin declares: switched off by a flag, or met by another run than its own task's.
#include <doctest/doctest.h>

#include "tests/experiment/experiment_fixture.hpp"

namespace labhost {

namespace {

using testing::contains;
using testing::error_with;
using testing::Experiment;
using testing::kExperiment;
using testing::replaced;
using testing::runs_of;
using testing::with_only;
using testing::with_set;

std::vector<std::string> keys_of(const Plan& plan) {
  std::vector<std::string> keys;
  for (const RunSpec& run : plan.runs) keys.push_back(run.run_key);
  return keys;
}

const std::string kOnNeutral = "[algorithm.moma-ppo.task.neutral]\n";

/// The small table with `lines` in moma-ppo's table and `more` at the end.
std::string with_moma(const std::string& lines, const std::string& more = "") {
  return replaced(kExperiment, "steps = 200", "steps = 200\n" + lines) + more;
}

/// The tasks of the planned runs of an algorithm.
std::vector<std::string> tasks_of(const Plan& plan, const std::string& algorithm) {
  std::vector<std::string> tasks;
  for (const RunSpec* run : runs_of(plan, algorithm)) tasks.push_back(run->task);
  return tasks;
}

using Tasks = std::vector<std::string>;

}  // namespace

TEST_CASE("a declared need is switched off by its flag: in the file, for a task, by --set") {
  Experiment experiment;
  const Plan plain = experiment.plan();
  const Plan set = experiment.plan(with_set({"algorithm.moma-ppo.ground_truth=true"}));
  CHECK(runs_of(set, "moma-ppo").size() == 6);
  CHECK(runs_of(set, "world-model").empty());
  for (const RunSpec* run : runs_of(set, "moma-ppo")) CHECK(run->needs.empty());
  CHECK(tasks_of(experiment.plan(with_set({"algorithm.moma-ppo.task.neutral.ground_truth=true"})),
                 "world-model") == Tasks{"favorable"});

  experiment.write(with_moma("ground_truth = true"));
  CHECK(keys_of(experiment.plan()) == keys_of(set));
  // --set wins, and a need that is switched on again is that of the plain file.
  CHECK(keys_of(experiment.plan(with_set({"algorithm.moma-ppo.ground_truth=false"}))) ==
        keys_of(plain));

  experiment.write(with_moma("", kOnNeutral + "ground_truth = true\n"));
  const Plan neutral = experiment.plan();
  CHECK(tasks_of(neutral, "world-model") == Tasks{"favorable"});
  for (const RunSpec* run : runs_of(neutral, "moma-ppo")) {
    CHECK(run->needs.size() == (run->task == "favorable" ? 1 : 0));
  }
  experiment.write(with_moma("ground_truth = true", kOnNeutral + "ground_truth = false\n"));
  CHECK(tasks_of(experiment.plan(), "world-model") == Tasks{"neutral"});
}

TEST_CASE("what the file says of a need that is switched off is checked, and does nothing") {
  const std::string off = "ground_truth = true\n";
  const Plan plan = Experiment(with_moma(off)).plan();
  Experiment experiment(with_moma(off + "needs.model = { task = \"favorable\" }"));
  CHECK(keys_of(experiment.plan()) == keys_of(plan));
  experiment.write(with_moma(off + "needs.model = { task = \"favourable\" }"));
  CHECK(contains(experiment.error(), "did you mean \"favorable\"?"));
}

TEST_CASE("tasks share the run of a declared need where the file says so") {
  const Plan plain = Experiment().plan();
  const std::string& model = runs_of(plain, "world-model").at(0)->run_key;  // of favorable
  const std::string shared = "needs.model = { task = \"favorable\" }\n";
  for (const std::string& text : {with_moma("", kOnNeutral + shared), with_moma(shared)}) {
    const Experiment experiment(text);
    const Plan plan = experiment.plan();
    CHECK(tasks_of(plan, "world-model") == Tasks{"favorable"});
    for (const RunSpec* run : runs_of(plan, "moma-ppo")) {
      REQUIRE(run->needs.size() == 1);
      CHECK(run->needs[0].role == "model");
      CHECK(run->needs[0].run_key == model);
    }
    // Its own model is what the run on favorable takes anyway; on neutral it is another run.
    CHECK(runs_of(plan, "moma-ppo")[0]->run_key == runs_of(plain, "moma-ppo")[0]->run_key);
    CHECK(runs_of(plan, "moma-ppo")[3]->run_key != runs_of(plain, "moma-ppo")[3]->run_key);
  }
  const Plan set =
      Experiment().plan(with_set({"algorithm.moma-ppo.task.neutral.needs.model.task=favorable"}));
  CHECK(tasks_of(set, "world-model") == Tasks{"favorable"});
}

TEST_CASE("the run of a declared need is planned on a task that is not in the table") {
  const std::string shared = with_moma("", kOnNeutral + "needs.model = { task = \"favorable\" }\n");
  const auto check = [](const Plan& plan) {
    REQUIRE(runs_of(plan, "world-model").size() == 1);
    CHECK(runs_of(plan, "world-model")[0]->task == "favorable");
    CHECK_FALSE(runs_of(plan, "world-model")[0]->reported);
    CHECK(tasks_of(plan, "moma-ppo") == Tasks{"neutral", "neutral", "neutral"});
  };
  check(Experiment(shared).plan(with_only({"task=neutral"})));
  check(Experiment(replaced(shared, "\"favorable\", \"neutral\"", "\"neutral\"")).plan());
}

TEST_CASE("a declared need is met by any table of its plugin, with a seed of its own") {
  const std::string big = "[algorithm.big]\nplugin = \"world-model\"\nsteps = 9\nmembers = 3\n";
  Experiment experiment(
      with_moma("needs.model = { algorithm = \"big\", task = \"favorable\", seed = 4 }", big));
  const Plan plan = experiment.plan();
  CHECK(runs_of(plan, "world-model").empty());
  REQUIRE(runs_of(plan, "big").size() == 1);
  CHECK(runs_of(plan, "big")[0]->task == "favorable");
  CHECK(runs_of(plan, "big")[0]->seed == 4);
  CHECK(runs_of(plan, "big")[0]->method.params.at("members") == "3");

  // The declared algorithm's table may then be missing; a task's setting goes over the others.
  const std::string own = with_moma("needs.model = { algorithm = \"big\", seed = \"run\" }",
                                    big + kOnNeutral + "needs.model.task = \"favorable\"\n");
  experiment.write(replaced(own, "[algorithm.world-model]", "[algorithm.ibc]"));
  const Plan merged = experiment.plan();
  REQUIRE(runs_of(merged, "big").size() == 3);
  for (std::size_t seed = 0; seed < 3; ++seed) {
    const RunSpec& model = *runs_of(merged, "big")[seed];
    CHECK(model.task == "favorable");
    CHECK(model.seed == static_cast<std::int64_t>(seed));
    CHECK(runs_of(merged, "moma-ppo").at(3 + seed)->needs.at(0).run_key == model.run_key);
  }
}

TEST_CASE("the table of a needed algorithm may be missing only where nothing needs it") {
  const std::string none = replaced(kExperiment, "[algorithm.world-model]", "[algorithm.ibc]");
  const std::string off = replaced(none, "steps = 200", "steps = 200\nground_truth = true");
  CHECK(Experiment(off).error() == "no error");
  CHECK(contains(
      Experiment(off + "[algorithm.moma-ppo.task.neutral]\nground_truth = false\n").error(),
      "table.toml:22: algorithm \"moma-ppo\" needs \"world-model\" (as its model), but there is no "
      "[algorithm.world-model]"));
  CHECK(contains(
      Experiment(replaced(none, "steps = 200", "needs.model.task = \"neutral\"\nsteps = 200"))
          .error(),
      "table.toml:23: algorithm \"moma-ppo\" needs \"world-model\""));
}

TEST_CASE("a declared need can be given another run of its plugin only") {
  const auto error = [](const std::string& need) {
    return error_with("steps = 200", "steps = 200\nneeds.model = " + need);
  };
  CHECK(error("{ algorithm = \"maiql\" }") ==
        "table.toml:24: algorithm.moma-ppo.needs.model.algorithm must name a table with plugin "
        "\"world-model\", found \"maiql\" with plugin \"maiql\"");
  CHECK(error("{ algorithm = \"world-modle\" }") ==
        "table.toml:24: algorithm.moma-ppo.needs.model.algorithm names \"world-modle\", but there "
        "is no [algorithm.world-modle]; did you mean \"world-model\"?");
  CHECK(error("{ task = \"neutrla\" }") ==
        "table.toml:24: algorithm.moma-ppo.needs.model.task names \"neutrla\", but there is no "
        "[task.neutrla]; did you mean \"neutral\"?");
  CHECK(contains(error("{ taks = \"neutral\" }"), "unknown key \"taks\""));
  CHECK(contains(error("{ seed = -1 }"), "table.toml:24: algorithm.moma-ppo.needs.model.seed"));
  CHECK(contains(error("\"neutral\""), "algorithm.moma-ppo.needs.model must be a table"));
  // A role that the plugin does not have is the file's own, and names its algorithm.
  CHECK(contains(error_with("steps = 200", "steps = 200\nneeds.modle = { task = \"neutral\" }"),
                 "algorithm.moma-ppo.needs.modle.algorithm is missing"));
  // For one task.
  CHECK(contains(Experiment(std::string(kExperiment) + "[algorithm.moma-ppo.task.neutral]\n" +
                            "needs.model.task = \"neutrla\"\n")
                     .error(),
                 "table.toml:36: algorithm.moma-ppo.needs.model.task names \"neutrla\""));
}

TEST_CASE("needs that the file sends in a circle") {
  const std::string text =
      replaced(kExperiment, "\"maiql\", \"moma-ppo\"", "\"egg\"") +
      "[algorithm.egg]\nsteps = 1\n[algorithm.hen]\nsteps = 1\nneeds.child.task = \"neutral\"\n";
  CHECK(Experiment(text).error() ==
        "table.toml:39: circular need: the run of \"egg\" on task \"neutral\" needs itself");
}

}  // namespace labhost
