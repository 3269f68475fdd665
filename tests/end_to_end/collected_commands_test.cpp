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

TEST_CASE("a replay is collected once") {
  const Workplace place;
  place.write(
      with("transitions = 12", "transitions = 12\nsnapshot = \"replay\"",
           with("plugin = \"collect\"\nsteps = 1", "plugin = \"collect\"\nsteps = 2", kMix)));
  CHECK(place.run().code == 1);
  CHECK(contains(value(place.store(), "SELECT error FROM run WHERE algorithm = 'mix'"),
                 "expected steps = 1, found 2"));
}

TEST_CASE("an artifact that is not the recorded one fails the run that needs it") {
  const Workplace place;
  place.write(with("algorithms = [\"ibc\"]", "algorithms = [\"mix\"]", kMix));
  REQUIRE(place.run({"--only", "task=reach", "--seeds", "0"}).code == 0);
  const fs::path file = place.store().parent_path() /
                        value(place.store(), "SELECT path FROM artifact WHERE kind = 'dataset'");
  const std::string recorded = sha256_file(file);
  // Another dataset of the same task, as valid as the first.
  place.write(with("transitions = 12", "transitions = 14",
                   with("algorithms = [\"ibc\"]", "algorithms = [\"mix\"]", kMix)));
  REQUIRE(place.run({"--only", "task=reach", "--seeds", "0"}).code == 0);
  const fs::path other =
      place.store().parent_path() /
      value(place.store(),
            "SELECT path FROM artifact WHERE kind = 'dataset' ORDER BY id DESC LIMIT 1");
  REQUIRE(other != file);
  fs::copy_file(other, file, fs::copy_options::overwrite_existing);
  place.write(kMix);
  CHECK(place.run({"--only", "task=reach", "--seeds", "0"}).code == 1);
  const std::string error = value(place.store(), "SELECT error FROM run WHERE algorithm = 'ibc'");
  CHECK_MESSAGE(contains(error, "is not the one that was recorded: expected SHA-256 " + recorded +
                                    ", found " + sha256_file(other)),
                error);
  CHECK(contains(error, "labhost runs delete"));
  fs::remove(file);
  CHECK(place.run({"--only", "task=reach", "--seeds", "0"}).code == 1);
  CHECK(contains(value(place.store(), "SELECT error FROM run WHERE algorithm = 'ibc'"),
                 "labhost runs delete"));
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
