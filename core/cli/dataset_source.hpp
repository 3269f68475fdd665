// A dataset that the user names, and the environment that it belongs to.
#pragma once

#include <boost/program_options.hpp>
#include <string>

#include "core/datasets/request.hpp"

namespace labhost {

struct DatasetSource {
  DatasetRequest request;
  bool artifact = false;  ///< of a run: in the canonical layout already
};

/// A run's number (in the store of --store), a file, or a name of D4RL's. Throws InputError.
DatasetSource find_dataset(const boost::program_options::variables_map& values,
                           const std::string& what);

/// Fills in --env's environment; or `name`, where a plugin has that name; or all environments, to
/// choose from by the file.
void choose_environment(const boost::program_options::variables_map& values,
                        const std::string& name, DatasetRequest& request);

}  // namespace labhost
