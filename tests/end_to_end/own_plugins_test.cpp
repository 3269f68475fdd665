// From nothing to a tabled result of one's own plugin, far from the source: install, move, `new`,
// build, check, run, report. And what `new` refuses.
#include <unistd.h>

#include "core/base/files.hpp"
#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

namespace {

/// An installation that has been moved after it was made.
class Installed {
 public:
  Installed() {
    const Outcome outcome = run_program(
        {"cmake", "--install", LABHOST_BUILD, "--prefix", (scratch / "first").string()}, {}, 120);
    REQUIRE_MESSAGE(outcome.code == 0, outcome.text());
    fs::rename(scratch / "first", scratch / "second");
    surroundings.folder = scratch.path();
  }

  fs::path prefix() const { return scratch / "second"; }
  Outcome labhost(Words arguments, const fs::path& folder, double seconds = 120) const {
    arguments.insert(arguments.begin(), (prefix() / "bin/labhost").string());
    Surroundings where = surroundings;
    where.folder = folder;
    return run_program(arguments, where, seconds);
  }
  std::string done(const Words& arguments, const fs::path& folder, double seconds = 120) const {
    const Outcome outcome = labhost(arguments, folder, seconds);
    REQUIRE_MESSAGE(outcome.code == 0, outcome.text());
    return outcome.text();
  }

  ScratchFolder scratch;
  Surroundings surroundings;
};

const Installed& installed() {
  static const Installed once;
  return once;
}

/// Runs a program in a project, which must succeed without a warning.
void build_step(const Words& command, const fs::path& folder) {
  Surroundings where;
  where.folder = folder;
  const Outcome outcome = run_program(command, where, 600);
  REQUIRE_MESSAGE(outcome.code == 0, outcome.text());
  CHECK_MESSAGE(!contains(outcome.text(), "warning"), outcome.text());
}

/// `labhost new KIND NAME`, built and tested as its README says.
fs::path scaffold(const std::string& kind, const std::string& name) {
  const Installed& place = installed();
  CHECK(contains(place.done({"new", kind, name}, place.scratch.path()), "wrote " + name));
  const fs::path project = place.scratch / name;
  build_step({"cmake", "-G", "Ninja", "-B", "build", "-S", ".",
              "-DCMAKE_PREFIX_PATH=" + place.prefix().string()},
             project);
  build_step({"cmake", "--build", "build"}, project);
  build_step({"ctest", "--test-dir", "build", "--output-on-failure"}, project);
  const std::string checked =
      place.done({"plugins", "check", "build/plugins/" + name + ".so"}, project);
  CHECK_FALSE(contains(checked, "FAILS"));
  return project;
}

}  // namespace

TEST_CASE("an installation that was moved runs the experiments that it came with") {
  const Installed& place = installed();
  const fs::path folder = place.scratch / "elsewhere";
  fs::create_directories(folder);
  const std::string told = place.done(
      {"run", "table3", "--profile", "smoke", "--only", "task=neutral,algorithm=ibc"}, folder);
  CHECK(contains(told, "2 runs completed now"));
  CHECK(value(folder / "results/labhost.sqlite", "SELECT count(score) FROM run") == "2");
  CHECK(contains(place.done({"plugins", "list"}, folder), "moma-ppo"));
  const Outcome absent = place.labhost({"run", "table33"}, folder);
  CHECK(absent.code == 2);
  CHECK(contains(absent.err, "table33"));
}

TEST_CASE("an algorithm of one's own, from `new` to its column in the table") {
  const Installed& place = installed();
  const fs::path project = scaffold("algorithm", "my-cloning");
  const std::string told =
      place.done({"run", "experiment.toml", "--plugin-path", "build/plugins"}, project);
  CHECK(contains(told, "27 runs completed now"));
  CHECK(contains(place.done({"report", "my-cloning"}, project), "my-cloning"));
  CHECK(value(project / "results/labhost.sqlite",
              "SELECT group_concat(seeds) FROM cell WHERE algorithm = 'my-cloning'") == "3,3,3");
  // Where most of the data coordinates, cloning does.
  CHECK(value(project / "results/labhost.sqlite",
              "SELECT mean FROM cell WHERE algorithm = 'my-cloning' AND task = 'favorable'") ==
        "1");
}

TEST_CASE("an environment of one's own: a team learns on it, plays, and others learn from that") {
  const Installed& place = installed();
  const fs::path project = scaffold("environment", "my-point");
  place.done({"run", "experiment.toml", "--plugin-path", "build/plugins", "--set",
              "algorithm.team.steps=3", "--set", "algorithm.iql.steps=20", "--set",
              "algorithm.ibc.steps=20"},
             project);
  CHECK(value(project / "results/labhost.sqlite",
              "SELECT group_concat(seeds) FROM cell WHERE task = 'my-point'") == "2,2");
}

TEST_CASE("a dataset of one's own: two algorithms learn from its file") {
  const Installed& place = installed();
  const fs::path project = scaffold("dataset", "my-rows");
  place.done({"run", "experiment.toml", "--plugin-path", "build/plugins"}, project);
  CHECK(value(project / "results/labhost.sqlite",
              "SELECT group_concat(seeds) FROM cell WHERE task = 'sample'") == "3,3");
  CHECK(value(project / "results/labhost.sqlite",
              "SELECT DISTINCT value FROM run_param WHERE name = 'dataset.file.sha256'")
            .size() == 64);
}

TEST_CASE("`new` refuses names and folders with a reason") {
  const Workplace place;
  const auto refused = [&place](const Words& words, const std::string& part) {
    CAPTURE(part);
    Words command = {"new"};
    command.insert(command.end(), words.begin(), words.end());
    const Outcome outcome = place.labhost(command);
    CHECK(outcome.code == 2);
    CHECK_MESSAGE(contains(outcome.err, part), outcome.err);
  };
  refused({"algorithm"}, "expected a kind and a name");
  refused({"algoritm", "x"}, "did you mean \"algorithm\"");
  refused({"algorithm", "../x"}, "cannot be named \"../x\"");
  refused({"algorithm", "My"}, "small letters");
  refused({"algorithm", "x-"}, "cannot be named");
  refused({"algorithm", "class"}, "a word of C++");
  refused({"algorithm", "ibc"}, "is taken by the algorithm");
  place.scratch.write("full/file", "x");
  refused({"dataset", "rows", "--dir", "full"}, "is not empty");
  refused({"dataset", "rows", "--dir", "full/file"}, "is a file");
  CHECK_FALSE(fs::exists(place.scratch / "rows"));
  // Another kind may have the name.
  CHECK(place.labhost({"new", "dataset", "ibc", "--dir", "mine"}).code == 0);
  CHECK(fs::exists(place.scratch / "mine/ibc.cpp"));
  for (const char* left : {"{{name", "{{Name"}) {
    CHECK_FALSE(contains(read_file(place.scratch / "mine/ibc.cpp"), left));
  }
  if (geteuid() != 0) return;  // who may not write here is somebody else
  Workplace other;
  other.surroundings.unprivileged = true;
  fs::create_directories(other.scratch / "locked");
  fs::permissions(other.scratch / "locked", fs::perms::owner_all);
  const Outcome outcome = other.labhost({"new", "algorithm", "x", "--dir", "locked/x"});
  CHECK(outcome.code == 2);
  CHECK(contains(outcome.err, "locked/x"));
}

}  // namespace labhost::testing
