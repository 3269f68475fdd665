// Plugin descriptions for tests of discovery and planning; no library stands behind them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/plugins/description.hpp"

namespace labhost::testing {

inline ParamDescription param(const std::string& name, ParamType type, const std::string& value) {
  ParamDescription description;
  description.name = name;
  description.type = type;
  description.default_value = value;
  description.meaning = "for tests";
  return description;
}

inline ParamDescription bounded(ParamDescription description, std::optional<double> minimum,
                                std::optional<double> maximum) {
  description.minimum = minimum;
  description.maximum = maximum;
  return description;
}

inline ParamDescription among(ParamDescription description, std::vector<std::string> choices) {
  description.choices = std::move(choices);
  return description;
}

inline PluginDescription plugin(PluginKind kind, const std::string& name,
                                std::vector<ParamDescription> params = {},
                                std::vector<NeedDescription> needs = {}) {
  PluginDescription description;
  description.kind = kind;
  description.name = name;
  description.version = "1";
  description.summary = "made up";
  description.build_stamp = "stamp";
  description.artifact = "policy";
  description.abi_version = kAbiVersion;
  description.params = std::move(params);
  description.needs = std::move(needs);
  return description;
}

}  // namespace labhost::testing
