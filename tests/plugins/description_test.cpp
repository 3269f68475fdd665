#include "core/plugins/description.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "tests/base/scratch_folder.hpp"
#include "tests/plugins/made_up_plugins.hpp"

namespace labhost {
namespace {

using testing::among;
using testing::bounded;
using testing::contains;
using testing::input_error;
using testing::param;

const PluginDescription kPlugin = testing::plugin(PluginKind::kAlgorithm, "maiql");

std::string canonical(const ParamDescription& description, const std::string& text) {
  return canonical_value(kPlugin, description, text);
}

std::string refusal(const ParamDescription& description, const std::string& text) {
  return input_error([&] { canonical(description, text); });
}

}  // namespace

TEST_CASE("reals") {
  const ParamDescription open = param("x", ParamType::kReal, "0");
  CHECK(canonical(open, "0.70") == "0.7");
  CHECK(canonical(open, "1_000.5") == "1000.5");
  CHECK(canonical(open, "3") == canonical(open, "3.0"));
  CHECK(canonical(open, "-0.0") == "0");
  CHECK(canonical(open, "inf") == "inf");
  CHECK(canonical(open, "-inf") == "-inf");
  CHECK(refusal(open, "nan") ==
        "parameter \"x\" of algorithm \"maiql\" must be a real number, found nan");
  CHECK(contains(refusal(open, "fast"), "found \"fast\""));
  CHECK(contains(refusal(open, ""), "found \"\""));
}

TEST_CASE("ranges are inclusive") {
  const ParamDescription unit = bounded(param("x", ParamType::kReal, "0"), 0, 1);
  CHECK(canonical(unit, "0") == "0");
  CHECK(canonical(unit, "1") == "1");
  CHECK(contains(refusal(unit, "1.0001"), "a real number from 0 to 1, found 1.0001"));
  CHECK(contains(refusal(unit, "-1"), "from 0 to 1"));
  CHECK(contains(refusal(unit, "inf"), "from 0 to 1"));
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(canonical(bounded(unit, 0, infinity), "inf") == "inf");
  CHECK(contains(refusal(bounded(unit, 0, std::nullopt), "-inf"), "of at least 0"));
  CHECK(canonical(bounded(unit, 0, std::nullopt), "inf") == "inf");
  CHECK(contains(refusal(bounded(unit, std::nullopt, 2), "3"), "of at most 2"));
}

TEST_CASE("integers take no fraction") {
  const ParamDescription count = bounded(param("n", ParamType::kInteger, "1"), 1, 1e9);
  CHECK(canonical(count, "7") == "7");
  CHECK(canonical(count, "1_000") == "1000");
  CHECK(canonical(count, "1e6") == "1000000");
  CHECK(contains(refusal(count, "7.5"), "must be a whole number from 1 to 1e+09, found 7.5"));
  CHECK(contains(refusal(count, "0"), "whole number from 1"));
  CHECK(contains(refusal(count, "inf"), "whole number"));
  CHECK(contains(refusal(count, "1e300"), "whole number"));
  CHECK(contains(refusal(count, "_1"), "whole number"));
}

TEST_CASE("flags, texts and files") {
  const ParamDescription flag = param("f", ParamType::kFlag, "false");
  CHECK(canonical(flag, "true") == "true");
  CHECK(contains(refusal(flag, "yes"), "must be true or false, found \"yes\""));
  CHECK(contains(refusal(flag, "True"), "true or false"));
  const ParamDescription mode = among(param("m", ParamType::kText, "mean"), {"mean", "maximum"});
  CHECK(canonical(mode, "maximum") == "maximum");
  CHECK(contains(refusal(mode, "maxinum"),
                 "must be one of mean, maximum, found \"maxinum\"; did you mean \"maximum\"?"));
  CHECK(canonical(param("t", ParamType::kText, ""), "any text") == "any text");
  CHECK(canonical(param("p", ParamType::kFile, ""), "a/b.hdf5") == "a/b.hdf5");
}

TEST_CASE("default_values are canonical, and a bad default is told") {
  PluginDescription plugin = testing::plugin(
      PluginKind::kDataset, "d",
      {param("size", ParamType::kInteger, "1_000"), param("noise", ParamType::kReal, "0.10")});
  CHECK(default_values(plugin) == ParamValues{{"noise", "0.1"}, {"size", "1000"}});
  plugin.params[0].default_value = "many";
  const std::string message = input_error([&] { default_values(plugin); });
  CHECK(contains(message, "the plugin's own default"));
  CHECK(contains(message, "\"size\" of dataset \"d\""));
}

TEST_CASE("a description survives JSON text, infinite bounds included") {
  const double infinity = std::numeric_limits<double>::infinity();
  PluginDescription plugin = testing::plugin(
      PluginKind::kEnvironment, "e",
      {bounded(param("x", ParamType::kReal, "inf"), 0, infinity),
       among(param("m", ParamType::kText, "a"), {"a", "b"}), param("f", ParamType::kFlag, "false")},
      {{"model", "world-model", "f"}, {"team", "ppo"}});
  plugin.params[0].unit = "s";
  plugin.params[0].source = "ours";
  const std::string text = to_json(plugin).dump();
  const PluginDescription read = description_from_json(nlohmann::json::parse(text), "here");
  CHECK(to_json(read).dump() == text);
  CHECK(read.kind == PluginKind::kEnvironment);
  CHECK(read.params[0].minimum == 0.0);
  CHECK(read.params[0].maximum == infinity);
  CHECK(read.params[1].choices == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(read.params[1].minimum);
  CHECK(read.needs[0].algorithm == "world-model");
  CHECK(read.needs[0].unless == "f");
  CHECK(read.needs[1].unless.empty());
  CHECK(read.find_need("team") == &read.needs[1]);
  CHECK(read.find_need("absent") == nullptr);
  CHECK(read.find_param("m") == &read.params[1]);
  CHECK(read.find_param("absent") == nullptr);
  CHECK(read.param_names() == std::vector<std::string>{"x", "m", "f"});
}

TEST_CASE("a need holds unless its flag is true") {
  const NeedDescription always{"model", "world-model"}, unless{"model", "world-model", "f"};
  CHECK(is_needed(always, {{"f", "true"}}));
  CHECK(is_needed(unless, {{"f", "false"}}));
  CHECK_FALSE(is_needed(unless, {{"f", "true"}}));
}

TEST_CASE("a damaged description is refused with its place") {
  const nlohmann::json good =
      to_json(testing::plugin(PluginKind::kDataset, "d", {param("x", ParamType::kReal, "1")}));
  const auto refused = [](const nlohmann::json& json) {
    return input_error([&] { description_from_json(json, "d.so.json"); });
  };
  CHECK(refused(good) == "no error");
  for (const char* field : {"kind", "name", "version", "params", "needs", "abi_version"}) {
    CAPTURE(field);
    nlohmann::json json = good;
    json.erase(field);
    CHECK(contains(refused(json), "d.so.json: not a usable plugin description"));
    json[field] = {{"wrong", 1.5}};
    CHECK(contains(refused(json), "d.so.json: not a usable plugin description"));
  }
  nlohmann::json json = good;
  json["kind"] = "datset";
  CHECK(contains(refused(json), "unknown plugin kind \"datset\"; did you mean \"dataset\"?"));
  json = good;
  json["params"].push_back(json["params"][0]);
  CHECK(contains(refused(json), "\"x\" is declared twice"));
  json = good;
  json["params"][0]["minimum"] = "low";
  CHECK(contains(refused(json), "minimum of parameter \"x\" is \"low\""));
  CHECK(contains(refused(nlohmann::json::array()), "not a usable"));
  json = good;
  json["needs"] = {{{"role", "run"}, {"algorithm", ""}, {"unless", "x"}}};
  CHECK(
      refused(json) ==
      "d.so.json: not a usable plugin description: need \"run\" holds unless \"x\", which must be "
      "a flag parameter of the plugin; it has none");
  json["params"].push_back({{"name", "flag"}, {"type", "flag"}, {"default", "true"}});
  json["needs"][0]["unless"] = "flga";
  CHECK(contains(refused(json), "must be a flag parameter of the plugin; did you mean \"flag\"?"));
  json["needs"][0]["unless"] = "flag";
  CHECK(refused(json) == "no error");
  json["needs"][0]["unless"] = true;
  CHECK(contains(refused(json), "not a usable"));
  json["needs"][0].erase("unless");
  CHECK(refused(json) == "no error");
}

}  // namespace labhost
