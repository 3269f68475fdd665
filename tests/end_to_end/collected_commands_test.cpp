// Data that the plan makes by itself: teams, what they do, and an algorithm that learns from it.
#include "core/base/hash.hpp"
#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

namespace {

constexpr char kMix[] = R"(
[experiment]
tasks = ["reach", "lead"]
algorithms = ["ibc"]
seeds = 2
[task.reach]
environment = { plugin = "reacher", horizon = 5 }
dataset = { plugin = "collected", needs.run = { algorithm = "mix", task = "reach" } }
[task.lead]
environment = { plugin = "reacher", horizon = 5, observation = "leader" }
dataset = { plugin = "collected", limit = 10, needs.run = { algorithm = "mix", task = "reach" } }
[algorithm.team]
plugin = "mappo"
steps = 1
copies = 2
transitions = 10
batch_size = 10
hidden = 8
[algorithm.mix]
plugin = "collect"
steps = 1
copies = 2
transitions = 12
evaluation = { episodes = 0 }
needs = { a = { algorithm = "team", seed = 0 }, b = { algorithm = "team", seed = 1 } }
[algorithm.ibc]
steps = 2
batch_size = 4
hidden = 8
log_every = 1
[evaluation]
episodes = 2
)";

/// An experiment of ours in its profile `smoke`.
Outcome smoke(const Workplace& place, const std::string& name) {
  const std::string file = std::string(LABHOST_SOURCE) + "/experiments/" + name + ".toml";
  return place.labhost({"run", file, "--profile", "smoke"}, 200);
}

/// Every cell that has a score of ours has one of the paper's.
void check_compared(const Workplace& place, const std::string& name) {
  CHECK(
      value(place.store(), "SELECT count(*) FROM cell WHERE paper_mean IS NULL AND experiment = '" +
                               name + "'") == "0");
}

}  // namespace

TEST_CASE("a plan trains teams, collects once, and learns from it on every task and seed") {
  const Workplace place;
  place.write(kMix);
  const Outcome outcome = place.run();
  CHECK_MESSAGE(outcome.code == 0, outcome.err);
  CHECK(contains(outcome.err, "7 runs completed now"));  // two teams, one collection, four ibc
  CHECK(rows(place.store(), "SELECT algorithm, count(*) FROM run GROUP BY 1 ORDER BY 1") ==
        Rows{{"ibc", "4"}, {"mix", "1"}, {"team", "2"}});
  // Twelve transitions of each team: an episode of five steps, another, and two steps cut off.
  const std::string of_mix =
      " FROM latest_metric JOIN run ON run.id = run_id WHERE algorithm = "
      "'mix' AND name = 'dataset/";
  CHECK(value(place.store(), "SELECT value" + of_mix + "transitions'") == "24");
  CHECK(value(place.store(), "SELECT value" + of_mix + "trajectories'") == "4");
  const fs::path file = place.store().parent_path() /
                        value(place.store(), "SELECT path FROM artifact WHERE kind = 'dataset'");
  CHECK(file.extension() == ".hdf5");
  CHECK(value(place.store(), "SELECT sha256 FROM artifact WHERE kind = 'dataset'") ==
        sha256_file(file));
  // Who used it is on record, with its content.
  CHECK(value(place.store(),
              "SELECT count(*) FROM run_needs JOIN artifact ON artifact.id = artifact_id WHERE "
              "kind = 'dataset'") == "4");
  CHECK(rows(place.store(),
             "SELECT DISTINCT task, value FROM provenance JOIN run ON run.id = run_id WHERE name = "
             "'dataset_used_rows' ORDER BY task") == Rows{{"lead", "10"}, {"reach", "24"}});
  CHECK(
      value(place.store(), "SELECT DISTINCT value FROM provenance WHERE name = 'dataset_sha256'") ==
      sha256_file(file));
  CHECK(contains(place.run().err, "0 runs completed now, 7 before"));
}

TEST_CASE("teams that do not differ as they should fail the collection, and what needs it waits") {
  const Workplace place;
  place.write(with("transitions = 12", "transitions = 12\nopposite_measure = \"elbow\"", kMix));
  const Outcome outcome = place.run();
  CHECK(outcome.code == 1);
  CHECK(contains(value(place.store(), "SELECT error FROM run WHERE algorithm = 'mix'"),
                 "expected two teams with opposite signs of 'elbow'"));
  CHECK(value(place.store(),
              "SELECT count(*) FROM run WHERE algorithm = 'ibc' AND status = "
              "'queued'") == "4");
  CHECK(contains(outcome.err, "4 not started"));
}

TEST_CASE("Table 2 at smoke size: both collectors, all snapshots, what they score") {
  const Workplace place;
  const Outcome outcome = smoke(place, "table2");
  CHECK_MESSAGE(outcome.code == 0, outcome.err);
  CHECK(contains(outcome.err, "13 runs completed now"));
  // Each task's data has a score, and the replay is all that SAC has met: 20 updates of 200 steps.
  CHECK(value(place.store(), "SELECT count(score) FROM run WHERE algorithm = 'behaviour'") == "5");
  CHECK(value(place.store(),
              "SELECT value FROM latest_metric JOIN run ON run.id = run_id WHERE algorithm = "
              "'ant-full-replay-data' AND name = 'dataset/transitions'") == "4000");
  CHECK(contains(place.labhost({"report", "table2", "--compare", "paper"}).out, "1.523"));
  // The files that show the collections by themselves ask for the same runs.
  CHECK(contains(smoke(place, "datasets_ant").err, "0 runs completed now, 5 before"));
  CHECK(contains(smoke(place, "datasets_reacher").err, "0 runs completed now, 3 before"));
}

TEST_CASE("Table 4 (a) at smoke size: all cells, from the data of the Reacher's own file") {
  const Workplace place;
  CHECK(smoke(place, "datasets_reacher").code == 0);
  const Outcome outcome = smoke(place, "table4a");
  CHECK_MESSAGE(outcome.code == 0, outcome.err);
  CHECK(contains(outcome.err, "table4a: 23 runs completed now, 3 before"));
  CHECK_FALSE(contains(outcome.text(), "missing"));
  CHECK(value(place.store(), "SELECT sum(seeds) FROM cell WHERE experiment = 'table4a'") == "22");
  CHECK(rows(place.store(), "SELECT task FROM cell WHERE algorithm = 'iql'") ==
        Rows{{"reacher-all"}});
  check_compared(place, "table4a");
}

TEST_CASE("Table 4 (b) at smoke size: all cells, from the data of the Ant's own file") {
  const Workplace place;
  CHECK(smoke(place, "datasets_ant").code == 0);
  const Outcome outcome = smoke(place, "table4b");
  CHECK_MESSAGE(outcome.code == 0, outcome.err);
  CHECK(contains(outcome.err, "table4b: 64 runs completed now, 5 before"));
  CHECK_FALSE(contains(outcome.text(), "missing"));
  CHECK(value(place.store(), "SELECT sum(seeds) FROM cell WHERE experiment = 'table4b'") == "60");
  CHECK(
      rows(place.store(),
           "SELECT DISTINCT task, algorithm FROM run JOIN run_param ON run_id = run.id WHERE name "
           "= 'algorithm.cql_coefficient' AND value = '5' ORDER BY 1, 2") ==
      Rows{{"ant-expert-fo", "icql"},
           {"ant-expert-fo", "iomar"},
           {"ant-expert-po", "icql"},
           {"ant-expert-po", "iomar"}});
  CHECK(rows(place.store(),
             "SELECT DISTINCT algorithm FROM run JOIN run_param ON run_id = run.id WHERE name = "
             "'algorithm.scale_rewards' AND value = 'true' ORDER BY 1") ==
        Rows{{"iql"}, {"maiql"}, {"maiql-ft"}});
  check_compared(place, "table4b");
}

TEST_CASE("a replay is collected once") {
  const Workplace place;
  place.write(
      with("transitions = 12", "transitions = 12\nsnapshot = \"replay\"",
           with("plugin = \"collect\"\nsteps = 1", "plugin = \"collect\"\nsteps = 2", kMix)));
  CHECK(place.run().code == 1);
  CHECK(contains(value(place.store(), "SELECT error FROM run WHERE algorithm = 'mix'"),
                 "expected steps = 1, found 2"));
}

TEST_CASE("a collected dataset without its run says what to write") {
  const Workplace place;
  place.write(with(", needs.run = { algorithm = \"mix\", task = \"reach\" } }\n[task.lead]",
                   " }\n[task.lead]", kMix));
  const Outcome outcome = place.run();
  CHECK(outcome.code == 2);
  CHECK_MESSAGE(contains(outcome.err, "add needs.run = { algorithm"), outcome.err);
}

}  // namespace labhost::testing
