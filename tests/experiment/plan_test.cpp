#include "core/experiment/plan.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <set>

#include "tests/experiment/experiment_fixture.hpp"

namespace labhost {
namespace {

using testing::error_with;
using testing::Experiment;
using testing::kExperiment;
using testing::replaced;
using testing::runs_of;

std::vector<std::string> keys_of(const Plan& plan) {
  std::vector<std::string> keys;
  for (const RunSpec& run : plan.runs) keys.push_back(run.run_key);
  return keys;
}

}  // namespace

TEST_CASE("a plan holds what the file says") {
  const Experiment experiment;
  const Plan plan = experiment.plan();
  CHECK(plan.experiment == "table");
  CHECK(plan.profile == "paper");
  CHECK(plan.file == experiment.file);
  CHECK(plan.seeds == std::vector<std::int64_t>{0, 1, 2});
  CHECK(plan.layout.title == "A small table");
  CHECK(plan.layout.rows == std::vector<std::string>{"favorable", "neutral"});
  CHECK(plan.layout.columns == std::vector<std::string>{"maiql", "moma-ppo"});
  CHECK(plan.layout.labels.at("favorable") == "fav.");
  CHECK(plan.layout.labels.at("maiql") == "MAIQL");
  CHECK(plan.layout.labels.count("neutral") == 0);
  CHECK(plan.runs.size() == 2 * (3 + 3 + 1));

  const RunSpec& run = *runs_of(plan, "maiql").at(1);
  CHECK(run.task == "favorable");
  CHECK(run.seed == 1);
  CHECK(run.reported);
  CHECK(run.total_steps == 1000);
  CHECK(run.log_every == 100);
  CHECK(run.evaluation.episodes == 100);
  CHECK(run.environment.plugin == "game");
  CHECK(run.environment.params == ParamValues{{"payoff", "1"}, {"rounds", "10"}});
  CHECK(run.dataset.params.at("behaviour") == "favorable");
  CHECK(run.dataset.params.at("size") == "1000");
  CHECK(run.method.params.at("expectile") == "0.7");
  CHECK(run.method.params.at("action_aware_mixer") == "true");
  CHECK(run.method.version == "1");
}

TEST_CASE("needed runs are shared by all seeds unless told otherwise") {
  Experiment experiment;
  const Plan shared = experiment.plan();
  REQUIRE(runs_of(shared, "world-model").size() == 2);  // one for each task
  const RunSpec& model = *runs_of(shared, "world-model")[0];
  CHECK(model.seed == 0);
  CHECK_FALSE(model.reported);
  for (const RunSpec* run : runs_of(shared, "moma-ppo")) {
    REQUIRE(run->needs.size() == 1);
    CHECK(run->needs[0].role == "model");
    CHECK((run->needs[0].run_key == model.run_key) == (run->task == "favorable"));
  }

  experiment.write(replaced(kExperiment, "steps = 500", "steps = 500\nseed = 7"));
  CHECK(runs_of(experiment.plan(), "world-model").at(0)->seed == 7);

  experiment.write(replaced(kExperiment, "steps = 500", "steps = 500\nseed = \"run\""));
  const Plan own = experiment.plan();
  REQUIRE(runs_of(own, "world-model").size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    const RunSpec& needed = *runs_of(own, "world-model")[i];
    CHECK(needed.seed == static_cast<std::int64_t>(i % 3));
    CHECK(runs_of(own, "moma-ppo").at(i)->needs.at(0).run_key == needed.run_key);
  }
}

TEST_CASE("needed runs stand before the runs that need them, each once") {
  const Plan plan = Experiment().plan();
  std::set<std::string> seen;
  for (const RunSpec& run : plan.runs) {
    for (const NeedSpec& need : run.needs) CHECK(seen.count(need.run_key) == 1);
    CHECK(seen.insert(run.run_key).second);
  }
}

TEST_CASE("an algorithm that is listed and needed is one run, reported") {
  const Experiment experiment(
      replaced(kExperiment, "[\"maiql\", \"moma-ppo\"]", "[\"moma-ppo\", \"world-model\"]"));
  const Plan plan = experiment.plan();
  CHECK(runs_of(plan, "world-model").size() == 6);
  for (const RunSpec* run : runs_of(plan, "world-model")) CHECK(run->reported);
}

TEST_CASE("planning twice gives the same plan") {
  const Experiment experiment;
  const Plan first = experiment.plan(), second = experiment.plan();
  CHECK(keys_of(first) == keys_of(second));
  REQUIRE(first.runs.size() == second.runs.size());
  for (std::size_t i = 0; i < first.runs.size(); ++i) {
    CHECK(first.runs[i].config() == second.runs[i].config());
  }
}

TEST_CASE("an algorithm's settings for one task") {
  const Experiment experiment(std::string(kExperiment) +
                              "[algorithm.maiql.task.neutral]\nsteps = 77\nexpectile = 0.9\n"
                              "evaluation = { every = 10 }\nlog_every = 5\n");
  const Plan plan = experiment.plan();
  const RunSpec& plain = *runs_of(plan, "maiql")[0];
  const RunSpec& special = *runs_of(plan, "maiql")[3];
  REQUIRE(special.task == "neutral");
  CHECK(plain.total_steps == 1000);
  CHECK(special.total_steps == 77);
  CHECK(special.method.params.at("expectile") == "0.9");
  CHECK(special.evaluation.every == 10);
  CHECK(special.evaluation.episodes == 100);
  CHECK(special.log_every == 5);
  CHECK(plain.log_every == 100);
}

TEST_CASE("--set wins over an algorithm's settings for one task") {
  const Experiment experiment(std::string(kExperiment) +
                              "[algorithm.maiql.task.neutral]\nsteps = 77\nexpectile = 0.9\n"
                              "evaluation = { every = 10, episodes = 5 }\n");
  const auto planned = [&experiment](std::vector<std::string> set, std::size_t run) {
    return *runs_of(experiment.plan(testing::with_set(std::move(set))), "maiql").at(run);
  };
  const RunSpec neutral = planned(
      {"algorithm.maiql.steps=5", "algorithm.maiql.evaluation.every=3", "evaluation.episodes=9"},
      3);
  CHECK(neutral.total_steps == 5);
  CHECK(neutral.evaluation.every == 3);
  CHECK(neutral.evaluation.episodes == 5);
  CHECK(neutral.method.params.at("expectile") == "0.9");
  // In either order, the setting for the task is the narrower one.
  for (const bool first : {true, false}) {
    std::vector<std::string> set = {"algorithm.maiql.steps=5",
                                    "algorithm.maiql.task.neutral.steps=6"};
    if (!first) std::swap(set[0], set[1]);
    CHECK(planned(set, 0).total_steps == 5);
    CHECK(planned(set, 3).total_steps == 6);
  }
}

namespace {

/// The small table, in which maiql runs on the tasks of `list` only.
std::string with_tasks(const std::string& list) {
  return replaced(kExperiment, "label = \"MAIQL\"", "label = \"MAIQL\"\ntasks = " + list);
}

}  // namespace

TEST_CASE("an algorithm runs on the tasks that it names, or on all") {
  Experiment experiment(with_tasks("[\"neutral\"]"));
  const Plan plan = experiment.plan();
  CHECK(plan.runs.size() == 3 + 2 * (3 + 1));
  for (const RunSpec* run : runs_of(plan, "maiql")) CHECK(run->task == "neutral");
  REQUIRE(plan.left_out.size() == 1);
  CHECK(plan.left_out[0].task == "favorable");
  CHECK(plan.left_out[0].algorithm == "maiql");
  CHECK(plan.layout.rows.size() == 2);  // the table keeps its shape
  CHECK(plan.layout.columns.size() == 2);
  const Plan all = Experiment().plan();
  CHECK(all.left_out.empty());
  CHECK(runs_of(plan, "maiql")[0]->run_key == runs_of(all, "maiql")[3]->run_key);

  // A profile and the command line have the last word.
  experiment.write(with_tasks("[\"neutral\"]") + "tasks = [\"favorable\", \"neutral\"]\n");
  CHECK(runs_of(experiment.plan(testing::with_profile("smoke")), "maiql").size() == 4);
  const Plan set = experiment.plan(testing::with_set({"algorithm.maiql.tasks=[\"favorable\"]"}));
  CHECK(runs_of(set, "maiql").at(0)->task == "favorable");

  CHECK(experiment.error(testing::with_only({"task=favorable,algorithm=maiql"})) ==
        "--only \"task=favorable,algorithm=maiql\" leaves no run");
}

TEST_CASE("a list of tasks may name one that a profile takes from the table") {
  const Experiment experiment(
      with_tasks("[\"favorable\", \"neutral\"]") +
      "[profile.half]\nexperiment = { tasks = [\"neutral\"] }\n[profile.other]\nexperiment = { "
      "tasks = [\"favorable\"] }\n[profile.other.algorithm.maiql]\ntasks = [\"neutral\"]\n");
  CHECK(runs_of(experiment.plan(testing::with_profile("half")), "maiql").size() == 3);
  CHECK(experiment.error(testing::with_profile("other")) ==
        "table.toml:41: algorithm.maiql.tasks names no task of the experiment, whose tasks are "
        "favorable; name one, or take the algorithm from experiment.algorithms");
}

TEST_CASE("a run that another one needs is planned wherever it is needed") {
  const Experiment experiment(
      replaced(replaced(kExperiment, "\"maiql\", \"moma-ppo\"", "\"world-model\", \"moma-ppo\""),
               "steps = 500", "steps = 500\ntasks = [\"neutral\"]"));
  const Plan plan = experiment.plan();
  for (const RunSpec* run : runs_of(plan, "world-model")) {
    CHECK(run->reported == (run->task == "neutral"));
  }
  CHECK(runs_of(plan, "world-model").size() == 1 + 3);
  CHECK(runs_of(plan, "moma-ppo").size() == 6);
}

TEST_CASE("two labels of one plugin") {
  Experiment experiment(
      replaced(kExperiment, "[\"maiql\", \"moma-ppo\"]", "[\"maiql\", \"deep\"]") +
      "[algorithm.deep]\nplugin = \"maiql\"\nsteps = 1e3\nlayers = 4\n");
  const Plan plan = experiment.plan();
  const RunSpec& deep = *runs_of(plan, "deep").at(0);
  CHECK(deep.method.plugin == "maiql");
  CHECK(deep.method.params.at("layers") == "4");
  CHECK(deep.total_steps == 1000);
}

TEST_CASE("settings of workers, reports and evaluation") {
  Experiment experiment(std::string(kExperiment) +
                        "[algorithm.maiql.evaluation]\nevery = 500\nepisodes_during = 3\n"
                        "[run]\nthreads = 2\ncheckpoint_seconds = 1.5\ndevice = \"auto\"\n"
                        "log_level = \"debug\"\nlog_every = 10\nheartbeat_stale_seconds = 60\n"
                        "[report]\ndigits = 3\nmetrics = [\"score\", \"dataset/p_right_1\"]\n"
                        "paper = \"numbers.toml\"\nlabels = { score = \"Avg. score\" }\n");
  experiment.folder.write("numbers.toml",
                          "table = \"table9\"\n[cells]\n"
                          "neutral = { maiql = [0.9, 0.1], ibc = [1] }\n");
  const Plan plan = experiment.plan();
  CHECK(plan.runner.threads == 2);
  CHECK(plan.runner.checkpoint_seconds == 1.5);
  CHECK(plan.runner.heartbeat_stale_seconds == 60);
  CHECK(plan.runner.device == "auto");
  CHECK(plan.runner.log_level == "debug");
  CHECK(plan.runs[0].log_every == 10);
  CHECK(runs_of(plan, "maiql")[0]->evaluation.every == 500);
  CHECK(runs_of(plan, "maiql")[0]->evaluation.episodes_during == 3);
  CHECK(runs_of(plan, "moma-ppo")[0]->evaluation.every == 0);
  CHECK(plan.layout.digits == 3);
  CHECK(plan.layout.metrics == std::vector<std::string>{"score", "dataset/p_right_1"});
  CHECK(plan.layout.labels.at("score") == "Avg. score");
  CHECK(plan.layout.paper_table == "table9");
  REQUIRE(plan.paper.size() == 2);
  CHECK(plan.paper[0].table_name == "table9");
  CHECK(plan.paper[0].task == "neutral");
  for (const PaperCell& cell : plan.paper) {
    if (cell.algorithm == "maiql") CHECK(cell.sem == 0.1);
    if (cell.algorithm == "ibc") {
      CHECK(cell.mean == 1.0);
      CHECK_FALSE(cell.sem);
    }
  }
}

TEST_CASE("500 runs are planned in well under 0.1 s") {
  std::string text = "[experiment]\ntasks = [";
  std::string tables;
  for (int task = 0; task < 5; ++task) {
    const std::string name = "t" + std::to_string(task);
    text += "\"" + name + "\", ";
    tables += "[task." + name +
              "]\nenvironment = { plugin = \"game\", rounds = " + std::to_string(task + 1) +
              " }\ndataset = { plugin = \"coordination\" }\n";
  }
  text += "]\nalgorithms = [";
  for (int algorithm = 0; algorithm < 10; ++algorithm) {
    const std::string name = "a" + std::to_string(algorithm);
    text += "\"" + name + "\", ";
    tables += "[algorithm." + name +
              "]\nplugin = \"maiql\"\nsteps = " + std::to_string(algorithm + 1) + "\n";
  }
  const Experiment experiment(text + "]\nseeds = 10\n" + tables);
  double fastest = 1e9;  // of three: the machine may be busy
  for (int repetition = 0; repetition < 3; ++repetition) {
    const auto start = std::chrono::steady_clock::now();
    CHECK(experiment.plan().runs.size() == 500);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    fastest = std::min(fastest, taken.count());
  }
  MESSAGE("500 runs planned in " << fastest << " s");
  CHECK(fastest < 1.0);  // sanitizers included; a plain build takes a few hundredths
}

TEST_CASE("an algorithm that learns online needs no dataset, and does not depend on one") {
  const std::string data = "dataset = { plugin = \"coordination\", behaviour = \"favorable\" }\n";
  const std::string text =
      replaced(replaced(replaced(kExperiment, "rounds = 10", "rounds = 5"),
                        "[\"maiql\", \"moma-ppo\"]", "[\"ppo\"]"),
               "[algorithm.moma-ppo]", "[algorithm.ppo]\nsteps = 5\n\n[algorithm.moma-ppo]");
  Experiment experiment(text);
  const Plan with_data = experiment.plan();
  REQUIRE(with_data.runs.size() == 6);
  CHECK(with_data.runs[0].dataset.plugin.empty());
  experiment.write(replaced(text, data, ""));
  CHECK(keys_of(experiment.plan()) == keys_of(with_data));
  const RunSpec read = RunSpec::from_config(with_data.runs[0].config());
  CHECK(read.run_key == with_data.runs[0].run_key);
  CHECK(read.dataset.plugin.empty());
}

TEST_CASE("an algorithm that learns from data names the task that has none") {
  CHECK(error_with("dataset = { plugin = \"coordination\", behaviour = \"favorable\" }", "") ==
        "table.toml:8: task \"favorable\" has no dataset, from which algorithm \"maiql\" learns; "
        "add dataset = { plugin = \"...\" }");
}

namespace {

/// A task whose data is collected by "hand", which plays what "teacher" learned on another task.
std::string collected_text() {
  return replaced(
      replaced(replaced(kExperiment, "[\"maiql\", \"moma-ppo\"]", "[\"maiql\"]"),
               "dataset = { plugin = \"coordination\", behaviour = \"favorable\" }",
               "dataset = { plugin = \"collected\", needs.run = { algorithm = \"hand\", task = "
               "\"neutral\" } }"),
      "[algorithm.moma-ppo]",
      "[algorithm.teacher]\nplugin = \"ppo\"\nsteps = 9\n\n"
      "[algorithm.hand]\nplugin = \"ppo\"\nsteps = 1\n"
      "needs = { team = { algorithm = \"teacher\", seed = 4 } }\n\n[algorithm.moma-ppo]");
}

}  // namespace

TEST_CASE("needs in the file: a dataset's run, and the runs behind it, once and first") {
  Experiment experiment(collected_text());
  const Plan plan = experiment.plan();
  REQUIRE(runs_of(plan, "teacher").size() == 1);
  REQUIRE(runs_of(plan, "hand").size() == 1);
  const RunSpec& teacher = plan.runs[0];
  const RunSpec& hand = plan.runs[1];
  CHECK(teacher.algorithm == "teacher");
  CHECK(teacher.task == "neutral");
  CHECK(teacher.seed == 4);
  CHECK_FALSE(teacher.reported);
  CHECK(hand.algorithm == "hand");
  REQUIRE(hand.needs.size() == 1);
  CHECK(hand.needs[0].role == "team");
  CHECK(hand.needs[0].run_key == teacher.run_key);
  for (const RunSpec* run : runs_of(plan, "maiql")) {
    CAPTURE(run->task);
    REQUIRE(run->needs.size() == (run->task == "favorable" ? 1 : 0));
    if (run->needs.empty()) continue;
    CHECK(run->needs[0].role == "dataset.run");
    CHECK(run->needs[0].run_key == hand.run_key);
  }
  // Another teacher is other data, and other data other runs.
  experiment.write(replaced(collected_text(), "steps = 9", "steps = 8"));
  CHECK(runs_of(experiment.plan(), "maiql")[0]->run_key != runs_of(plan, "maiql")[0]->run_key);
  experiment.write(replaced(collected_text(), ", seed = 4", ", seed = \"run\""));
  CHECK(runs_of(experiment.plan(), "teacher")[0]->seed == 0);  // that of the one run of "hand"
}

TEST_CASE("needs in the file that cannot be are refused with their place") {
  const auto error_of = [](const std::string& from, const std::string& to) {
    return Experiment(replaced(collected_text(), from, to)).error();
  };
  CHECK(testing::contains(error_of("algorithm = \"hand\"", "algorithm = \"hands\""),
                          "there is no [algorithm.hands]; did you mean \"hand\"?"));
  CHECK(testing::contains(error_of("task = \"neutral\" }", "task = \"neutrla\" }"),
                          "there is no [task.neutrla]; did you mean \"neutral\"?"));
  CHECK(testing::contains(error_of("algorithm = \"hand\", ", ""),
                          "expected the name of an [algorithm.*] table"));
  CHECK(testing::contains(error_of("seed = 4", "sed = 4"), "did you mean \"seed\"?"));
  CHECK(testing::contains(error_of("\"teacher\", seed = 4", "\"hand\""), "circular need"));
  // Data that are learned from before they are there.
  CHECK(testing::contains(
      error_of("{ algorithm = \"hand\", task = \"neutral\" }", "{ algorithm = \"maiql\" }"),
      "circular need: the run of \"maiql\" on task \"favorable\" needs itself"));
  CHECK(
      testing::contains(error_of(", needs.run = { algorithm = \"hand\", task = \"neutral\" }", ""),
                        "table.toml:11: dataset \"collected\" reads what a run has left; add "
                        "needs.run = { algorithm = \"...\" }"));
  CHECK(testing::contains(error_of("needs.run", "needs.runs"), "add needs.run"));
}

TEST_CASE("a dataset's need is switched off by its flag") {
  const std::string run = "needs.run = { algorithm = \"hand\", task = \"neutral\" }";
  for (const std::string& needs : {std::string(), ", " + run}) {
    CAPTURE(needs);
    const Plan plan =
        Experiment(replaced(collected_text(), ", " + run, ", recorded = true" + needs)).plan();
    CHECK(plan.runs.size() == 6);
    for (const RunSpec& each : plan.runs) CHECK(each.needs.empty());
  }
}

}  // namespace labhost
