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
  /// The same with one parameter set otherwise, by "NAME=VALUE": what a check compares with.
  std::map<std::string, std::map<std::string, std::string>> variants = {};
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(EnvironmentChoice, library, params, variants)
};

struct DatasetRequest {
  std::string file;
  /// Key of `environments`; empty: the file's attribute `task`, else ant by its 111 columns.
  std::string environment;
  std::map<std::string, EnvironmentChoice> environments;
  std::string
      rewrite;         ///< file to write in the canonical layout instead of a description; or empty
  bool check = false;  ///< replay rows instead of a description
  std::int64_t check_rows = 0;  ///< about how many; 0: all
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(DatasetRequest, file, environment, environments, rewrite, check,
                                 check_rows)
};

/// Bytes for the way between executable and library. MessagePack, for a file's name may be any
/// bytes, and JSON takes none that is not UTF-8.
inline std::string bytes_of(const DatasetRequest& request) {
  std::string bytes;
  nlohmann::json::to_msgpack(request, bytes);
  return bytes;
}
inline DatasetRequest request_of(const std::string& bytes) {
  return nlohmann::json::from_msgpack(bytes).get<DatasetRequest>();
}

}  // namespace labhost
