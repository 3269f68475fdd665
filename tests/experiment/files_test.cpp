// Parameters that name files: what enters a run's identity, and what a plan refuses.
#include <doctest/doctest.h>

#include "core/base/hash.hpp"
#include "tests/experiment/experiment_fixture.hpp"

namespace labhost {

namespace {

using testing::Experiment;
using testing::ScopedVariable;

/// One task with this dataset, and one run on it.
std::string with_dataset(const std::string& dataset) {
  return "[experiment]\ntasks = [\"a\"]\nalgorithms = [\"ibc\"]\nseeds = 1\n"
         "[task.a]\nenvironment = { plugin = \"game\" }\n" +
         dataset + "\n[algorithm.ibc]\nsteps = 10\n";
}

std::string with_policies(const std::string& lines) {
  return "[experiment]\ntasks = [\"a\"]\nalgorithms = [\"collect\"]\nseeds = 1\n"
         "[task.a]\nenvironment = { plugin = \"game\" }\n"
         "dataset = { plugin = \"coordination\" }\n[algorithm.collect]\nsteps = 1\n" +
         lines + "\n";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a list of files: paths for the plugin, contents for the identity, in order") {
  Experiment experiment(with_policies(R"(policies = ["one", "folder/two"])"));
  experiment.folder.write("one", "first");
  experiment.folder.write("folder/two", "second");
  const RunSpec run = experiment.plan().runs.at(0);
  const std::string folder = experiment.folder.path().string();
  CHECK(run.method.params.at("policies") == folder + "/one\n" + folder + "/folder/two");
  CHECK(run.method.file_hashes.at("policies") == sha256("first") + "\n" + sha256("second"));
  CHECK(RunSpec::from_config(run.config()).method.params == run.method.params);
  CHECK(RunSpec::from_config(run.config()).run_key == run.run_key);
  CHECK_NOTHROW(check_files(run.method));

  // The names do not count, content and order do.
  experiment.folder.write("other", "first");
  experiment.write(with_policies(R"(policies = ["other", "folder/two"])"));
  CHECK(experiment.plan().runs.at(0).run_key == run.run_key);
  experiment.write(with_policies(R"(policies = ["folder/two", "one"])"));
  CHECK(experiment.plan().runs.at(0).run_key != run.run_key);
  experiment.folder.write("one", "changed");
  CHECK_THROWS_WITH_AS(check_files(run.method),
                       doctest::Contains("/one (parameter \"policies\" of collect) changed since "
                                         "the plan was made: expected SHA-256 a7937b64"),
                       InputError);
}

TEST_CASE("lists of numbers are canonical, each is checked") {
  Experiment experiment(with_policies("shares = [1, 0.50, 2e0]"));
  CHECK(experiment.plan().runs.at(0).method.params.at("shares") == "1\n0.5\n2");
  experiment.write(with_policies("shares = []"));
  CHECK(experiment.plan().runs.at(0).method.params.at("shares").empty());
  experiment.write(with_policies("shares = [1, -1]"));
  CHECK(contains(experiment.error(), "must be a list of real numbers, each of at least 0"));
  experiment.write(with_policies("shares = 1"));
  CHECK(contains(experiment.error(), "must be a list of real numbers, found 1"));
  experiment.write(with_policies("shares = [1,\n\"a\"]"));
  CHECK(contains(experiment.error(), "table.toml:11: a list of real numbers holds text \"a\""));
}

TEST_CASE("files that are not there are refused at their line") {
  Experiment experiment(with_policies("policies = [\n  \"one\",\n  \"two\",\n]"));
  experiment.folder.write("one", "first");
  CHECK(contains(experiment.error(), "table.toml:12: file two does not exist"));
  experiment.write(with_policies("policies = \"one\""));
  CHECK(contains(experiment.error(), "must be a list of paths in quotes"));
  experiment.write(with_policies("policies = [\"a\\nb\"]"));
  CHECK(contains(experiment.error(), "a list of paths holds text"));
  experiment.write(with_policies("policies = [1]"));
  CHECK(contains(experiment.error(), "a list of paths holds 1"));
}

TEST_CASE("data by name: its content is the identity, and it is found when the plan is made") {
  const testing::ScratchFolder data;
  const ScopedVariable folders("LABHOST_DATA", data.path().c_str()), home("HOME", nullptr);
  data.write("ant_medium-v2.hdf5", "rows");
  Experiment experiment(with_dataset(R"(dataset = { plugin = "hdf5", name = "ant-medium-v2" })"));
  const RunSpec run = experiment.plan().runs.at(0);
  CHECK(run.dataset.params.at("name") == (data.path() / "ant_medium-v2.hdf5").string());
  CHECK(run.dataset.file_hashes.at("name") == sha256("rows"));
  data.write("ant_medium-v2.hdf5", "other rows");
  CHECK(experiment.plan().runs.at(0).run_key != run.run_key);
  CHECK_THROWS_WITH_AS(check_files(run.dataset), doctest::Contains("changed since the plan"),
                       InputError);
  experiment.write(with_dataset(R"(dataset = { plugin = "hdf5", name = "medium" })"));
  CHECK(contains(experiment.error(), "table.toml:7: D4RL dataset 'medium': expected a name like"));
}

TEST_CASE("all data files that are missing are told at once, with the profiles that need none") {
  const testing::ScratchFolder data;
  const ScopedVariable folders("LABHOST_DATA", data.path().c_str()), home("HOME", nullptr);
  const std::string text = R"(
[experiment]
tasks = ["a", "b"]
algorithms = ["ibc"]
seeds = 2
data = "named"
[task.a]
environment = { plugin = "game" }
datasets.named = { plugin = "hdf5", name = "ant-medium-v2" }
datasets.made = { plugin = "coordination" }
[task.b]
environment = { plugin = "game" }
datasets.named = { plugin = "hdf5", name = "ant-expert-v2" }
datasets.made = { plugin = "coordination", behaviour = "favorable" }
[algorithm.ibc]
steps = 10
[profile.quick.experiment]
data = "made"
[profile.tiny.algorithm.ibc]
steps = 1
)";
  const Experiment experiment(text);
  const std::string error = experiment.error();
  CHECK(
      contains(error, "table.toml, profile paper: expected 2 data file(s) in one of the folders " +
                          data.path().string()));
  CHECK(contains(error, "\n  ant_expert-v2.hdf5  (ant-expert-v2)\n  ant_medium-v2.hdf5"));
  CHECK(contains(error, "labhost datasets fetch NAME"));
  CHECK(
      contains(error, "None of them is needed with: --set experiment.data=made, --profile quick"));
  CHECK(experiment.plan(testing::with_profile("quick")).runs.size() == 4);
  PlanOptions one;
  one.set = {"experiment.data=made"};
  CHECK(experiment.plan(one).runs.size() == 4);
  // Only what is asked for must be there.
  data.write("ant_medium-v2.hdf5", "rows");
  PlanOptions part;
  part.only = {"task=a"};
  CHECK(experiment.plan(part).runs.size() == 2);
  CHECK(contains(experiment.error(), "expected 1 data file(s)"));
}

TEST_CASE("experiment.data must name one of a task's datasets") {
  CHECK(contains(
      Experiment(testing::replaced(testing::kExperiment, "seeds = 3", "seeds = 3\ndata = \"made\""))
          .error(),
      "chooses among a task's `datasets`, but no task has any"));
  const auto text = [](const std::string& data, const std::string& datasets) {
    return "[experiment]\ntasks = [\"a\"]\nalgorithms = [\"ibc\"]\nseeds = 1\n" + data +
           "[task.a]\nenvironment = { plugin = \"game\" }\n" + datasets +
           "[algorithm.ibc]\nsteps = 10\n";
  };
  const std::string made = "datasets.made = { plugin = \"coordination\" }\n";
  CHECK(Experiment(text("data = \"made\"\n", made)).plan().runs.size() == 1);
  CHECK(contains(Experiment(text("", made)).error(), "Expected experiment.data, one of made"));
  CHECK(contains(Experiment(text("data = \"mde\"\n", made)).error(),
                 "is \"mde\", which task.a.datasets does not have; did you mean \"made\"?"));
  CHECK(contains(
      Experiment(text("data = \"made\"\n", made + "dataset = { plugin = \"coordination\" }\n"))
          .error(),
      "a task has the one or the other"));
  // A profile that gives a choice another plugin replaces it.
  const Experiment replaced(
      text("data = \"made\"\n", "datasets.made = { plugin = \"coordination\", size = 7 }\n") +
      "[profile.x.task.a.datasets.made]\nplugin = \"hdf5\"\n");
  CHECK(replaced.plan(testing::with_profile("x")).runs.at(0).dataset.plugin == "hdf5");
}

}  // namespace labhost
