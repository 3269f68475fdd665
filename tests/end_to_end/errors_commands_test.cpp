// What `labhost` does with bad input: one clear message, exit code 2, nothing written.
#include <sys/stat.h>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/store/store.hpp"
#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

namespace {

/// Checks that the command was refused with one message that has all of `parts`.
void check_refused(const Outcome& outcome, const Words& parts) {
  CHECK(outcome.code == 2);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.rfind("labhost: ", 0) == 0);
  CHECK(outcome.err.find('\n') + 1 == outcome.err.size());
  for (const std::string& part : parts) {
    CHECK_MESSAGE(contains(outcome.err, part), part << " is not in: " << outcome.err);
  }
}

/// The same for `labhost run table.toml`, which must leave no store behind.
void check_run_refused(const std::string& experiment, const Words& arguments, const Words& parts) {
  const Workplace place;
  place.write(experiment);
  check_refused(place.run(arguments), parts);
  CHECK_FALSE(fs::exists(place.store().parent_path()));
}

/// A store with one finished run, to be damaged.
class OneRun {
 public:
  OneRun() {
    place.write(kTable);
    REQUIRE(place.run({"--only", "task=neutral,algorithm=ibc,seed=0"}).code == 0);
  }
  /// Every command that opens the store refuses it in the same way and leaves it as it is.
  void check_refused_by_all(const Words& parts) const {
    const std::string before = read_file(place.store());
    for (const Words& command :
         {Words{"run", "table.toml"}, Words{"report", "table"}, Words{"status"}, Words{"runs"},
          Words{"sql", "SELECT * FROM run"}}) {
      CAPTURE(command.front());
      check_refused(place.labhost(command), parts);
    }
    CHECK(read_file(place.store()) == before);
  }
  Workplace place;
};

}  // namespace

TEST_CASE("a bad experiment file is refused with file and line") {
  struct Case {
    const char *from, *to;
    Words parts;
  };
  const std::vector<Case> cases = {
      {"seeds = 2", "seeds = [2", {"table.toml:", "not valid TOML"}},
      {"seeds = 2", "seed = 2", {"table.toml:5", "unknown key \"seed\"", "\"seeds\""}},
      {"seeds = 2", "seeds = \"two\"", {"table.toml:5", "seeds", "text \"two\""}},
      {"seeds = 2", "seeds = 0", {"table.toml:5", "seeds", "found 0"}},
      {"seeds = 2", "", {"table.toml:1", "experiment.seeds is missing"}},
      {"hidden = 16", "hiden = 16", {"table.toml:17", "\"hiden\"", "did you mean \"hidden\"?"}},
      {"hidden = 16", "hidden = 1.5", {"table.toml:17", "hidden", "whole number", "1.5"}},
      {"hidden = 16", "hidden = -1", {"table.toml:17", "hidden", "1 to 65536", "found -1"}},
      {"hidden = 16", "hidden = true", {"table.toml:17", "hidden", "whole number", "true"}},
      {"hidden = 16", "discount = 1.5", {"table.toml:17", "discount", "0 to 1", "1.5"}},
      {"hidden = 16", "discount = nan", {"table.toml:17", "discount", "nan"}},
      {"hidden = 16", "weights = \"all\"", {"table.toml:17", "team, agent", "all"}},
      {"steps = 12", "", {"table.toml:15", "steps"}},
      {"steps = 12", "steps = 0", {"table.toml:16", "steps", "found 0"}},
      {"[algorithm.maiql]",
       "[algorithm.maiql]\nplugin = \"mayql\"",
       {"table.toml:16", "mayql", "did you mean \"maiql\"?"}},
      {"[algorithm.maiql]",
       "[algorithm.maiql]\ntasks = [\"neutrl\"]",
       {"table.toml:16", "did you mean \"neutral\"?"}},
      {"[algorithm.maiql]", "[algorithm.maiql]\ntasks = []", {"table.toml:16", "empty array"}},
      {"\"coordination-game\"",
       "\"coordination\"",
       {"table.toml:8", "coordination", "environment"}},
      {"\"favorable\", \"neutral\"",
       "\"favourable\"",
       {"table.toml:3", "did you mean \"favorable\""}},
      {"episodes = 10", "episode = 10", {"table.toml:24", "did you mean \"episodes\"?"}},
      {"[evaluation]", "[evaluaton]", {"table.toml:23", "did you mean \"evaluation\"?"}},
      {"[experiment]",
       "include = [\"none.toml\"]\n[experiment]",
       {"table.toml:1", "none.toml does not exist"}},
      {"[experiment]",
       "include = [\"table.toml\"]\n[experiment]",
       {"table.toml:1", "circular include"}},
      {"[evaluation]",
       "[report]\npaper = \"no.toml\"\n[evaluation]",
       {"table.toml:24", "no.toml does not exist"}},
      {"[evaluation]", "[run]\nthreads = 0\n[evaluation]", {"table.toml:24", "threads"}},
      {"[evaluation]", "[run]\ndevice = \"tpu\"\n[evaluation]", {"table.toml:24", "cuda", "tpu"}},
  };
  for (const Case& bad : cases) {
    CAPTURE(bad.to);
    check_run_refused(with(bad.from, bad.to), {}, bad.parts);
  }
}

TEST_CASE("algorithms that need each other or what is not there are refused") {
  check_run_refused(with("algorithms = [\"maiql\", \"ibc\"]", "algorithms = [\"moma-ppo\"]",
                         with("[algorithm.ibc]", "[algorithm.moma-ppo]")),
                    {}, {"table.toml:19", "world-model", "[algorithm.world-model]"});
  const std::string circle =
      with("algorithms = [\"maiql\", \"ibc\"]", "algorithms = [\"world-model\"]",
           with("[algorithm.ibc]", "[algorithm.world-model]\nplugin = \"moma-ppo\""));
  check_run_refused(circle, {}, {"table.toml:19", "circular need", "world-model -> world-model"});
}

TEST_CASE("bad options of run are refused") {
  const std::vector<std::pair<Words, Words>> cases = {
      {{"--jobs", "0"}, {"--jobs", "at least 1", "0"}},
      {{"--jobs", "many"}, {"--jobs", "many"}},
      {{"--jobs", "99999999999999999999"}, {"--jobs"}},
      {{"--engine", "cloud"}, {"--engine", "local", "cloud"}},
      {{"--profile", "huge"}, {"--profile huge", "paper"}},
      {{"--only", "task=sunny"}, {"--only", "sunny", "favorable, neutral"}},
      {{"--only", "colour=red"}, {"--only", "colour", "task, algorithm, seed"}},
      {{"--seeds", "one"}, {"--seeds", "one"}},
      {{"--seeds", "5-3"}, {"--seeds", "5-3"}},
      {{"--set", "algorithm.ibc.hiden=3"}, {"--set", "did you mean \"hidden\"?"}},
      {{"--set", "algorithm.ibc.hidden=wide"}, {"--set", "hidden", "wide"}},
      {{"--set", "algorithm.ibk.hidden=3"}, {"--set", "did you mean \"ibc\"?"}},
      {{"--set", "algorithm.ibc.hidden"}, {"--set", "KEY=VALUE"}},
      {{"--plan"}, {"unknown option \"--plan\""}},
      {{"--seed", "1"}, {"did you mean \"--seeds\"?"}},
      {{"--store"}, {"--store", "missing"}},
      {{"other.toml"}, {"too many arguments"}},
  };
  for (const auto& [arguments, parts] : cases) {
    CAPTURE(arguments.front());
    CAPTURE(arguments.back());
    check_run_refused(kTable, arguments, parts);
  }
}

TEST_CASE("a plugin folder that does not exist is refused") {
  check_run_refused(kTable, {"--plugin-path", "/no/such/folder"}, {"/no/such/folder"});
}

TEST_CASE("unknown commands, actions and names are refused with the nearest one") {
  const Workplace place;
  place.write(kTable);
  check_refused(place.labhost({"rum"}), {"unknown command \"rum\"", "did you mean \"run\"?"});
  check_refused(place.labhost({"run"}), {"experiment file"});
  check_refused(place.labhost({"run", "tabel.toml"}), {"did you mean \"table.toml\"?"});
  check_refused(place.labhost({"run", "."}), {"."});
  check_refused(place.labhost({"help", "rum"}), {"did you mean \"run\"?"});
  check_refused(place.labhost({"runs", "remove", "1"}), {"unknown action \"remove\""});
  check_refused(place.labhost({"plugins", "lits"}), {"did you mean \"list\"?"});
  check_refused(place.labhost({"plugins", "show", "maicl"}), {"did you mean \"maiql\"?"});
  check_refused(place.labhost({"report", "table", "--format", "pdf"}), {"pdf", "latex"});
}

TEST_CASE("reading a store that is not there creates none") {
  const Workplace place;
  for (const Words& command : {Words{"report", "table"}, Words{"status"}, Words{"runs"},
                               Words{"runs", "delete", "1", "--yes"}, Words{"sql", "SELECT 1"}}) {
    check_refused(place.labhost(command), {"results/labhost.sqlite", "labhost run"});
  }
  CHECK_FALSE(fs::exists(place.store().parent_path()));
}

TEST_CASE("a store of a newer version is refused with both versions") {
  const OneRun one;
  alter(one.place.store(), "PRAGMA user_version = 99");
  one.check_refused_by_all({"results/labhost.sqlite", "99",
                            "versions up to " + std::to_string(kSchemaVersion), "newer labhost"});
}

TEST_CASE("a damaged store is refused and left as it is") {
  const OneRun one;
  alter(one.place.store(), "PRAGMA wal_checkpoint(TRUNCATE)");
  std::fstream file(one.place.store(), std::ios::in | std::ios::out | std::ios::binary);
  const auto size = static_cast<std::int64_t>(fs::file_size(one.place.store()));
  file.seekp(4096);
  for (std::int64_t i = 4096; i < size; ++i) file.put('\x5a');
  file.close();
  one.check_refused_by_all({"results/labhost.sqlite", "damaged", ".recover"});
}

TEST_CASE("a file that is no store is refused and left as it is") {
  const OneRun one;
  for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(one.place.store().string() + suffix);
  one.place.scratch.write("results/labhost.sqlite", "dear diary\n");
  one.check_refused_by_all({"results/labhost.sqlite", "no SQLite database"});
}

TEST_CASE("another program's database is refused and left as it is") {
  const OneRun one;
  alter(one.place.store(), "PRAGMA application_id = 7");
  one.check_refused_by_all({"results/labhost.sqlite", "another program"});
}

TEST_CASE("a store where no folder can be made is refused") {
  const Workplace place;
  place.write(kTable);
  place.scratch.write("file", "not a folder");
  check_refused(place.run({"--store", "file/deeper/labhost.sqlite"}), {"file/deeper"});
  check_refused(place.run({"--store", "."}), {"expected a result store, found a folder"});
  CHECK(read_file(place.scratch / "file") == "not a folder");
}

TEST_CASE("a store that may not be read, and one in a folder that may not be written") {
  OneRun one;
  one.place.surroundings.unprivileged = true;
  chmod(one.place.scratch.path().c_str(), 0755);
  if (one.place.labhost({"--version"}).code != 0) {
    MESSAGE("user nobody cannot reach the built program here");
    return;
  }
  for (const char* suffix : {"", "-wal", "-shm"}) {
    chmod((one.place.store().string() + suffix).c_str(), 0444);
  }
  chmod(one.place.store().parent_path().c_str(), 0555);
  // What is there can still be read, as from a read-only medium.
  CHECK(contains(one.place.labhost({"report", "table"}).out, "neutral"));
  check_refused(one.place.run(), {"results/labhost.sqlite", "writ"});
  check_refused(one.place.run({"--store", "results/new.sqlite"}), {"results", "writable"});
  CHECK_FALSE(fs::exists(one.place.scratch / "results/new.sqlite"));

  chmod(one.place.store().c_str(), 0);
  check_refused(one.place.labhost({"report", "table"}), {"results/labhost.sqlite", "opened"});
  check_refused(one.place.run(), {"results/labhost.sqlite", "opened"});
  chmod(one.place.store().parent_path().c_str(), 0755);
}

TEST_CASE("bench names what it does not know") {
  const Workplace place;
  check_refused(place.labhost({"bench", "alog"}), {"unknown part 'alog'", "algo"});
  check_refused(place.labhost({"bench", "mona"}), {"unknown part 'mona'", "moma"});
  check_refused(place.labhost({"bench", "algo", "--algorithm", "maqil"}),
                {"unknown algorithm 'maqil'", "maiql"});
  check_refused(place.labhost({"bench", "algo", "--set", "precision"}),
                {"--set takes PARAMETER=VALUE, not 'precision'"});
}

TEST_CASE("an algorithm for continuous actions fails its run on a discrete task and says why") {
  const Workplace place;
  place.write(with("algorithms = [\"maiql\", \"ibc\"]", "algorithms = [\"icql\"]") +
              "[algorithm.icql]\nsteps = 10\n");
  const Outcome outcome = place.run({"--only", "task=neutral,seed=0"});
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.out + outcome.err, "icql needs continuous actions"));
  CHECK(contains(place.labhost({"sql", "SELECT status, error FROM run"}).out, "are discrete"));
}

}  // namespace labhost::testing
