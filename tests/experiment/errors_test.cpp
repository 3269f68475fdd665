// Every mistake in an experiment file: one message with file, line and what is allowed.
#include <doctest/doctest.h>

#include "core/experiment/paper.hpp"
#include "tests/experiment/experiment_fixture.hpp"

namespace labhost {

using testing::contains;
using testing::error_with;
using testing::Experiment;
using testing::kExperiment;
using testing::replaced;

TEST_CASE("malformed TOML") {
  CHECK(contains(error_with("seeds = 3", "seeds = "), "table.toml:6: not valid TOML: "));
  CHECK(contains(error_with("[task.neutral]", "[task.neutral"), "table.toml:13: not valid TOML: "));
  CHECK(
      contains(error_with("seeds = 3", "seeds = 3\nseeds = 4"), "table.toml:7: not valid TOML: "));
  CHECK(contains(error_with("steps = 1000", "steps = 99999999999999999999"), "table.toml:19: "));
  CHECK(contains(error_with("steps = 1000", "steps = 2024-01-01"),
                 "table.toml:19: no setting takes a date"));
  CHECK(contains(error_with("[task.neutral]", "[[[task.neutral]"),
                 "table.toml:13: not valid TOML: "));
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "x.";
  CHECK(contains(error_with("expectile = 0.7", deep + "x = 1"), "table.toml:20: "));
}

TEST_CASE("unknown keys, with the nearest name") {
  CHECK(error_with("[evaluation]", "[evaluatoin]") ==
        "table.toml:28: unknown key \"evaluatoin\"; did you mean \"evaluation\"?");
  CHECK(error_with("seeds = 3", "sedes = 3") ==
        "table.toml:6: unknown key \"sedes\" in [experiment]; did you mean \"seeds\"?");
  CHECK(error_with("expectile", "expectle") ==
        "table.toml:20: unknown key \"expectle\" in "
        "[algorithm.maiql]; did you mean \"expectile\"?");
  CHECK(error_with("label = \"fav.\"", "lable = \"fav.\"") ==
        "table.toml:9: unknown key \"lable\" in [task.favorable]; did you mean \"label\"?");
  CHECK(error_with("rounds = 10", "round = 10") ==
        "table.toml:10: unknown key \"round\" in [task.favorable.environment]; did you mean "
        "\"rounds\"?");
  CHECK(error_with("behaviour = \"favorable\"", "colour = \"red\"") ==
        "table.toml:11: unknown key \"colour\" in [task.favorable.dataset]; known: plugin, "
        "behaviour, size, seed");
  CHECK(error_with("episodes = 100", "epsiodes = 100") ==
        "table.toml:29: unknown key \"epsiodes\" in [evaluation]; did you mean \"episodes\"?");
  CHECK(contains(error_with("episodes = 100", "episodes = 100\n[run]\nthread = 2"),
                 "table.toml:31: unknown key \"thread\" in [run]; did you mean \"threads\"?"));
  CHECK(contains(error_with("episodes = 100", "episodes = 100\n[report]\ndigit = 2"),
                 "table.toml:31: unknown key \"digit\" in [report]; did you mean \"digits\"?"));
  CHECK(contains(error_with("steps = 500", "steps = 500\ndevice = \"cuda\""),
                 "table.toml:27: algorithm.world-model.device is no setting of an algorithm"));
}

TEST_CASE("wrong types") {
  CHECK(error_with("expectile = 0.7", "expectile = \"high\"") ==
        "table.toml:20: algorithm.maiql.expectile must be a real number, found text \"high\"");
  CHECK(error_with("expectile = 0.7", "layers = true") ==
        "table.toml:20: algorithm.maiql.layers must be a whole number, found true");
  CHECK(error_with("expectile = 0.7", "layers = 2.5") ==
        "table.toml:20: parameter \"layers\" of algorithm \"maiql\" must be a whole number from 1 "
        "to 9, found 2.5");
  CHECK(error_with("expectile = 0.7", "action_aware_mixer = 1") ==
        "table.toml:20: algorithm.maiql.action_aware_mixer must be true or false, found 1");
  CHECK(error_with("behaviour = \"favorable\"", "behaviour = 3") ==
        "table.toml:11: task.favorable.dataset.behaviour must be text in quotes, found 3");
  CHECK(error_with("expectile = 0.7", "expectile = [0.7]") ==
        "table.toml:20: algorithm.maiql.expectile must be a real number, found an array");
  CHECK(contains(error_with("steps = 1000", "steps = \"1000\""),
                 "table.toml:19: algorithm.maiql.steps must be a whole number"));
  CHECK(contains(error_with("label = \"MAIQL\"", "label = 3"),
                 "table.toml:18: algorithm.maiql.label must be text in quotes, found 3"));
  CHECK(contains(error_with("dataset = { plugin = \"coordination\", behaviour = \"favorable\" }",
                            "dataset = \"coordination\""),
                 "table.toml:11: task.favorable.dataset must be a table, found text"));
  CHECK(contains(error_with("environment = { plugin = \"game\", rounds = 10 }",
                            "environment = { plugin = 3 }"),
                 "table.toml:10: task.favorable.environment.plugin must be text"));
  CHECK(contains(error_with("tasks = [\"favorable\", \"neutral\"]", "tasks = \"favorable\""),
                 "table.toml:4: experiment.tasks must be an array of names"));
  CHECK(contains(error_with("tasks = [\"favorable\", \"neutral\"]", "tasks = []"),
                 "table.toml:4: experiment.tasks must be an array of names"));
  CHECK(contains(error_with("seeds = 3", "seeds = \"three\""), "table.toml:6: experiment.seeds"));
  CHECK(contains(error_with("steps = 500", "steps = 500\nseed = \"own\""),
                 "table.toml:27: algorithm.world-model.seed must be a whole number"));
  CHECK(Experiment("experiment = 3\n").error() ==
        "table.toml:1: experiment must be a table, found 3");
}

TEST_CASE("out of range") {
  CHECK(error_with("expectile = 0.7", "expectile = 1.5") ==
        "table.toml:20: parameter \"expectile\" of algorithm \"maiql\" must be a real number from "
        "0 to 1, found 1.5");
  CHECK(contains(error_with("expectile = 0.7", "expectile = nan"), "table.toml:20: "));
  CHECK(contains(error_with("expectile = 0.7", "expectile = inf"), "from 0 to 1, found inf"));
  CHECK(contains(error_with("steps = 1000", "steps = 0"), "table.toml:19: algorithm.maiql.steps"));
  CHECK(contains(error_with("steps = 1000", "steps = -5"), "found -5"));
  CHECK(contains(error_with("rounds = 10", "rounds = 1001"), "table.toml:10: "));
  CHECK(contains(error_with("behaviour = \"favorable\"", "behaviour = \"favourable\""),
                 "table.toml:11: parameter \"behaviour\" of dataset \"coordination\" must be one "
                 "of favorable, neutral, found \"favourable\"; did you mean \"favorable\"?"));
  CHECK(contains(error_with("seeds = 3", "seeds = 0"), "table.toml:6: "));
  CHECK(contains(error_with("seeds = 3", "seeds = []"),
                 "table.toml:6: experiment.seeds is an empty"));
  CHECK(contains(error_with("seeds = 3", "seeds = [1, 2, 1]"), "names 1 twice"));
  CHECK(contains(error_with("seeds = 3", "seeds = [-1]"), "of at least 0, found -1"));
  CHECK(contains(error_with("episodes = 100", "episodes = -1"),
                 "table.toml:29: evaluation.episodes"));
  CHECK(contains(error_with("episodes = 100", "episodes = 1\n[run]\ndevice = \"gpu\""),
                 "table.toml:31: run.device must be one of cpu, cuda, auto, found \"gpu\""));
}

TEST_CASE("unknown plugins, tasks and algorithms") {
  CHECK(error_with("plugin = \"game\", rounds", "plugin = \"gmae\", rounds") ==
        "table.toml:10: unknown environment plugin \"gmae\"; did you mean \"game\"?");
  CHECK(contains(error_with("plugin = \"game\", rounds", "plugin = \"coordination\", rounds"),
                 "table.toml:10: \"coordination\" is a plugin of kind dataset"));
  CHECK(contains(error_with("label = \"MAIQL\"", "plugin = \"miql\""),
                 "table.toml:18: unknown algorithm plugin \"miql\"; did you mean \"maiql\"?"));
  CHECK(contains(error_with("[evaluation]", "[algorithm.ica]\nsteps = 1\n[evaluation]"),
                 "table.toml:28: unknown algorithm plugin \"ica\"; did you mean \"ibc\"?"));
  CHECK(error_with("\"favorable\", \"neutral\"]", "\"favorable\",\n\"neutrl\"]") ==
        "table.toml:5: unknown task \"neutrl\": there is no [task.neutrl]; did you mean "
        "\"neutral\"?");
  CHECK(contains(error_with("\"maiql\", \"moma-ppo\"", "\"maiql\", \"moma-pop\""),
                 "table.toml:5: unknown algorithm \"moma-pop\": there is no [algorithm.moma-pop]"));
  CHECK(contains(error_with("\"maiql\", \"moma-ppo\"", "\"maiql\", \"maiql\""),
                 "table.toml:5: experiment.algorithms names \"maiql\" twice"));
  CHECK(contains(
      Experiment(std::string(kExperiment) + "[algorithm.maiql.task.fav]\nsteps = 1\n").error(),
      "table.toml:35: [algorithm.maiql.task.fav] names an unknown task"));
  CHECK(contains(error_with("[task.neutral]", "[task.\"a|b\"]"),
                 "table.toml:13: a task cannot be named \"a|b\""));
}

TEST_CASE("an algorithm's tasks are names of tasks, each once") {
  const auto error = [](const std::string& tasks) {
    return error_with("label = \"MAIQL\"", "tasks = " + tasks);
  };
  CHECK(error("[\"favorable\",\n\"neutrl\"]") ==
        "table.toml:19: algorithm.maiql.tasks names \"neutrl\", but there is no [task.neutrl]; did "
        "you mean \"neutral\"?");
  CHECK(contains(error("[]"),
                 "table.toml:18: algorithm.maiql.tasks must be an array of names like [\"a\", "
                 "\"b\"], found an empty array"));
  CHECK(contains(error("\"neutral\""), "table.toml:18: algorithm.maiql.tasks must be an array"));
  CHECK(contains(error("[3]"), "table.toml:18: algorithm.maiql.tasks must hold names in quotes"));
  CHECK(contains(error("[\"neutral\", \"neutral\"]"), "names \"neutral\" twice"));
  // Also where the table is only needed by others.
  CHECK(contains(error_with("steps = 500", "steps = 500\ntasks = [\"x\"]"),
                 "table.toml:27: algorithm.world-model.tasks names \"x\""));
}

TEST_CASE("settings for one task are checked like all others") {
  const auto error = [](const std::string& setting) {
    return Experiment(std::string(kExperiment) + "[algorithm.maiql.task.neutral]\n" + setting)
        .error();
  };
  CHECK(contains(error("expectile = 2"), "table.toml:36: parameter \"expectile\""));
  CHECK(contains(error("expectle = 0.2"),
                 "table.toml:36: unknown key \"expectle\" in "
                 "[algorithm.maiql.task.neutral]; did you mean"));
  CHECK(contains(error("plugin = \"ibc\""), "table.toml:36: unknown key \"plugin\""));
  CHECK(contains(error("evaluation = 3\n[algorithm.maiql.evaluation]\nevery = 2"),
                 "table.toml:36: algorithm.maiql.evaluation must be a table, found 3"));
}

TEST_CASE("missing keys") {
  CHECK(error_with("steps = 1000\n", "") ==
        "table.toml:17: algorithm.maiql.steps is missing; expected the number of updates");
  CHECK(contains(error_with("seeds = 3", ""), "table.toml:2: experiment.seeds is missing"));
  CHECK(contains(error_with("environment = { plugin = \"game\", rounds = 10 }", ""),
                 "table.toml:8: task.favorable.environment is missing"));
  CHECK(contains(error_with("plugin = \"game\", rounds", "rounds"),
                 "table.toml:10: task.favorable.environment.plugin is missing"));
  CHECK(contains(Experiment("").error(), "table.toml:1: experiment is missing"));
}

TEST_CASE("missing files") {
  const Experiment experiment;
  CHECK(testing::input_error([&] {
          make_plan(experiment.folder / "tabel.toml", {}, testing::made_up_catalogue());
        }) == "experiment file " + (experiment.folder / "tabel.toml").string() +
                  " does not exist; did you mean \"" + experiment.file.string() + "\"?");
  CHECK(error_with("plugin = \"coordination\", behaviour = \"favorable\"",
                   "plugin = \"hdf5\", file = \"data/a.hdf5\"") ==
        "table.toml:11: file data/a.hdf5 does not exist");
  CHECK(error_with("plugin = \"coordination\", behaviour = \"favorable\"",
                   "plugin = \"hdf5\", file = \"/\"") == "table.toml:11: / is not a file");
  CHECK(error_with("episodes = 100", "episodes = 1\n[report]\npaper = \"paper/none.toml\"") ==
        "table.toml:31: report.paper: file paper/none.toml does not exist");
  CHECK_THROWS_AS(make_plan(experiment.folder.path(), {}, testing::made_up_catalogue()),
                  InputError);
}

TEST_CASE("needs that cannot be met") {
  CHECK(error_with("[algorithm.world-model]", "[algorithm.ibc]") ==
        "table.toml:22: algorithm \"moma-ppo\" needs \"world-model\" (as its model), but there is "
        "no [algorithm.world-model]; add it with its steps");
  const Experiment circle(replaced(kExperiment, "\"maiql\", \"moma-ppo\"", "\"egg\"") +
                          "[algorithm.egg]\nsteps = 1\n[algorithm.hen]\nsteps = 1\n");
  CHECK(circle.error() == "table.toml:35: circular need: egg -> hen -> egg");
}

TEST_CASE("two algorithms that are the same run") {
  const Experiment experiment(
      replaced(kExperiment, "\"maiql\", \"moma-ppo\"", "\"maiql\", \"twin\"") +
      "[algorithm.twin]\nplugin = \"maiql\"\nsteps = 1000\nexpectile = 0.70\n");
  CHECK(contains(experiment.error(),
                 "table.toml:35: algorithm \"twin\" on task \"favorable\" is "
                 "the same run as algorithm \"maiql\" on task \"favorable\""));
}

TEST_CASE("the paper's numbers") {
  const testing::ScratchFolder folder;
  const auto error = [&folder](const std::string& text) {
    const std::string file = folder.write("p.toml", text).string();
    const std::string message = testing::input_error([&] { read_paper_table(file); });
    return contains(message, file) ? message.substr(folder.path().string().size() + 1) : message;
  };
  CHECK(error("table = \"t\"\n[cells]\na = { b = [1, 0.5] }\n") == "no error");
  CHECK(contains(error("[cells]\n"), "p.toml:1: table is missing"));
  CHECK(contains(error("table = \"t\"\n"), "p.toml:1: cells is missing"));
  CHECK(contains(error("table = \"t\"\n[cels]\n"), "p.toml:2: unknown key \"cels\""));
  CHECK(contains(error("table = \"t\"\n[cells]\na = { b = [] }\n"), "p.toml:3: cells.a.b must be"));
  CHECK(contains(error("table = \"t\"\n[cells]\na = { b = [1, 2, 3] }\n"), "p.toml:3: cells.a.b"));
  CHECK(contains(error("table = \"t\"\n[cells]\na = { b = [nan] }\n"), "p.toml:3: a cell holds"));
  CHECK(
      contains(error("table = \"t\"\n[cells]\na = { b = [1, -1] }\n"), "negative standard error"));
  CHECK(contains(error("table = \"t\"\n[cells]\na = 3\n"), "p.toml:3: cells.a must be a table"));

  Experiment experiment(std::string(kExperiment) +
                        "[report]\npaper = \"n.toml\"\npaper_table = \"table8\"\n");
  experiment.folder.write("n.toml", "table = \"table9\"\n[cells]\n");
  CHECK(experiment.error() ==
        "table.toml:37: report.paper_table is \"table8\", but n.toml holds \"table9\"");
}

}  // namespace labhost
