// Includes, profiles and --set.
#include "core/experiment/document.hpp"

#include <doctest/doctest.h>

#include "tests/experiment/experiment_fixture.hpp"

namespace labhost {
namespace {

using testing::contains;
using testing::Experiment;
using testing::kExperiment;
using testing::replaced;
using testing::runs_of;
using testing::with_profile;
using testing::with_set;

// An experiment whose tasks come from another file.
class Including : public Experiment {
 public:
  Including() : Experiment(kMain) { folder.write("common/tasks.toml", kTasks); }

  static constexpr char kMain[] = R"(include = ["common/tasks.toml"]
[experiment]
tasks = ["one"]
algorithms = ["ibc"]
seeds = 1
[algorithm.ibc]
steps = 10
[task.one.environment]
rounds = 3
)";
  static constexpr char kTasks[] = R"([task.one]
label = "One"
environment = { plugin = "game", rounds = 5, payoff = 2 }
dataset = { plugin = "coordination" }
[algorithm.ibc]
steps = 99
)";
};

}  // namespace

TEST_CASE("the including file overrides, key by key") {
  const Plan plan = Including().plan();
  CHECK(plan.runs.at(0).environment.params == ParamValues{{"payoff", "2"}, {"rounds", "3"}});
  CHECK(plan.runs[0].total_steps == 10);
  CHECK(plan.layout.labels.at("one") == "One");
}

TEST_CASE("errors in an included file name that file") {
  const Including experiment;
  experiment.folder.write("common/tasks.toml", replaced(Including::kTasks, "payoff", "payof"));
  CHECK(experiment.error() ==
        "common/tasks.toml:3: unknown key \"payof\" in [task.one.environment]"
        "; did you mean \"payoff\"?");
}

TEST_CASE("later includes override earlier ones; one may be included twice") {
  Including experiment;
  experiment.folder.write("common/more.toml",
                          "include = [\"tasks.toml\"]\n[task.one.environment]\npayoff = 9\n");
  experiment.write(replaced(Including::kMain, "\"common/tasks.toml\"",
                            "\"common/tasks.toml\", \"common/more.toml\""));
  CHECK(experiment.plan().runs.at(0).environment.params.at("payoff") == "9");
}

TEST_CASE("include errors") {
  Including experiment;
  experiment.write(replaced(Including::kMain, "common/tasks.toml", "common/taks.toml"));
  CHECK(experiment.error() == "table.toml:1: included file common/taks.toml does not exist");
  experiment.write(replaced(Including::kMain, "[\"common/tasks.toml\"]", "\"common/tasks.toml\""));
  CHECK(contains(experiment.error(), "table.toml:1: include must be an array"));
  experiment.write(replaced(Including::kMain, "\"common/tasks.toml\"", "3"));
  CHECK(contains(experiment.error(), "table.toml:1: include must hold file names"));
  experiment.write(replaced(Including::kMain, "common/tasks.toml", "common"));
  CHECK(contains(experiment.error(), "table.toml:1: included file common does not exist"));
}

TEST_CASE("a circular include names the whole circle") {
  Including experiment;
  experiment.folder.write("common/tasks.toml", "# comment\ninclude = [\"../common/again.toml\"]\n");
  experiment.folder.write("common/again.toml", "include = [\n\"../table.toml\"]\n");
  CHECK(experiment.error() ==
        "common/again.toml:2: circular include: table.toml -> common/tasks.toml -> "
        "common/again.toml -> table.toml");
  experiment.write("include = [\"table.toml\"]\n");
  CHECK(contains(experiment.error(), "table.toml:1: circular include: table.toml -> table.toml"));
}

TEST_CASE("a profile overrides the file") {
  const Experiment experiment;
  const Plan plan = experiment.plan(with_profile("smoke"));
  CHECK(plan.profile == "smoke");
  CHECK(plan.seeds.size() == 2);
  CHECK(runs_of(plan, "maiql").at(0)->total_steps == 50);
  CHECK(runs_of(plan, "maiql").at(0)->method.params.at("expectile") == "0.7");
  CHECK(runs_of(plan, "moma-ppo").at(0)->total_steps == 200);
  CHECK(experiment.plan(with_profile("paper")).seeds.size() == 3);
}

TEST_CASE("the file names its default profile") {
  Experiment experiment(replaced(kExperiment, "seeds = 3", "seeds = 3\nprofile = \"smoke\""));
  CHECK(experiment.plan().profile == "smoke");
  CHECK(experiment.plan().seeds.size() == 2);
  CHECK(experiment.plan(with_profile("paper")).seeds.size() == 3);

  experiment.write(Including::kMain);
  experiment.folder.write("common/tasks.toml",
                          std::string(Including::kTasks) + "[experiment]\nprofile = \"quick\"\n");
  CHECK(experiment.plan().profile == "quick");  // no profiles at all: the plain values
}

TEST_CASE("profile errors") {
  Experiment experiment;
  CHECK(experiment.error(with_profile("smoek")) ==
        "--profile smoek: table.toml has no profile \"smoek\"; did you mean \"smoke\"?");
  experiment.write(replaced(kExperiment, "seeds = 3", "seeds = 3\nprofile = \"quick\""));
  CHECK(experiment.error() ==
        "table.toml:7: table.toml has no profile \"quick\"; known: smoke, paper");
  experiment.write(std::string(kExperiment) + "[profile.quick.algoritm.maiql]\nsteps = 1\n");
  CHECK(experiment.error() ==
        "table.toml:35: unknown key \"algoritm\" in [profile.quick]; did you "
        "mean \"algorithm\"?");
  experiment.write(std::string(kExperiment) +
                   "[profile.q]\nexperiment = { profile = \"smoke\" }\n");
  CHECK(contains(experiment.error(), "table.toml:36: profile.q.experiment.profile cannot be set"));
  experiment.write(std::string(kExperiment) + "[profile.\"a b\"]\n");
  CHECK(contains(experiment.error(), "table.toml:35: a profile cannot be named \"a b\""));
  experiment.write(std::string(kExperiment) + "[profile]\nquick = 3\n");
  CHECK(contains(experiment.error(), "table.toml:36: profile.quick must be a table, found 3"));
}

TEST_CASE("names misspelt in a profile do not pass in silence") {
  Experiment experiment(std::string(kExperiment) + "[profile.smoke.algorithm.maqil]\nsteps = 9\n");
  CHECK(contains(experiment.error(with_profile("smoke")),
                 "table.toml:35: unknown algorithm plugin \"maqil\"; did you mean \"maiql\"?"));
  experiment.write(std::string(kExperiment) +
                   "[profile.smoke.task.neutrall]\ndataset = { size = 9 }\n");
  CHECK(contains(experiment.error(with_profile("smoke")),
                 "table.toml:35: task.neutrall.environment is missing"));
}

TEST_CASE("another plugin in a profile replaces the whole table") {
  const Experiment experiment(std::string(kExperiment) +
                              "[profile.smoke.task.favorable]\nenvironment.plugin = \"reacher\"\n");
  const Plan plan = experiment.plan(with_profile("smoke"));
  CHECK(plan.runs.at(0).environment.plugin == "reacher");
  CHECK(plan.runs[0].environment.params == ParamValues{{"pairing", "text"}});
}

TEST_CASE("--set changes values after the profile") {
  const Experiment experiment;
  PlanOptions options =
      with_set({"algorithm.maiql.steps=60", "algorithm.maiql.expectile=1",
                "algorithm.maiql.action_aware_mixer=false",
                "task.neutral.dataset.behaviour=favorable", "task.neutral.dataset.size=5",
                "experiment.seeds=[4, 5]", "evaluation.every=10", "report.digits=4"});
  options.profile = "smoke";
  const Plan plan = experiment.plan(options);
  const RunSpec& run = *runs_of(plan, "maiql").back();
  CHECK(run.total_steps == 60);
  CHECK(run.method.params.at("expectile") == "1");
  CHECK(run.method.params.at("action_aware_mixer") == "false");
  CHECK(run.dataset.params.at("behaviour") == "favorable");
  CHECK(run.seed == 5);
  CHECK(run.evaluation.every == 10);
  CHECK(plan.layout.digits == 4);
}

TEST_CASE("--set takes bare words as text, and the last one wins") {
  const Experiment experiment;
  const Plan plan = experiment.plan(
      with_set({"experiment.title=Two words, = and 3", "task.favorable.environment.plugin=reacher",
                "task.favorable.environment.pairing=2 [x", "algorithm.maiql.steps=1",
                "algorithm.maiql.steps=2"}));
  CHECK(plan.layout.title == "Two words, = and 3");
  CHECK(plan.runs.at(0).environment.params.at("pairing") == "2 [x");
  CHECK(runs_of(plan, "maiql").at(0)->total_steps == 2);
}

TEST_CASE("bad --set") {
  const Experiment experiment;
  const auto error = [&](const std::string& set) { return experiment.error(with_set({set})); };
  const auto check = [&](const std::string& set, const std::string& message) {
    CHECK(error(set) == "--set " + set + ": " + message);
  };
  check("algorithm.maiql.expectle=0.5",
        "unknown key \"expectle\" in [algorithm.maiql]; did you mean \"expectile\"?");
  check("algorithm.maqil.steps=5", "unknown algorithm \"maqil\"; did you mean \"maiql\"?");
  check("task.neutrl.label=x", "unknown task \"neutrl\"; did you mean \"neutral\"?");
  check("algoritm.maiql.steps=5", "unknown key \"algoritm\"; did you mean \"algorithm\"?");
  check("algorithm.maiql.steps", "expected KEY=VALUE");
  check("algorithm..steps=5", "expected KEY=VALUE with a dotted key like algorithm.maiql.steps");
  check("=5", "expected KEY=VALUE with a dotted key like algorithm.maiql.steps");
  check("evaluation=5", "\"evaluation\" is a table; name a key of it");
  check("algorithm.maiql=5", "\"algorithm.maiql\" is a table; name a key of it");
  check("experiment.seeds.first=5", "\"seeds\" is 3, not a table");
  check("experiment.profile=smoke", "a profile is chosen with --profile");
  check(
      "algorithm.maiql.steps=many",
      "algorithm.maiql.steps must be a whole number from 1 to 1000000000000, found text \"many\"");
  check(
      "algorithm.maiql.expectile=2",
      "parameter \"expectile\" of algorithm \"maiql\" must be a real number from 0 to 1, found 2");
  check("algorithm.maiql.expectile=",
        "algorithm.maiql.expectile must be a real number, found text \"\"");
  CHECK(contains(error("experiment.title=\xff\xfe"), "is not valid UTF-8"));
  CHECK(contains(error("algorithm.maiql.steps=1979-05-27"), "found text \"1979-05-27\""));
}

}  // namespace labhost
