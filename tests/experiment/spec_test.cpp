// What makes two runs the same run.
#include <doctest/doctest.h>

#include <set>

#include "core/base/hash.hpp"
#include "tests/experiment/experiment_fixture.hpp"

namespace labhost {
namespace {

using testing::Experiment;
using testing::kExperiment;
using testing::replaced;
using testing::runs_of;
using testing::with_set;

std::string first_key(const Plan& plan, const std::string& algorithm) {
  return runs_of(plan, algorithm).at(0)->run_key;
}

std::string key_with(const std::string& set, const std::string& algorithm = "maiql") {
  return first_key(Experiment().plan(with_set({set})), algorithm);
}

std::string key_of_catalogue(const std::vector<PluginDescription>& plugins) {
  const Experiment experiment;
  return first_key(make_plan(experiment.file, {}, Catalogue::of(plugins)), "maiql");
}

}  // namespace

TEST_CASE("labels, titles, workers' settings and the file's name stay out of the identity") {
  const std::string key = first_key(Experiment().plan(), "maiql");
  CHECK(key.size() == 64);
  for (const char* set :
       {"experiment.title=Other", "experiment.name=other", "algorithm.maiql.label=Other",
        "task.favorable.label=Other", "run.threads=4", "run.device=cuda", "run.log_level=debug",
        "report.digits=5", "algorithm.maiql.expectile=0.70",
        "task.favorable.environment.payoff=1.0", "algorithm.world-model.steps=9"}) {
    CAPTURE(set);
    CHECK(key_with(set) == key);
  }
  // Another label for the same thing.
  const Experiment renamed(replaced(replaced(kExperiment, "\"maiql\", \"moma-ppo\"", "\"mine\""),
                                    "[algorithm.maiql]", "[algorithm.mine]\nplugin = \"maiql\""));
  CHECK(first_key(make_plan(renamed.file, {}, testing::made_up_catalogue()), "mine") == key);
}

TEST_CASE("everything that changes the result changes the key") {
  std::set<std::string> keys = {first_key(Experiment().plan(), "maiql")};
  std::size_t expected = 1;
  for (const char* set :
       {"algorithm.maiql.expectile=0.8", "algorithm.maiql.layers=3",
        "algorithm.maiql.action_aware_mixer=false", "algorithm.maiql.steps=999",
        "task.favorable.environment.rounds=11", "task.favorable.environment.plugin=reacher",
        "task.favorable.dataset.size=999", "task.favorable.dataset.seed=1",
        "evaluation.episodes=99", "evaluation.every=7", "evaluation.episodes_during=7",
        "run.log_every=7", "experiment.seeds=[5]"}) {
    CAPTURE(set);
    keys.insert(key_with(set));
    CHECK(keys.size() == ++expected);
  }
  for (std::size_t i = 0; i < 5; i += 2) {  // game, coordination, maiql: the plugins in use
    std::vector<PluginDescription> plugins = testing::made_up_plugins();
    plugins[i].version = "2";
    keys.insert(key_of_catalogue(plugins));
    CHECK(keys.size() == ++expected);
  }
}

TEST_CASE("a change of a needed run changes the runs that need it") {
  CHECK(key_with("algorithm.world-model.members=8", "moma-ppo") !=
        first_key(Experiment().plan(), "moma-ppo"));
}

TEST_CASE("a file counts by its content, not by its name or place") {
  const std::string text =
      replaced(kExperiment, "plugin = \"coordination\", behaviour = \"favorable\"",
               "plugin = \"hdf5\", file = \"data/a.hdf5\"");
  Experiment experiment(text);
  experiment.folder.write("data/a.hdf5", "content");
  const RunSpec run = experiment.plan().runs.at(0);
  CHECK(run.dataset.params.at("file") == (experiment.folder / "data/a.hdf5").string());
  CHECK(run.dataset.file_hashes.at("file") == sha256("content"));
  CHECK_FALSE(testing::contains(run.identity().dump(), "a.hdf5"));

  experiment.folder.write("elsewhere/b.hdf5", "content");
  const testing::ScopedVariable home("HOME", (experiment.folder / "elsewhere").c_str());
  for (const char* path : {"~/b.hdf5", "$HOME/b.hdf5", "${HOME}/b.hdf5", "elsewhere/b.hdf5"}) {
    CAPTURE(path);
    experiment.write(replaced(text, "data/a.hdf5", path));
    const RunSpec moved = experiment.plan().runs.at(0);
    CHECK(moved.run_key == run.run_key);
    CHECK(moved.dataset.params.at("file") == (experiment.folder / "elsewhere/b.hdf5").string());
  }
  experiment.folder.write("elsewhere/b.hdf5", "Content");
  CHECK(experiment.plan().runs.at(0).run_key != run.run_key);
}

TEST_CASE("a run survives its configuration text") {
  Experiment experiment(replaced(kExperiment,
                                 "plugin = \"coordination\", behaviour = \"favorable\"",
                                 "plugin = \"hdf5\", file = \"a.hdf5\""));
  experiment.folder.write("a.hdf5", "content");
  for (const RunSpec& run : experiment.plan().runs) {
    CHECK(sha256(run.identity().dump()) == run.run_key);
    const RunSpec read = RunSpec::from_config(nlohmann::json::parse(run.config().dump()));
    CHECK(read.identity() == run.identity());
    CHECK(read.config() == run.config());
    CHECK(read.run_key == run.run_key);
    CHECK(read.task == run.task);
    CHECK(read.algorithm == run.algorithm);
    CHECK(read.reported == run.reported);
    CHECK(read.dataset.params == run.dataset.params);
    CHECK(read.dataset.file_hashes == run.dataset.file_hashes);
    CHECK(read.needs.size() == run.needs.size());
  }
}

TEST_CASE("a damaged configuration is refused") {
  nlohmann::json config = Experiment().plan().runs.at(0).config();
  CHECK_THROWS_AS(RunSpec::from_config(nlohmann::json::object()), InputError);
  CHECK_THROWS_AS(RunSpec::from_config(nlohmann::json()), InputError);
  config["identity"]["seed"] = "zero";
  CHECK_THROWS_AS(RunSpec::from_config(config), InputError);
  config["identity"]["identity"] = 99;
  CHECK(testing::contains(testing::input_error([&] { RunSpec::from_config(config); }),
                          "identity version 99"));
}

TEST_CASE("a layout survives its JSON text") {
  const ReportLayout layout = Experiment().plan().layout;
  const nlohmann::json json = nlohmann::json::parse(layout.to_json().dump());
  CHECK(ReportLayout::from_json(json).to_json() == json);
  CHECK(ReportLayout::from_json(json).labels == layout.labels);
  CHECK_THROWS_AS(ReportLayout::from_json(nlohmann::json::object()), InputError);
}

}  // namespace labhost
