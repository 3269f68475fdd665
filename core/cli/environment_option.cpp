#include "core/cli/environment_option.hpp"

#include "core/base/text.hpp"
#include "core/cli/sdk_library.hpp"
#include "core/sdk/error.hpp"

namespace labhost {

namespace {

namespace po = boost::program_options;
using Texts = std::vector<std::string>;

Texts given(const po::variables_map& values, const char* name) {
  return values.count(name) == 0 ? Texts() : values[name].as<Texts>();
}

/// NAME=VALUE of an environment's parameter, checked against its table.
void set_param(const PluginDescription& plugin, const std::string& text, ParamValues& params) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  const ParamDescription* param = plugin.find_param(name);
  if (param == nullptr || equals == std::string::npos) {
    throw InputError("--set " + text + ": expected NAME=VALUE with a parameter of environment \"" +
                     plugin.name + "\"" + suggestion(name, plugin.param_names()));
  }
  params[name] = canonical_value(plugin, *param, text.substr(equals + 1));
}

}  // namespace

void add_environment_options(po::options_description& options) {
  options.add_options()("env", po::value<std::string>()->value_name("NAME"),
                        "environment, without a run that names it")(
      "set", po::value<Texts>()->composing()->value_name("NAME=VALUE"),
      "env: override one of its parameters: observation=limb")(
      "plugin-path", po::value<Texts>()->composing()->value_name("FOLDER"),
      "folder of plugins, searched first");
}

Catalogue discover_plugins(const po::variables_map& values) {
  return Catalogue::discover(plugin_search_path(given(values, "plugin-path")),
                             [](const auto& library) {
                               return worker_output({"describe", library});
                             });
}

ParamValues environment_params(const po::variables_map& values, const PluginDescription& plugin) {
  ParamValues params = default_values(plugin);
  for (const std::string& text : given(values, "set")) set_param(plugin, text, params);
  return params;
}

}  // namespace labhost
