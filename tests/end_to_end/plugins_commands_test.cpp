// Plugins as `labhost` finds them, those that are broken on purpose included.
#include <nlohmann/json.hpp>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "tests/end_to_end/support.hpp"
#include "tests/plugins/made_up_plugins.hpp"

namespace labhost::testing {

namespace {

const Words kOurs = {"ibc",         "iql", "maiql", "moma-ppo", "world-model", "coordination-game",
                     "coordination"};

/// Runs kMisbehaving with the plugin of a fixture; its run must fail with all of `parts`, and
/// the other one complete.
void check_failure(const std::string& name, const Words& parts) {
  CAPTURE(name);
  const Workplace place;
  place.write(kMisbehaving);
  const Outcome outcome = place.run({"--plugin-path", fixture(name).string()});
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.err, "1 runs completed now, 0 before, 1 failed, 0 not started"));
  CHECK(contains(outcome.err, "\n  failed: neutral misbehaving seed 0: "));
  CHECK(contains(outcome.out, "neutral misbehaving seed 0"));  // named in the table
  CHECK(rows(place.store(), "SELECT algorithm, status FROM run ORDER BY 1") ==
        Rows{{"ibc", "completed"}, {"misbehaving", "failed"}});
  const std::string error = value(place.store(), "SELECT error FROM run WHERE status = 'failed'");
  for (const std::string& part : parts) {
    CHECK_MESSAGE(contains(error, part), part << " is not in: " << error);
  }
  CHECK(contains(place.labhost({"status"}).out, "1 failed"));
}

}  // namespace

TEST_CASE("plugins list and show") {
  const Workplace place;
  const Outcome list = place.labhost({"plugins", "list"});
  CHECK(list.code == 0);
  for (const std::string& name : kOurs) {
    CHECK_MESSAGE(contains(list.out, " " + name + " "), name);
    const Outcome show = place.labhost({"plugins", "show", name});
    CHECK_MESSAGE(show.code == 0, name);
    CHECK_MESSAGE(contains(show.out, "| parameter | type | default |"), name);
  }
  CHECK(contains(place.labhost({"plugins", "show", "moma-ppo"}).out, "needs world-model"));
}

TEST_CASE("plugins show says which flag switches a need off") {
  const Workplace place;
  PluginDescription made_up =
      plugin(PluginKind::kAlgorithm, "made-up", {param("oracle", ParamType::kFlag, "false")},
             {{"model", "world-model", "oracle"}, {"team", "ppo"}});
  made_up.library = place.scratch.write("plugins/made-up.so", "described beside it");
  place.scratch.write("plugins/made-up.so.json", to_json(made_up).dump());
  const Outcome show = place.labhost({"plugins", "show", "made-up", "--plugin-path", "plugins"});
  CHECK_MESSAGE(show.code == 0, show.err);
  CHECK(contains(show.out, "\nneeds model from a run of world-model, unless oracle\n"));
  CHECK(contains(show.out, "\nneeds team from a run of ppo\n"));
}

TEST_CASE("broken plugins are refused one by one and hide no other") {
  const Words broken = {"not-a-library", "missing-symbol", "older-abi",     "newer-abi",
                        "wrong-size",    "other-stamp",    "unless-no-flag"};
  const std::string abi = "expected plugin ABI " + std::to_string(kAbiVersion) + ", found ";
  const Words reasons = {"expected a shared library",
                         "expected the symbol 'labhost_plugin'",
                         abi + "2",
                         abi + std::to_string(kAbiVersion + 1),
                         "bytes, found 8",
                         "libtorch-9.9.9",
                         "must be a flag parameter of the plugin"};
  Words command = {"plugins", "list"};
  for (const std::string& name : broken) {
    command.insert(command.end(), {"--plugin-path", fixture(name).string()});
  }
  const Workplace place;
  const Outcome list = place.labhost(command);
  CHECK(list.code == 1);
  for (const std::string& name : kOurs) CHECK_MESSAGE(contains(list.out, " " + name + " "), name);
  for (std::size_t i = 0; i < broken.size(); ++i) {
    const std::string file = (fixture(broken[i]) / (broken[i] + ".so")).string();
    int refused = 0;
    for (const std::string& line : split(list.out, '\n')) {
      if (line.rfind("refused", 0) != 0 || !contains(line, file)) continue;
      ++refused;
      CHECK_MESSAGE(contains(line, reasons[i]), line);
    }
    CHECK_MESSAGE(refused == 1, file);
  }
  CHECK_FALSE(contains(list.out, "Bad file descriptor"));
}

TEST_CASE("a broken plugin is an error only for the experiment that uses it") {
  const Workplace place;
  place.write(kTable);
  Words arguments = {"--dry-run", "--plugin-path", fixture("wrong-size").string()};
  CHECK(place.run(arguments).code == 0);
  place.write(with("[algorithm.ibc]", "[algorithm.ibc]\nplugin = \"wrong-size\""));
  const Outcome refused = place.run(arguments);
  CHECK(refused.code == 2);
  CHECK(contains(refused.err, "table.toml:20"));
  CHECK(contains(refused.err, "wrong-size.so: expected a plugin header of"));
}

TEST_CASE("two plugins of one name: both files are named, neither is used") {
  const Workplace place;
  place.write(kTable);
  const Outcome outcome = place.run({"--plugin-path", fixture("duplicate-name").string()});
  CHECK(outcome.code == 2);
  CHECK(contains(outcome.err, "table.toml:19"));
  CHECK(contains(outcome.err, (plugin_folder() / "ibc.so").string()));
  CHECK(contains(outcome.err, (fixture("duplicate-name") / "duplicate-name.so").string()));
  CHECK_FALSE(fs::exists(place.store().parent_path()));
}

TEST_CASE("a plugin whose factory throws fails its run") {
  check_failure("throwing-factory", {"throwing-factory.so", "thrown by the factory on purpose"});
}

TEST_CASE("a plugin whose update throws fails its run") {
  check_failure("throwing-update", {"thrown by update on purpose"});
}

TEST_CASE("a plugin that gives NaN fails its run with metric and step") {
  check_failure("nan-update", {"fixture/broken_loss", "NaN", "step 3"});
}

TEST_CASE("a plugin that crashes fails its run with the signal and the last log lines") {
  check_failure("crashing-update", {"killed by SIGSEGV", "last log lines", "started, attempt 1"});
}

TEST_CASE("a failed run is tried again by the next call, unless --skip-failed") {
  const Workplace place;
  place.write(kMisbehaving);
  const Words arguments = {"--plugin-path", fixture("throwing-update").string()};
  const auto attempts = [&place] {
    return value(place.store(), "SELECT attempt FROM run WHERE status = 'failed'");
  };
  CHECK(place.run(arguments).code == 1);
  CHECK(attempts() == "1");
  CHECK(place.run(arguments).code == 1);
  CHECK(attempts() == "2");
  Words skipping = arguments;
  skipping.emplace_back("--skip-failed");
  const Outcome skipped = place.run(skipping);
  CHECK(skipped.code == 1);
  CHECK(contains(skipped.err, "1 failed"));
  CHECK(attempts() == "2");
  // The plugin is mended: the same command completes.
  CHECK(place.run({"--plugin-path", fixture("global-generator").string()}).code == 0);
}

TEST_CASE("a run whose need failed is not started") {
  const Workplace place;
  place.write(with("algorithms = [\"misbehaving\", \"ibc\"]",
                   "algorithms = [\"moma-ppo\", \"ibc\"]", kMisbehaving) +
              "[algorithm.world-model]\nplugin = \"misbehaving\"\nsteps = 5\n"
              "[algorithm.moma-ppo]\nsteps = 2\nhidden = 16\n");
  const Outcome outcome = place.run({"--plugin-path", fixture("throwing-update").string()});
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.err, "1 runs completed now, 0 before, 1 failed, 1 not started"));
  CHECK(contains(outcome.err, "not started: neutral moma-ppo seed 0: needs neutral world-model"));
  CHECK(rows(place.store(), "SELECT status, attempt FROM run WHERE algorithm = 'moma-ppo'") ==
        Rows{{"queued", "0"}});
}

TEST_CASE("plugins check tells what a plugin breaks") {
  const Workplace place;
  const auto check = [&place](const std::string& name) {
    return place.labhost({"plugins", "check", (fixture(name) / (name + ".so")).string()});
  };
  const Outcome good = place.labhost({"plugins", "check", (plugin_folder() / "ibc.so").string()});
  CHECK(good.code == 0);
  CHECK(contains(good.out, "same seed, same bits"));
  CHECK_FALSE(contains(good.out, "FAILS"));
  const Outcome throwing = check("throwing-update");
  CHECK(throwing.code == 1);
  CHECK(contains(throwing.out, "thrown by update on purpose"));
  const Outcome drawing = check("global-generator");
  CHECK(drawing.code == 1);
  CHECK(contains(drawing.out, "FAILS  no use of the global generator"));
  const Outcome crashing = check("crashing-update");
  CHECK(crashing.code == 1);
  CHECK(crashing.signal == 0);
  CHECK(contains(crashing.text(), "SIGSEGV"));
}

TEST_CASE("a host whose workers cannot start says so and ends") {
  // The program without its library: nothing that is started again will do better.
  const Workplace place;
  place.write(kTable);
  fs::create_directory(place.scratch / "bin");
  const fs::path program = place.scratch / "bin/labhost";
  fs::copy_file(LABHOST_BINARY, program);
  const Outcome outcome = run_program(
      {program.string(), "run", "table.toml", "--plugin-path", plugin_folder().string()},
      place.surroundings, 10);
  CHECK_FALSE(outcome.timed_out);
  CHECK(outcome.code > 0);
  CHECK(contains(outcome.err, "liblabhost.so"));
}

}  // namespace labhost::testing
