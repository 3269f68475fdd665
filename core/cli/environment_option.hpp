// Options of commands that take an environment by its name: --env, --set, --plugin-path.
#pragma once

#include <boost/program_options.hpp>

#include "core/plugins/catalogue.hpp"

namespace labhost {

void add_environment_options(boost::program_options::options_description& options);

/// The plugins of --plugin-path and of the search path.
Catalogue discover_plugins(const boost::program_options::variables_map& values);

/// Parameters of the environment: its defaults, with those that --set overrides.
ParamValues environment_params(const boost::program_options::variables_map& values,
                               const PluginDescription& plugin);

}  // namespace labhost
