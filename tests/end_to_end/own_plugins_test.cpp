// From nothing to a tabled result of one's own plugin, far from the source: install, move, `new`,
// build, check, run, report. And what `new` refuses.
#include <unistd.h>

#include <cstdlib>

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

/// The commands of a tutorial: what stands in its blocks of shell.
std::string commands_of(const std::string& tutorial) {
  const std::string text = read_file(fs::path(LABHOST_SOURCE) / "docs" / tutorial);
  const std::string open = "```sh\n", close = "```\n";
  std::string commands;
  for (std::size_t at = text.find(open); at != std::string::npos; at = text.find(open, at)) {
    const std::size_t from = at + open.size();
    at = text.find(close, from);
    commands += text.substr(from, at - from);
  }
  return commands;
}

/// Types a tutorial's commands, one after the other, in an empty folder. Each must succeed, and no
/// compiler may warn. Returns all that was said.
std::string follow(const std::string& tutorial) {
  const Installed& place = installed();
  Surroundings where = place.surroundings;
  where.folder = place.scratch / ("of-" + tutorial);
  fs::create_directories(where.folder);
  where.variables["LABHOST_PREFIX"] = place.prefix().string();
  where.variables["PATH"] = (place.prefix() / "bin").string() + ":" + std::getenv("PATH");
  const Outcome outcome = run_program({"sh", "-euxc", commands_of(tutorial)}, where, 600);
  REQUIRE_MESSAGE(outcome.code == 0, outcome.text());
  CHECK_MESSAGE(!contains(outcome.text(), "warning"), outcome.text());
  CHECK_FALSE(contains(outcome.text(), "FAILS"));
  return outcome.text();
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

TEST_CASE("the tutorial on algorithms: from `new` to a column, and on to a second version") {
  const std::string told = follow("tutorial-algorithm.md");
  CHECK(contains(told, "27 runs completed now"));
  CHECK(contains(told, "9 runs completed now, 18 before"));
  const fs::path store =
      installed().scratch / "of-tutorial-algorithm.md/my-cloning/results/labhost.sqlite";
  CHECK(value(store, "SELECT group_concat(seeds) FROM cell WHERE algorithm = 'my-cloning'") ==
        "3,3,3");
  // Where most of the data coordinates, cloning does.
  CHECK(
      value(store, "SELECT mean FROM cell WHERE algorithm = 'my-cloning' AND task = 'favorable'") ==
      "1");
  CHECK(value(store, "SELECT count(*) FROM run WHERE algorithm = 'my-cloning'") == "18");
}

TEST_CASE("the tutorial on environments: a team learns, plays, and others learn from that") {
  follow("tutorial-environment.md");
  CHECK(value(installed().scratch / "of-tutorial-environment.md/my-point/results/labhost.sqlite",
              "SELECT group_concat(seeds) FROM cell WHERE task = 'my-point'") == "2,2");
}

TEST_CASE("the tutorial on datasets: two algorithms learn from two files of one's own") {
  follow("tutorial-dataset.md");
  const fs::path store =
      installed().scratch / "of-tutorial-dataset.md/my-rows/results/labhost.sqlite";
  CHECK(value(store, "SELECT group_concat(seeds) FROM cell WHERE task = 'sample'") == "3,3");
  CHECK(value(store,
              "SELECT count(DISTINCT value) FROM run_param WHERE name = 'dataset.file.sha256'") ==
        "2");
  // Both agents always did the same: so do those that learned from them.
  CHECK(value(store, "SELECT mean FROM cell WHERE algorithm = 'ibc'") == "1");
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
