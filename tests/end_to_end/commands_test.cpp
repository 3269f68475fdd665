// What `labhost` does with good input: plans, runs, resumes, reports.
#include <algorithm>
#include <csignal>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

namespace {

/// A table that has been run once; tests only read it.
struct Finished {
  Finished() {
    place.write(kTable);
    outcome = place.run();
  }
  Workplace place;
  Outcome outcome;
};

const Finished& finished() {
  static const Finished only;
  return only;
}

/// Starts kLongRun and stops it with `number` once it has done a part of its work.
Outcome stopped_in_the_middle(const Workplace& place, int number) {
  const auto process = place.start();
  REQUIRE(eventually(30, [&] {
    return value(place.store(), "SELECT step BETWEEN 100 AND 1300 FROM run") == "1";
  }));
  process->signal(number);
  return process->wait(30);
}

void check_stop_and_resume(int number) {
  const Workplace cut;
  cut.write(kLongRun);
  const Outcome stopped = stopped_in_the_middle(cut, number);
  CHECK(stopped.code == 1);
  CHECK(contains(stopped.err, "the same command goes on where it was"));
  CHECK(value(cut.store(), "SELECT status FROM run") == "interrupted");
  const fs::path folder =
      cut.store().parent_path() / "runs" / value(cut.store(), "SELECT uuid FROM run");
  CHECK(fs::exists(folder / "checkpoint.pt"));
  CHECK(contains(cut.run({"--dry-run"}).out, "1 resumable"));

  const Outcome resumed = cut.run();
  CHECK(resumed.code == 0);
  CHECK(contains(resumed.err, "1 runs completed now"));
  CHECK(contains(read_file(folder / "attempt-2.log"), "resumed at step"));
  CHECK_FALSE(fs::exists(folder / "checkpoint.pt"));
  CHECK(rows(cut.store(), "SELECT status, attempt, error FROM run") ==
        Rows{{"completed", "2", "NULL"}});
  CHECK(results(cut.store()) == uninterrupted_long_run());
}

}  // namespace

TEST_CASE("a run fills the store and prints its table") {
  const Finished& done = finished();
  CHECK(done.outcome.code == 0);
  CHECK(contains(done.outcome.err, "8 runs completed now, 0 before, 0 failed, 0 not started"));
  for (const char* word : {"A small table", "maiql", "ibc", "favorable", "neutral", "2 seeds"}) {
    CHECK_MESSAGE(contains(done.outcome.out, word), word);
  }
  const fs::path store = done.place.store();
  CHECK(value(store,
              "SELECT count(*) FROM run WHERE status = 'completed' AND step = 12 AND "
              "score BETWEEN 0 AND 1 AND attempt = 1 AND error IS NULL") == "8");
  CHECK(value(store, "SELECT count(*) FROM episode WHERE step = 12") == "80");
  CHECK(value(store, "SELECT count(DISTINCT step) FROM metric WHERE name = 'eval/score'") == "3");
  CHECK(value(store, "SELECT count(*) FROM artifact WHERE kind = 'policy' AND bytes > 0") == "8");
  CHECK(value(store,
              "SELECT count(*) FROM run_param WHERE name = 'algorithm.hidden' AND "
              "value = '16'") == "8");
  CHECK(value(store,
              "SELECT count(DISTINCT run_id) FROM provenance WHERE name = 'command_line' "
              "AND value LIKE 'labhost run table.toml%'") == "8");
}

TEST_CASE("the artifacts and logs of a run lie where the store says") {
  const fs::path store = finished().place.store();
  for (const auto& row : rows(store, "SELECT path, bytes FROM artifact")) {
    CHECK(std::to_string(fs::file_size(store.parent_path() / row[0])) == row[1]);
  }
  for (const auto& row : rows(store, "SELECT value FROM provenance WHERE name = 'log'")) {
    CHECK(contains(read_file(store.parent_path() / row[0]), "completed"));
  }
}

TEST_CASE("a second call does no work and prints the same table") {
  const Finished& done = finished();
  const Rows before = rows(done.place.store(), "SELECT * FROM run");
  const Outcome again = done.place.run();
  CHECK(again.code == 0);
  CHECK(again.out == done.outcome.out);
  CHECK(contains(again.err, "0 runs completed now, 8 before"));
  CHECK(rows(done.place.store(), "SELECT * FROM run") == before);
}

TEST_CASE("a dry run tells what is to do and does nothing") {
  const Workplace place;
  place.write(kTable);
  const Outcome fresh = place.run({"--dry-run"});
  CHECK(fresh.code == 0);
  CHECK(contains(fresh.out, "8 runs"));
  CHECK(contains(fresh.out, "favorable maiql, 12 updates: 2 to do"));
  CHECK(contains(fresh.out, "total: 8 to do"));
  CHECK_FALSE(fs::exists(place.store().parent_path()));

  const Finished& done = finished();
  CHECK(contains(done.place.run({"--dry-run"}).out, "total: 8 done"));
  const Outcome more = done.place.run({"--dry-run", "--seeds", "0-2"});
  CHECK(contains(more.out, "total: 8 done, 4 to do"));
  CHECK(contains(more.out, "estimated time"));
  CHECK(value(done.place.store(), "SELECT count(*) FROM run") == "8");
}

TEST_CASE("--only, --seeds, --set and --profile change what they should") {
  const Workplace place;
  place.write(std::string(kTable) + "[profile.brief.algorithm.ibc]\nsteps = 2\n");
  const auto plan = [&place](Words arguments) {
    arguments.emplace_back("--dry-run");
    return place.run(arguments).out;
  };
  CHECK(contains(plan({"--only", "task=neutral,algorithm=ibc"}), "total: 2 to do"));
  CHECK(contains(plan({"--only", "algorithm=ibc|maiql", "--only", "seed=1"}), "total: 4 to do"));
  CHECK(contains(plan({"--seeds", "3,5-7"}), "total: 16 to do"));
  CHECK(contains(plan({"--set", "algorithm.ibc.steps=5"}), "neutral ibc, 5 updates"));
  CHECK(contains(plan({"--profile", "brief"}), "neutral ibc, 2 updates"));

  CHECK(place
            .run({"--profile", "brief", "--only", "algorithm=ibc", "--seeds", "4", "--set",
                  "algorithm.ibc.learning_rate=0.01"})
            .code == 0);
  CHECK(rows(place.store(), "SELECT DISTINCT algorithm, seed, step FROM run") ==
        Rows{{"ibc", "4", "2"}});
  CHECK(value(place.store(),
              "SELECT DISTINCT value FROM run_param "
              "WHERE name = 'algorithm.learning_rate'") == "0.01");
}

TEST_CASE("same seed, same bits: in another store, with one worker or two") {
  const Workplace one, two;
  one.write(kTable);
  two.write(kTable);
  CHECK(one.run({"--jobs", "1"}).code == 0);
  CHECK(two.run({"--jobs", "2"}).code == 0);
  const Rows reference = results(finished().place.store());
  CHECK(reference.size() > 100);
  CHECK(results(one.store()) == reference);
  CHECK(results(two.store()) == reference);
}

TEST_CASE("a run that two experiments share is computed once") {
  const Workplace place;
  place.write(kTable);
  place.scratch.write("other.toml", with("\"favorable\", \"neutral\"", "\"neutral\"",
                                         with("A small table", "Another table")));
  CHECK(place.run({"--only", "seed=0"}).code == 0);
  const Outcome other = place.labhost({"run", "other.toml"});
  CHECK(other.code == 0);
  CHECK(contains(other.err, "2 runs completed now, 2 before"));
  CHECK(value(place.store(), "SELECT max(attempt) FROM run") == "1");
  CHECK(rows(place.store(), "SELECT experiment, sum(seeds) FROM cell GROUP BY 1") ==
        Rows{{"other", "4"}, {"table", "4"}});
}

TEST_CASE("two stores in one folder share no run") {
  const Workplace place;
  place.write(kTable);
  CHECK(place.run({"--seeds", "0", "--store", "one.sqlite"}).code == 0);
  CHECK(place.run({"--seeds", "0", "--store", "two.sqlite"}).code == 0);
  CHECK(results(place.scratch / "one.sqlite") == results(place.scratch / "two.sqlite"));
  CHECK(place.labhost({"runs", "delete", "1", "--yes", "--store", "one.sqlite"}).code == 0);
  for (const auto& row : rows(place.scratch / "two.sqlite", "SELECT path FROM artifact")) {
    CHECK_MESSAGE(fs::exists(place.scratch / row[0]), row[0]);
  }
}

TEST_CASE("a table averages no runs of different settings") {
  const Workplace place;
  place.write(kTable);
  const Words ibc = {"--only", "task=neutral,algorithm=ibc"};
  REQUIRE(place.run(ibc).code == 0);
  Words changed = ibc;
  changed.insert(changed.end(), {"--seeds", "0", "--set", "algorithm.ibc.steps=3"});
  REQUIRE(place.run(changed).code == 0);
  CHECK(value(place.store(),
              "SELECT count(DISTINCT total_steps) FROM experiment_run AS er JOIN run "
              "ON run.id = er.run_id WHERE er.algorithm = 'ibc'") == "1");
  CHECK(value(place.store(), "SELECT count(*) FROM run") == "3");  // the others are kept
}

TEST_CASE("cells that an algorithm's tasks leave out are not run, not counted and not missing") {
  const Workplace place;
  place.write(with("[algorithm.ibc]", "[algorithm.ibc]\ntasks = [\"neutral\"]"));
  const Outcome outcome = place.run();
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.err, "table: 6 runs completed now"));
  CHECK_FALSE(contains(outcome.text(), "missing"));
  CHECK(contains(place.labhost({"status"}).out, "6/6 completed"));
  const auto cells = [&place](const char* task) {
    return rows(place.store(), std::string("SELECT algorithm FROM cell WHERE task = '") + task +
                                   "' ORDER BY algorithm");
  };
  CHECK(cells("favorable") == Rows{{"maiql"}});
  CHECK(cells("neutral") == Rows{{"ibc"}, {"maiql"}});
  const Outcome none = place.run({"--only", "task=favorable,algorithm=ibc"});
  CHECK(none.code == 2);
  CHECK(contains(none.err, "leaves no run"));
}

TEST_CASE("workers with two threads") {
  const Workplace place;
  place.write(std::string(kTable) + "[run]\nthreads = 2\n");
  CHECK(place.run({"--seeds", "0", "--only", "task=neutral"}).code == 0);
  CHECK(value(place.store(), "SELECT count(*) FROM run WHERE status = 'completed'") == "2");
  CHECK(rows(place.store(), "SELECT DISTINCT value FROM provenance WHERE name = 'threads'") ==
        Rows{{"2"}});
}

TEST_CASE("LABHOST_STORE names the store, --store goes before it, any name will do") {
  Workplace place;
  place.write(kTable);
  place.surroundings.variables["LABHOST_STORE"] = "mine.sqlite";
  const Words one = {"--only", "task=neutral,algorithm=ibc,seed=0"};
  CHECK(place.run(one).code == 0);
  CHECK(value(place.scratch / "mine.sqlite", "SELECT status FROM run") == "completed");
  for (const char* name : {"of \"today\" 100%?#/ü.sqlite", "caf\xe9.sqlite"}) {
    Words other = one;
    other.insert(other.end(), {"--store", name});
    const Outcome outcome = place.run(other);
    CHECK_MESSAGE(outcome.code == 0, outcome.err);
    CHECK(value(place.scratch / name, "SELECT status FROM run") == "completed");
  }
}

TEST_CASE("SIGTERM stops with a checkpoint; the same command goes on with the same bits") {
  check_stop_and_resume(SIGTERM);
}

TEST_CASE("SIGINT stops with a checkpoint; the same command goes on with the same bits") {
  check_stop_and_resume(SIGINT);
}

TEST_CASE("a checkpoint of a store that is gone is not taken for the new store's") {
  const Workplace place;
  place.write(kLongRun);
  stopped_in_the_middle(place, SIGTERM);
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(place.store().string() + suffix);
  CHECK(place.run().code == 0);
  CHECK(results(place.store()) == uninterrupted_long_run());
}

TEST_CASE("a worker killed with SIGKILL is a failure with its signal, and resumable") {
  const Workplace place;
  place.write(kLongRun);
  const auto process = place.start();
  REQUIRE(eventually(30, [&] {
    return value(place.store(), "SELECT step BETWEEN 100 AND 1300 FROM run") == "1";
  }));
  kill(std::stoi(value(place.store(), "SELECT pid FROM run")), SIGKILL);
  const Outcome outcome = process->wait(30);
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.err, "1 failed"));
  CHECK(contains(value(place.store(), "SELECT error FROM run WHERE status = 'failed'"),
                 "killed by SIGKILL"));
  CHECK(place.run().code == 0);
  CHECK(value(place.store(), "SELECT attempt FROM run WHERE status = 'completed'") == "2");
  CHECK(results(place.store()) == uninterrupted_long_run());
}

TEST_CASE("runs: list, show, compare, delete") {
  const Workplace place;
  place.write(kTable);
  REQUIRE(place.run({"--only", "algorithm=ibc"}).code == 0);
  const Outcome list = place.labhost({"runs"});
  CHECK(list.code == 0);
  CHECK(split(list.out, '\n').size() == 7);  // header, rule, four runs, the end
  CHECK(contains(place.labhost({"runs", "--filter", "task=neutral,seed=1", "--format", "csv"}).out,
                 "neutral,ibc,coordination-game,coordination,1,completed,12,12,"));
  const Outcome show = place.labhost({"runs", "show", "1"});
  CHECK(show.code == 0);
  for (const char* part : {"favorable", "hidden", "git_commit", "policy.pt", "eval/score"}) {
    CHECK_MESSAGE(contains(show.out, part), part);
  }
  const Outcome compare = place.labhost({"runs", "compare", "1", "3"});
  CHECK(compare.code == 0);
  CHECK(contains(compare.out, "behaviour"));
  CHECK_FALSE(contains(compare.out, "hidden"));

  CHECK(place.labhost({"runs", "delete", "1"}).code == 2);  // nobody to ask
  CHECK(place.labhost({"runs", "show", "9"}).code == 2);
  const fs::path file = place.store().parent_path() /
                        value(place.store(), "SELECT path FROM artifact WHERE run_id=1");
  REQUIRE(fs::exists(file));
  CHECK(place.labhost({"runs", "delete", "1", "--yes"}).code == 0);
  CHECK_FALSE(fs::exists(file.parent_path()));
  CHECK(value(place.store(), "SELECT count(*) FROM metric WHERE run_id = 1") == "0");
  const Outcome again = place.run({"--only", "algorithm=ibc"});
  CHECK(contains(again.err, "1 runs completed now, 3 before"));
}

TEST_CASE("status: counts, failures, and the end of --follow") {
  const Outcome status = finished().place.labhost({"status"});
  CHECK(status.code == 0);
  CHECK(contains(status.out, "table paper: 8/8 completed; 100 % of 96 steps"));
  const Outcome follow = finished().place.labhost({"status", "--follow"}, 10);
  CHECK(contains(follow.out, "8/8 completed"));
}

TEST_CASE("sql: numbers, formats, statistics, nothing written") {
  const Workplace& place = finished().place;
  CHECK(place.labhost({"sql", "SELECT count(*) AS n FROM run", "--format", "csv"}).out == "n\n8\n");
  const Outcome statistics =
      place.labhost({"sql",
                     "SELECT iqm(x), sem(x), boot_lo(x) <= avg(x), boot_hi(x) >= avg(x) FROM "
                     "(SELECT 1.0 AS x UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 6)",
                     "--format", "csv"});
  CHECK(statistics.code == 0);
  CHECK(split(statistics.out, '\n')[1] == "2.5,1.0801234497346435,1,1");
  for (const char* statement :
       {"DELETE FROM run", "DROP TABLE run", "UPDATE run SET seed = 9", "SELECT 1; DELETE FROM run",
        "PRAGMA user_version = 7", "ATTACH 'x.sqlite' AS x", "VACUUM INTO 'x.sqlite'"}) {
    CHECK_MESSAGE(place.labhost({"sql", statement}).code == 2, statement);
  }
  CHECK_FALSE(fs::exists(place.scratch / "x.sqlite"));
  CHECK(value(place.store(), "SELECT count(*) FROM run WHERE seed < 2") == "8");
}

TEST_CASE("report: five formats, one set of numbers") {
  const Workplace& place = finished().place;
  const auto report = [&place](const std::string& format) {
    const Outcome outcome = place.labhost({"report", "table", "--format", format});
    CHECK_MESSAGE(outcome.code == 0, format);
    return outcome.out;
  };
  CHECK(report("text") == finished().outcome.out);
  CHECK(contains(report("md"), "|---|"));
  CHECK(contains(report("latex"), "\\begin{tabular}"));
  CHECK(contains(report("json"), "\"mean\""));
  CHECK(contains(report("csv"), "table,paper,favorable,maiql,2,"));
  const Outcome compare = place.labhost({"report", "table", "--compare", "paper"});
  CHECK(compare.code == 0);
}

TEST_CASE("a plain sqlite3 shell shows what the report shows") {
  const Workplace& place = finished().place;
  const Outcome shell = run_program(
      {"sqlite3", "-csv", place.store().string(),
       "SELECT experiment, profile, task, algorithm, seeds, mean, sem FROM cell ORDER BY 3, 4"});
  if (shell.code == 127) {
    MESSAGE("no sqlite3 shell on this machine");
    return;
  }
  CHECK(shell.code == 0);
  Words of_shell = split(shell.out, '\n');
  Words of_report = split(place.labhost({"report", "table", "--format", "csv"}).out, '\n');
  of_report.erase(of_report.begin());
  std::sort(of_report.begin(), of_report.end());
  std::sort(of_shell.begin(), of_shell.end());
  REQUIRE(of_shell.size() == 5);  // four cells and the end
  REQUIRE(of_report.size() == of_shell.size());
  for (std::size_t i = 1; i < of_shell.size(); ++i) {
    const Words ours = split(of_report[i], ','), theirs = split(of_shell[i], ',');
    for (std::size_t c = 0; c < 5; ++c) CHECK(ours[c] == theirs[c]);
    for (const std::size_t c : {5, 6}) {
      CHECK(parse_real(ours[c]).value() == doctest::Approx(std::stod(theirs[c])).epsilon(1e-12));
    }
  }
}

TEST_CASE("a command's output that cannot be written is an error") {
  const Workplace& place = finished().place;
  const Outcome outcome = run_program(
      {"sh", "-c", std::string(LABHOST_BINARY) + " report table > /dev/full"}, place.surroundings);
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.err, "No space left on device"));
}

TEST_CASE("help and version") {
  const Workplace place;
  CHECK(contains(place.labhost({"--version"}).out, "labhost "));
  CHECK(contains(place.labhost({}).out, "labhost run experiments/table3.toml"));
  for (const char* command : {"run", "report", "status", "runs", "sql", "plugins", "bench"}) {
    const Outcome help = place.labhost({command, "--help"});
    CHECK_MESSAGE(help.code == 0, command);
    CHECK_MESSAGE(contains(help.out, std::string("usage: labhost ") + command), command);
  }
}

}  // namespace labhost::testing
