// Policies as files: exported from a run, played by another, and every way in which they do not
// fit.
#include <csignal>

#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "tests/end_to_end/support.hpp"

namespace labhost::testing {

namespace {

constexpr char kTeam[] = R"(
[experiment]
tasks = ["reach"]
algorithms = ["team"]
seeds = 1
[task.reach]
environment = { plugin = "reacher", horizon = 5 }
[algorithm.team]
plugin = "mappo"
steps = 1
copies = 2
transitions = 10
batch_size = 10
hidden = 8
scale_inputs = true
[evaluation]
episodes = 2
)";

constexpr char kPlay[] = R"(
[experiment]
tasks = ["reach"]
algorithms = ["play"]
seeds = 1
[task.reach]
environment = { plugin = "reacher", horizon = 5 }
[algorithm.play]
plugin = "collect"
steps = 1
copies = 2
transitions = 20
policies = ["team.safetensors", "other.safetensors"]
evaluation = { episodes = 0 }
)";

/// A place with team.safetensors and other.safetensors, exported from a run of its own.
struct Policies : Workplace {
  Policies() {
    write(kTeam);
    REQUIRE(run().code == 0);
    REQUIRE(exported("team.safetensors", {}).code == 0);
    REQUIRE(exported("other.safetensors", {"--half"}).code == 0);
  }
  Outcome exported(const std::string& file, const Words& options) const {
    Words words = {"export", "policy", "1", "--to", (scratch.path() / file).string()};
    words.insert(words.end(), options.begin(), options.end());
    return labhost(words);
  }
  std::string metric(const std::string& name) const {
    return value(store(),
                 "SELECT value FROM latest_metric JOIN run ON run.id = run_id WHERE algorithm = "
                 "'play' AND status = 'completed' AND name = '" +
                     name + "' ORDER BY run.id DESC LIMIT 1");
  }
};

}  // namespace

TEST_CASE("a team leaves as a file, half the size on request, without host names or paths") {
  const Policies place;
  const std::string whole = read_file(place.scratch.path() / "team.safetensors");
  const std::string half = read_file(place.scratch.path() / "other.safetensors");
  CHECK(whole.find("\"F32\"") != std::string::npos);
  CHECK(half.find("\"F16\"") != std::string::npos);
  CHECK(half.size() < whole.size());
  for (const char* part : {"agent.0.layer.0.weight", "agent.1.layer.2.bias", "labhost.team",
                           "labhost.origin", "run_key", "mappo"}) {
    CHECK_MESSAGE(contains(whole, part), part);
  }
  CHECK_FALSE(contains(whole, place.scratch.path().string()));
  const Outcome again = place.exported("again.safetensors", {});
  CHECK(contains(again.out, sha256(whole)));  // the same bytes each time
}

TEST_CASE("collect plays policy files: the same bits each time, shares, noise, greedy") {
  const Policies place;
  place.write(kPlay);
  const Outcome outcome = place.run();
  REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
  CHECK(place.metric("dataset/transitions") == "40");
  CHECK(place.metric("dataset/trajectories") == "8");
  const std::string artifact = "SELECT sha256 FROM artifact WHERE kind = 'dataset' ORDER BY id";
  const Rows first = rows(place.store(), artifact);
  REQUIRE(place.labhost({"runs", "delete", "2", "--yes"}).code == 0);
  REQUIRE(place.run().code == 0);
  CHECK(rows(place.store(), artifact) == first);

  place.write(with("transitions = 20", "transitions = 20\nshares = [3, 1]", kPlay));
  REQUIRE(place.run().code == 0);
  CHECK(place.metric("dataset/transitions") == "40");
  CHECK(place.metric("dataset/0/score_mean") != "");
  CHECK(rows(place.store(), artifact).size() == 2);
  CHECK(rows(place.store(), artifact)[1] != first[0]);

  // Each has an effect on what is played, beyond the attributes of the file.
  const std::string sampled = place.metric("dataset/score_mean");
  for (const char* setting : {"noise = 0.5", "actions = \"greedy\""}) {
    place.write(with("transitions = 20", std::string("transitions = 20\n") + setting, kPlay));
    REQUIRE(place.run().code == 0);
    CHECK_MESSAGE(place.metric("dataset/score_mean") != sampled, setting);
  }
}

TEST_CASE("the names of policy files change nothing") {
  const Policies place;
  fs::create_directories(place.scratch.path() / "else");
  fs::copy_file(place.scratch.path() / "team.safetensors",
                place.scratch.path() / "else/a.safetensors");
  fs::copy_file(place.scratch.path() / "other.safetensors",
                place.scratch.path() / "else/b.safetensors");
  const std::string digest =
      "SELECT run_key || ' ' || sha256 FROM artifact JOIN run ON run.id = run_id";
  place.write(kPlay);
  REQUIRE(place.run({"--store", (place.scratch.path() / "one.sqlite").string()}).code == 0);
  place.write(with("\"team.safetensors\", \"other.safetensors\"",
                   "\"else/a.safetensors\", \"else/b.safetensors\"", kPlay));
  REQUIRE(place.run({"--store", (place.scratch.path() / "two.sqlite").string()}).code == 0);
  CHECK(rows(place.scratch.path() / "one.sqlite", digest) ==
        rows(place.scratch.path() / "two.sqlite", digest));
}

TEST_CASE("policies that do not fit fail the run, and say what was expected") {
  const Policies place;
  const auto failed = [&place](const std::string& text) {
    place.write(text);
    CHECK(place.run().code == 1);
    return value(place.store(),
                 "SELECT error FROM run WHERE status = 'failed' ORDER BY id DESC LIMIT 1");
  };
  CHECK(contains(failed(with("plugin = \"reacher\"", "plugin = \"ant\"", kPlay)),
                 "expected a team with task ant, found reacher"));
  CHECK(contains(failed(with("transitions = 20", "transitions = 20\nshares = [1]", kPlay)),
                 "expected 2 finite shares above 0, one per team, found 1"));
  write_atomically(place.scratch.path() / "other.safetensors", std::string("no policy"));
  CHECK(contains(failed(kPlay), "not a whole safetensors file"));
}

TEST_CASE("a file that changes between plan and run fails the run, naming both hashes") {
  const Policies place;
  const std::string before = sha256_file(place.scratch.path() / "other.safetensors");
  // A long run that comes first in the plan, so that the other one waits.
  place.write(with("algorithms = [\"play\"]", "algorithms = [\"first\", \"play\"]", kPlay) +
              "[algorithm.first]\nplugin = \"mappo\"\nsteps = 100000000\ncopies = 2\n"
              "transitions = 10\nbatch_size = 10\nhidden = 8\nlog_every = 100000000\n");
  const auto host = place.start({"--jobs", "1"});
  const std::string running =
      "SELECT count(*) FROM run WHERE algorithm = 'first' AND status = 'running' AND step > 0";
  REQUIRE(eventually(
      60, [&] { return fs::exists(place.store()) && value(place.store(), running) == "1"; }));
  const std::string changed = read_file(place.scratch.path() / "team.safetensors");
  write_atomically(place.scratch.path() / "other.safetensors", changed);
  const std::string pid = value(place.store(), "SELECT pid FROM run WHERE algorithm = 'first'");
  ::kill(std::stoi(pid), SIGKILL);  // its run fails, and the next one starts
  const Outcome outcome = host->wait();
  CHECK(outcome.code == 1);
  const std::string error = value(place.store(), "SELECT error FROM run WHERE algorithm = 'play'");
  CHECK_MESSAGE(contains(error,
                         "other.safetensors (parameter \"policies\" of collect) changed "
                         "since the plan was made: expected SHA-256 " +
                             before + ", found " + sha256(changed)),
                error);
}

TEST_CASE("render shows the team of a policy file, in the environment that it was made for") {
  const Policies place;
  const std::string team = (place.scratch.path() / "team.safetensors").string();
  const std::string still = (place.scratch.path() / "still.png").string();
  const Outcome shown =
      place.labhost({"render", team, "--set", "horizon=3", "--still", still, "--size", "32x32"});
  CHECK_MESSAGE(shown.code == 0, shown.err);
  CHECK(read_file(still).substr(1, 3) == "PNG");
  const auto refused = [&place, &still](const Words& who, const std::string& reason) {
    Words words = {"render", "--still", still};
    words.insert(words.end(), who.begin(), who.end());
    const Outcome outcome = place.labhost(words);
    CHECK(outcome.code == 2);
    CHECK_MESSAGE(contains(outcome.err, reason), outcome.err);
  };
  refused({team, "--env", "ant"}, "expected a team with task ant, found reacher");
  refused({"nowhere.safetensors"}, "cannot read nowhere.safetensors");
  write_atomically(place.scratch.path() / "x.safetensors", std::string("no policy at all"));
  refused({(place.scratch.path() / "x.safetensors").string()}, "not a whole safetensors file");
}

TEST_CASE("export policy: what it refuses") {
  const Policies place;
  const std::string taken = (place.scratch.path() / "team.safetensors").string();
  const auto refused = [&place](const Words& words, const std::string& reason) {
    const Outcome outcome = place.labhost(words);
    CHECK(outcome.code == 2);
    CHECK_MESSAGE(contains(outcome.err, reason), outcome.err);
  };
  const std::string file = (place.scratch.path() / "x.safetensors").string();
  refused({"export", "policy", "1"}, "expected a run and --to");
  refused({"export", "policy", "9", "--to", file}, "there is no run 9");
  refused({"export", "policy", "1", "--to", "x.pt"}, "expected a file that ends in .safetensors");
  refused({"export", "policy", "1", "--to", "no/x.safetensors"}, "does not exist");
  refused({"export", "policy", "1", "--to", file, "--snapshot", "medium"},
          "mappo: no snapshot 'medium'");
  CHECK_FALSE(fs::exists(file));
  refused({"export", "policy", "1", "--to", taken}, "exists; give --force to replace it");
  CHECK(place.labhost({"export", "policy", "1", "--to", taken, "--force"}).code == 0);
  refused({"export", "policy", "1", "--to", "/proc/x.safetensors"}, "/proc/x.safetensors");
  // What the run left is not what was recorded any more.
  const fs::path left = place.store().parent_path() /
                        value(place.store(), "SELECT path FROM artifact WHERE kind = 'policy'");
  write_atomically(left, read_file(left) + "x");
  refused({"export", "policy", "1", "--to", file}, "is not the one that was recorded");
}

TEST_CASE("a run of collect has left no team") {
  const Policies place;
  place.write(kPlay);
  REQUIRE(place.run().code == 0);
  const std::string file = (place.scratch.path() / "x.safetensors").string();
  const Outcome outcome = place.labhost({"export", "policy", "2", "--to", file});
  CHECK(outcome.code == 2);
  CHECK_MESSAGE(contains(outcome.err, "has left a dataset, and no team"), outcome.err);
}

}  // namespace labhost::testing
