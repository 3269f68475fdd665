// The gate: plugins that are broken on purpose, each refused with one precise message.
#include "core/plugins/loader.hpp"

#include <doctest/doctest.h>

#include "tests/algorithms/trained_plugin.hpp"
#include "tests/base/scratch_folder.hpp"

namespace labhost {

namespace {

using testing::contains;
using testing::input_error;

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(LABHOST_FIXTURES) / name / (name + ".so");
}

std::string refusal_of(const std::filesystem::path& library) {
  return input_error([&library] { LoadedPlugin::load(library); });
}

TaskSpec small_task() {
  TaskSpec task;
  task.name = "made up";
  task.state_width = 1;
  task.horizon = 10;
  task.agents = {{"agent", {0}, {/*discrete=*/true, 2}}};
  return task;
}

Transitions small_data() {
  Transitions data;
  data.state = data.next_state = data.action = torch::zeros({2, 1});
  data.reward = torch::zeros({2});
  data.terminal = data.timeout = torch::zeros({2}, torch::kBool);
  return data;
}

}  // namespace

TEST_CASE("what is no plugin is refused with the file and the reason") {
  const std::filesystem::path absent = fixture("absent");
  CHECK(refusal_of(absent) == absent.string() + ": no such file");

  const std::filesystem::path text = fixture("not-a-library");
  const std::string no_library = refusal_of(text);
  CHECK(no_library.rfind(text.string() + ": expected a shared library that can be loaded, found: ",
                         0) == 0);

  const std::filesystem::path other = fixture("missing-symbol");
  CHECK(refusal_of(other) ==
        other.string() +
            ": expected the symbol 'labhost_plugin', found none; end the plugin's source with "
            "LABHOST_ALGORITHM, LABHOST_ENVIRONMENT or LABHOST_DATASET");
}

TEST_CASE("a plugin of another ABI is refused with both versions") {
  const std::string expected = "expected plugin ABI " + std::to_string(kAbiVersion) + ", found ";
  CHECK(refusal_of(fixture("older-abi")) == fixture("older-abi").string() +
                                                ": built for an older labhost: " + expected +
                                                "2; rebuild it against this labhost's SDK");
  CHECK(refusal_of(fixture("newer-abi")) ==
        fixture("newer-abi").string() + ": built for a newer labhost: " + expected +
            std::to_string(kAbiVersion + 1) +
            "; rebuild it against this labhost's SDK or use a newer labhost");
}

TEST_CASE("a header of another size is refused with both sizes") {
  CHECK(refusal_of(fixture("wrong-size")) ==
        fixture("wrong-size").string() + ": expected a plugin header of " +
            std::to_string(sizeof(PluginHeader)) +
            " bytes, found 8; rebuild it against this labhost's SDK");
}

TEST_CASE("a need that is switched off by what is no flag is refused") {
  CHECK(refusal_of(fixture("unless-no-flag")) ==
        fixture("unless-no-flag").string() +
            ": need \"model\" holds unless \"x\", which must be a flag parameter of the plugin; it "
            "has none");
}

TEST_CASE("a plugin that was built differently is refused with both stamps") {
  const std::string message = refusal_of(fixture("other-stamp"));
  CHECK(contains(message, fixture("other-stamp").string() + ": built differently"));
  CHECK(contains(message, "expected '" LABHOST_BUILD_STAMP "'"));
  CHECK(contains(message, "found 'gcc-12 cxx11abi-1 libtorch-9.9.9 assert-0 sanitizer-none'"));
}

TEST_CASE("a factory that throws is an error that names the plugin and its words") {
  const std::string message = input_error([] {
    const LoadedPlugin plugin = LoadedPlugin::load(fixture("throwing-factory"));
    const Params params = testing::params_of(plugin);
    const TaskSpec task = small_task();
    const Transitions data = small_data();
    Streams streams(1);
    testing::SilentLogger logger;
    plugin.make(AlgorithmContext{task, data, params, streams, torch::kCPU, 1, logger, {}, {}});
  });
  CHECK(message == fixture("throwing-factory").string() +
                       ": algorithm 'misbehaving' could not be created: thrown by the factory on "
                       "purpose");
}

TEST_CASE("a plugin of another kind is refused with both kinds") {
  const LoadedPlugin algorithm = testing::built_plugin("ibc");
  const Params params = testing::params_of(algorithm);
  testing::SilentLogger logger;
  const std::string message = input_error([&] {
    algorithm.make(EnvironmentContext{params, 1, 0, 1, logger});
  });
  CHECK(contains(message, "ibc.so: expected a plugin of kind environment, found algorithm"));
}

TEST_CASE("a loaded plugin describes itself") {
  const PluginDescription ibc = testing::built_plugin("ibc").description();
  CHECK(ibc.kind == PluginKind::kAlgorithm);
  CHECK(ibc.name == "ibc");
  CHECK(ibc.artifact == "policy");
  CHECK(ibc.abi_version == kAbiVersion);
  CHECK(ibc.build_stamp == LABHOST_BUILD_STAMP);
  CHECK_FALSE(ibc.version.empty());
  CHECK(ibc.needs.empty());
  const auto rate = std::find_if(ibc.params.begin(), ibc.params.end(),
                                 [](const auto& param) { return param.name == "learning_rate"; });
  REQUIRE(rate != ibc.params.end());
  CHECK(rate->type == ParamType::kReal);
  CHECK(rate->minimum == 0);
  CHECK(rate->maximum == 1);

  const PluginDescription moma_ppo = testing::built_plugin("moma-ppo").description();
  REQUIRE(moma_ppo.needs.size() == 1);
  CHECK(moma_ppo.needs[0].role == "world-model");
  CHECK(moma_ppo.needs[0].algorithm == "world-model");
}

TEST_CASE("a second library of the same plugin name loads: names are the catalogue's business") {
  CHECK(LoadedPlugin::load(fixture("duplicate-name")).description().version == "9.0.0");
  CHECK(testing::built_plugin("ibc").description().version != "9.0.0");
}

TEST_CASE("loading a library twice gives the same plugin") {
  CHECK(testing::built_plugin("ibc").description().library ==
        testing::built_plugin("ibc").description().library);
}

}  // namespace labhost
