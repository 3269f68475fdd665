// `labhost datasets`: what runs have left and what D4RL's files hold.
#include <sys/stat.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

namespace {

using nlohmann::json;

constexpr char kCollected[] = R"(
[experiment]
tasks = ["reach"]
algorithms = ["uniform"]
seeds = 1
[task.reach]
environment = { plugin = "reacher", horizon = 7 }
[algorithm.uniform]
plugin = "collect"
steps = 1
copies = 2
transitions = 40
)";

/// A store with a dataset, and a home without any of D4RL's; tests only read it.
const Workplace& collected() {
  struct Place : Workplace {
    Place() {
      surroundings.variables["HOME"] = scratch.path().string();
      write(kCollected);
      good = run().code == 0;
    }
    bool good = false;
  };
  static const Place place;
  REQUIRE(place.good);
  return place;
}

std::string excerpt(const std::string& level) {
  return std::string(LABHOST_SOURCE) + "/tests/data/ant-" + level + "-excerpt.hdf5";
}

json described(const Workplace& place, Words words) {
  words.insert(words.begin(), {"datasets", "info"});
  words.push_back("--json");
  const Outcome outcome = place.labhost(words);
  REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
  return json::parse(outcome.out);
}

/// `labhost datasets ARGUMENTS`, which must succeed.
std::string done(const Workplace& place, Words words) {
  words.insert(words.begin(), "datasets");
  const Outcome outcome = place.labhost(words);
  REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
  return outcome.out;
}

void refused(const Workplace& place, Words words, const std::string& reason) {
  CAPTURE(reason);
  words.insert(words.begin(), "datasets");
  const Outcome outcome = place.labhost(words);
  CHECK(outcome.code == 2);
  CHECK_MESSAGE(contains(outcome.err, reason), outcome.err);
}

}  // namespace

TEST_CASE("info of recorded excerpts, as JSON and as text") {
  Workplace place;
  const json random = described(place, {excerpt("random")});
  CHECK(random.at("task") == "ant");  // by its 111 columns
  CHECK(random.at("sha256") == sha256_file(excerpt("random")));
  CHECK(random.at("rows") == 1500);
  CHECK(random.at("dropped_rows") == 0);
  CHECK(random.at("complete_episodes") == 9);
  CHECK(random.at("cut_episodes") == 1);
  CHECK(random.at("terminals") == 9);
  CHECK(random.at("state").at("min").size() == 27);
  CHECK(random.at("action").at("max").size() == 8);
  CHECK(random.at("action").at("max")[0].get<double>() <= 1);
  const double mean = random.at("ret_mean").get<double>();
  CHECK(random.at("norm_score_mean").get<double>() ==
        doctest::Approx(100 * (mean + 325.6) / (3879.7 + 325.6)));
  const std::string text = done(place, {"info", excerpt("random")});
  CHECK(contains(text, "episodes           9 complete, 1 cut short\n"));
  CHECK(contains(text, "\nscore, %"));
  CHECK(contains(text, "\nstate 26 "));
  // Another horizon has other complete episodes: none but those that a terminal ended.
  const json longer =
      described(place, {excerpt("expert"), "--env", "ant", "--set", "horizon=2000"});
  CHECK(longer.at("complete_episodes") == 0);
  CHECK_FALSE(longer.contains("ret_mean"));
}

TEST_CASE("check tells which simulator recorded a file") {
  Workplace place;
  const std::string old = std::string(LABHOST_SOURCE) + "/tests/data/ant-v2-recorded.hdf5";
  const auto check = [&place](Words words, int code) {
    words.insert(words.begin(), {"datasets", "check"});
    words.insert(words.end(), {"--rows", "300", "--json"});
    const Outcome outcome = place.labhost(words);
    CHECK_MESSAGE(outcome.code == code, outcome.err);
    return json::parse(outcome.out);
  };
  for (const char* level : {"random", "medium", "expert"}) {
    const json other = check({excerpt(level)}, 1);
    CHECK(other.at("fits") == false);
    CHECK(other.at("misfits").get<double>() > 0.9);
    CHECK(other.at("best") == "capsules=current");
    CHECK(other.at("variants").at("capsules=current").at("misfits") == 0);
    const json same = check({excerpt(level), "--env", "ant", "--set", "capsules=current"}, 0);
    CHECK(same.at("fits") == true);
    CHECK(same.at("replayed") == 300);
    CHECK(same.at("next_state").at("q99").get<double>() < 1e-5);
    CHECK(same.at("best") == "");
  }
  const json recorded = check({old, "--env", "ant"}, 0);
  CHECK(recorded.at("next_state").at("q99").get<double>() < 1e-5);
  CHECK(recorded.at("variants").at("capsules=current").at("misfits").get<double>() > 0.9);

  const std::string text = done(place, {"check", old, "--env", "ant"});
  CHECK(contains(text, "rows replayed in ant\n"));
  CHECK(contains(text, "next state, capsules=current"));
  CHECK(contains(text, "the data belongs to this simulator\n"));
  CHECK(contains(text, "no other setting of the environment fits better\n"));
  refused(place, {"check", old, "--env", "reacher"}, "expected two dimensions with 2 columns");
  refused(place, {"check", old, "--env", "ant", "--rows", "-1"}, "--rows must be at least 0");
  refused(place, {"info", old, "--env", "ant", "--rows", "7"}, "--rows does not go with");
}

TEST_CASE("info of whole files gives the numbers of their README.json") {
  const char* folder = std::getenv("LABHOST_TEST_DATA");
  if (folder == nullptr) {
    MESSAGE("skipped: LABHOST_TEST_DATA names no folder with the files and their README.json");
    return;
  }
  Workplace place;
  const json readme = json::parse(read_file(fs::path(folder) / "README.json"));
  for (const json& set : readme.at("sets")) {
    const std::string file = set.at("file").get<std::string>();
    const json found = described(place, {(fs::path(folder) / file).string()});
    for (const auto& [key, value] : set.items()) {
      if (key == "file" || key == "seed") continue;
      CAPTURE(file);
      CAPTURE(key);
      CHECK(found.at(key).get<double>() == doctest::Approx(value.get<double>()).epsilon(1e-6));
    }
  }
}

TEST_CASE("a run's dataset: listed from the store, described in its run's environment") {
  const Workplace& place = collected();
  const std::string path = value(place.store(), "SELECT path FROM artifact WHERE kind = 'dataset'");
  const json list = json::parse(done(place, {"list", "--json"}));
  REQUIRE(list.at("runs").size() == 1);
  const json& row = list.at("runs")[0];
  CHECK(row.at("run") == 1);
  CHECK(row.at("experiment") == "table");
  CHECK(row.at("task") == "reach");
  CHECK(row.at("teams").is_null());  // nobody's: uniform actions
  CHECK(row.at("transitions") == 40);
  CHECK(row.at("path") == path);
  const json found = described(place, {"1"});
  CHECK(found.at("task") == "reacher");
  CHECK(found.at("horizon") == 7);  // the run's, not the default
  CHECK(found.at("complete_episodes") == 4);
  CHECK(found.at("cut_episodes") == 2);  // the last one of each copy
  CHECK(found.at("partial_tail_steps") == 6);
  CHECK(found.at("norm_score_mean").get<double>() ==
        doctest::Approx(100 * row.at("score").get<double>()));
  CHECK(found.at("attributes").at("task") == "reacher");
  // The file alone names its task, but not its horizon.
  CHECK(described(place, {(fs::path("results") / path).string()}).at("horizon") == 50);
}

TEST_CASE("export, import and export again give the same bytes") {
  Workplace place;
  place.surroundings.variables["LABHOST_DATA"] = (place.scratch / "data/sets").string();
  done(place, {"export", excerpt("expert"), "one.hdf5"});
  const std::string digest = sha256_file(place.scratch / "one.hdf5");
  CHECK(contains(done(place, {"import", "one.hdf5", "--name", "ant-mine-full-v3"}), digest));
  CHECK(sha256_file(place.scratch / "data/sets/ant_mine_full-v3.hdf5") == digest);
  done(place, {"export", "ant-mine-full-v3", "two.hdf5"});
  CHECK(sha256_file(place.scratch / "two.hdf5") == digest);
  CHECK(contains(done(place, {"import", "two.hdf5", "--name", "ant-mine-full-v3"}),
                 "was there already"));
  CHECK(contains(done(place, {"list"}), "ant-mine-full-v3"));
  const json before = described(place, {excerpt("expert")});
  const json after = described(place, {"ant-mine-full-v3"});
  for (const char* key : {"rows", "returns", "terminals", "timeouts", "state", "action"}) {
    CAPTURE(key);
    CHECK(before.at(key) == after.at(key));
  }
  // Another content under that name only by force.
  done(place, {"export", excerpt("medium"), "three.hdf5"});
  refused(place, {"import", "three.hdf5", "--name", "ant-mine-full-v3"}, "--force");
  CHECK(sha256_file(place.scratch / "data/sets/ant_mine_full-v3.hdf5") == digest);
  done(place, {"import", "three.hdf5", "--name", "ant-mine-full-v3", "--force"});
  CHECK(sha256_file(place.scratch / "data/sets/ant_mine_full-v3.hdf5") ==
        sha256_file(place.scratch / "three.hdf5"));
}

TEST_CASE("import says how many rows were kept, and why others were not") {
  Workplace place;
  place.surroundings.variables["LABHOST_DATA"] = (place.scratch / "sets").string();
  const std::string said = done(place, {"import", excerpt("random"), "--name", "ant-mine-v0"});
  CHECK(contains(said, "\nlayout D4RL: 1500 of 1500 rows kept\ntimeouts: stored\n"));
  CHECK(contains(done(place, {"info", "ant-mine-v0"}),
                 "\nrows               1500 of 1500 rows kept"));
}

TEST_CASE("an attribute and a file name that are not UTF-8") {
  Workplace place;
  done(place, {"export", excerpt("random"), "one.hdf5"});
  std::string bytes = read_file(place.scratch / "one.hdf5");
  const std::size_t at = bytes.find("ant", bytes.find("GCOL"));  // the text of attribute `task`
  REQUIRE(at != std::string::npos);
  bytes[at + 2] = '\xe9';
  place.scratch.write("caf\xe9.hdf5", bytes);
  const json found = described(place, {"caf\xe9.hdf5", "--env", "ant"});
  CHECK(found.at("attributes").at("task") == "an\xef\xbf\xbd");
  CHECK(found.at("file") == "caf\xef\xbf\xbd.hdf5");
  CHECK(contains(done(place, {"info", "caf\xe9.hdf5", "--env", "ant"}), "an\xef\xbf\xbd"));
  refused(place, {"info", "caf\xe9.hdf5"}, "found 'an\xef\xbf\xbd'; give --env");
}

TEST_CASE("a file that may not be read") {
  Workplace place;
  place.surroundings.unprivileged = true;
  place.surroundings.variables["LABHOST_DATA"] = (place.scratch / "sets").string();
  chmod(place.scratch.path().c_str(), 0755);
  if (place.labhost({"--version"}).code != 0) {
    MESSAGE("user nobody cannot reach the built program here");
    return;
  }
  const fs::path file = place.scratch.write("closed.hdf5", read_file(excerpt("random")));
  chmod(file.c_str(), 0200);
  refused(place, {"info", "closed.hdf5"}, "expected a file that may be read, found: Permission");
  refused(place, {"import", "closed.hdf5", "--name", "ant-x-v0"}, "found: Permission denied");
  fs::create_directories(place.scratch / "inner");
  fs::rename(file, place.scratch / "inner/closed.hdf5");
  chmod((place.scratch / "inner").c_str(), 0600);
  refused(place, {"info", "inner/closed.hdf5"}, "cannot be reached: Permission denied");
  chmod((place.scratch / "inner").c_str(), 0755);
}

TEST_CASE("a run's dataset is exported as it is") {
  const Workplace& place = collected();
  done(place, {"export", "1", "copy.hdf5"});
  CHECK(sha256_file(place.scratch / "copy.hdf5") ==
        value(place.store(), "SELECT sha256 FROM artifact WHERE kind = 'dataset'"));
  refused(place, {"export", "1", "copy.hdf5"}, "copy.hdf5 exists; give --force to replace it");
}

TEST_CASE("plot draws a histogram of a dataset's scores") {
  const Workplace& place = collected();
  CHECK(place.labhost({"plot", "dataset", "1", "--out", "run.svg"}).code == 0);
  const std::string svg = read_file(place.scratch / "run.svg");
  CHECK(contains(svg, "<svg xmlns="));
  CHECK(contains(svg, ">dataset of run 1</text>"));
  CHECK(contains(svg, ">reacher, 4 complete episodes, returns "));
  const Outcome wrong = place.labhost({"plot", "dataset", "1"});
  CHECK(wrong.code == 2);
  CHECK(contains(wrong.err, "dataset, WHAT and --out"));
  CHECK(place.labhost({"plot", "dataset", "1", "--out", "no/such/x.svg"}).code == 2);
  const Outcome runs = place.labhost({"plot", "dataset", "1", "--out", "x.svg", "--runs"});
  CHECK(runs.code == 2);
  CHECK(contains(runs.err, "a dataset has no --runs"));
}

TEST_CASE("mistakes with datasets say what was expected") {
  const Workplace& place = collected();
  refused(place, {}, "expected what to do");
  refused(place, {"inf"}, "did you mean \"info\"?");
  refused(place, {"info"}, "expected 1 argument(s), found 0");
  refused(place, {"info", "7"}, "no run \"7\"");
  refused(place, {"info", "nowhere.hdf5"}, "nowhere.hdf5 is no file; expected a file");
  refused(place, {"info", "ant-medium-v2"}, "labhost datasets fetch ant-medium-v2");
  refused(place, {"info", "table.toml"}, "expected a whole HDF5 file");
  refused(place, {"info", excerpt("random"), "--env", "ants"}, "did you mean \"ant\"?");
  refused(place, {"info", excerpt("random"), "--env", "reacher"}, "expected two dimensions");
  refused(place, {"info", excerpt("random"), "--env", "coordination-game"}, "continuous actions");
  refused(place, {"info", excerpt("random"), "--set", "horizon=9"}, "--set goes with --env");
  refused(place, {"list", "--force"}, "--force does not go with labhost datasets list");
  refused(place, {"export", excerpt("random"), "no/such/x.hdf5"}, "its folder does not exist");
  refused(place, {"import", excerpt("random")}, "expected --name NAME");
  refused(place, {"import", "table.toml", "--name", "ant-x-v0"}, "expected a whole HDF5 file");
  refused(place, {"import", excerpt("random"), "--name", "../x"}, "expected a name like");
}

}  // namespace labhost::testing
