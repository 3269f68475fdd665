// `labhost merge`: stores of two machines become one, with the files of their runs.
#include <csignal>
#include <fstream>

#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

namespace {

constexpr char kModels[] = R"([experiment]
tasks = ["neutral"]
algorithms = ["moma-ppo", "ibc"]
seeds = 2

[task.neutral]
environment = { plugin = "coordination-game" }
dataset = { plugin = "coordination", size = 500 }

[algorithm.ibc]
steps = 12
hidden = 16

[algorithm.moma-ppo]
steps = 2
hidden = 16
k = 1
transitions = 200

[algorithm.world-model]
steps = 20
hidden = 16
layers = 2
members = 3
kept = 2

[evaluation]
episodes = 10
)";

/// The only dataset, world model or policy of a run of the algorithm.
fs::path artifact_of(const Workplace& place, const std::string& algorithm) {
  return place.scratch / "results" /
         value(place.store(),
               "SELECT path FROM artifact JOIN run ON run.id = run_id WHERE "
               "algorithm = '" +
                   algorithm + "' LIMIT 1");
}

}  // namespace

TEST_CASE("merge: two machines have half a table each") {
  const Workplace one, two, whole, both;
  for (const Workplace* place : {&one, &two, &whole}) place->write(kModels);
  CHECK(one.run({"--seeds", "0"}).code == 0);
  CHECK(two.run({"--seeds", "1"}).code == 0);
  CHECK(whole.run().code == 0);

  const Words command = {"merge", one.store().parent_path(), two.store(), "--into", both.store()};
  const Outcome outcome = both.labhost(command);
  CHECK_MESSAGE(outcome.code == 0, outcome.text());
  CHECK(contains(outcome.out, "3 runs new"));
  CHECK(results(both.store()) == results(whole.store()));
  CHECK(both.labhost({"report", "table"}).out == whole.labhost({"report", "table"}).out);
  // The world model that both have made is there once, with its file, and what needs it knows it.
  CHECK(value(both.store(), "SELECT count(*) FROM run WHERE algorithm = 'world-model'") == "1");
  CHECK(fs::exists(artifact_of(both, "world-model")));
  CHECK(value(both.store(), "SELECT count(*) FROM run_needs") == "2");
  std::size_t folders = 0;
  for (const auto& entry : fs::directory_iterator(both.scratch / "results/runs")) {
    folders += entry.is_directory() ? 1 : 0;
  }
  CHECK(folders == 5);

  CHECK(contains(both.labhost(command).out, "0 runs new, 0 brought up to date"));
  CHECK(results(both.store()) == results(whole.store()));
  // Nothing is left to do there.
  both.write(kModels);
  CHECK(contains(both.run().err, "0 runs completed now, 5 before"));
}

TEST_CASE("merge: an interrupted run goes on where it was, elsewhere") {
  const Workplace first, second;
  first.write(kLongRun);
  const auto process = first.start();
  REQUIRE(eventually(30, [&] {
    return value(first.store(), "SELECT count(*) FROM run WHERE step > 400") == "1";
  }));
  process->signal(SIGTERM);
  CHECK(process->wait(30).code == 1);
  CHECK(second.labhost({"merge", first.store(), "--into", second.store()}).code == 0);
  second.write(kLongRun);
  CHECK(second.run().code == 0);
  CHECK(results(second.store()) == uninterrupted_long_run());
  CHECK(value(second.store(), "SELECT attempt FROM run") == "2");
}

TEST_CASE("merge: what it refuses") {
  const Workplace source, target;
  source.write(kModels);
  CHECK(source.run({"--seeds", "0"}).code == 0);
  SUBCASE("an artifact that has changed: its run stays out, the others come") {
    std::ofstream(artifact_of(source, "world-model"), std::ios::app) << "more";
    const Outcome outcome = target.labhost({"merge", source.store(), "--into", target.store()});
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.out, "has changed since its run wrote it"));
    CHECK(contains(outcome.out, "2 runs new"));
    CHECK(value(target.store(), "SELECT count(*) FROM run WHERE algorithm = 'world-model'") == "0");
  }
  SUBCASE("a file that is gone: said, and the rows come") {
    fs::remove(artifact_of(source, "world-model"));
    const Outcome outcome = target.labhost({"merge", source.store(), "--into", target.store()});
    CHECK(outcome.code == 0);
    CHECK(contains(outcome.out, "is missing; its row is merged without it"));
    CHECK(value(target.store(), "SELECT count(*) FROM run") == "3");
  }
  SUBCASE("bad input, before anything is written") {
    const std::string from = source.store().string(), into = target.store().string();
    for (const auto& [words, message] : std::map<Words, std::string>{
             {{"merge", from}, "expected the stores to merge and --into"},
             {{"merge", "--into", into}, "expected the stores to merge and --into"},
             {{"merge", from, "--into", from}, "both as a source and as --into"},
             {{"merge", from, from + "x", "--into", into}, "no result store there"}}) {
      const Outcome outcome = target.labhost(words);
      CHECK(outcome.code == 2);
      CHECK_MESSAGE(contains(outcome.err, message), outcome.err);
    }
    CHECK_FALSE(fs::exists(target.store()));
    alter(source.store(), "ALTER TABLE episode ADD COLUMN colour TEXT");
    const Outcome outcome = target.labhost({"merge", from, "--into", into});
    CHECK(outcome.code == 2);
    CHECK(contains(outcome.err, "its table episode differs"));
  }
}

TEST_CASE("--engine: what it refuses without a cluster") {
  Workplace place;
  place.write(std::string(kTable) + "\n[engine.slurm]\nmax_attempts = 0\n");
  CHECK(contains(place.run({"--dry-run"}).err, "engine.slurm.max_attempts"));
  place.write(std::string(kTable) + "\n[engine.slurm]\npartitoin = \"x\"\n");
  CHECK(contains(place.run({"--dry-run"}).err, "did you mean \"partition\"?"));
  place.write(std::string(kTable) + "\n[engine.slurm.algorithm.icb]\ntime = \"1\"\n");
  CHECK(contains(place.run({"--dry-run"}).err, "did you mean \"ibc\"?"));
  place.write(kTable);
  CHECK(contains(place.run({"--engine", "slrum"}).err, "did you mean \"slurm\"?"));
  CHECK(contains(place.run({"--detach"}).err, "--detach: expected --engine slurm"));
  place.surroundings.variables["PATH"] = place.scratch.path();
  const Outcome outcome = place.run({"--engine", "slurm"});
  CHECK(outcome.code == 2);
  CHECK(contains(outcome.err, "expected Slurm's command sbatch in PATH, found none"));
  CHECK_FALSE(fs::exists(place.scratch / "results/slurm"));
}

}  // namespace labhost::testing
