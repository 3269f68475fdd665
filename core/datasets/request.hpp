// What `labhost datasets` asks of the library that reads datasets.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace labhost {

/// An environment that a file may belong to.
struct EnvironmentChoice {
  std::string library;                        ///< plugin library
  std::map<std::string, std::string> params;  ///< resolved
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(EnvironmentChoice, library, params)
};

struct DatasetRequest {
  std::string file;
  /// Key of `environments`; empty: the file's attribute `task`, else ant by its 111 columns.
  std::string environment;
  std::map<std::string, EnvironmentChoice> environments;
  std::string
      rewrite;  ///< file to write in the canonical layout instead of a description; or empty
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(DatasetRequest, file, environment, environments, rewrite)
};

}  // namespace labhost
