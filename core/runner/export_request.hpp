// What `labhost export policy` asks of the process that loads plugins.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace labhost {

struct ExportRequest {
  std::string job;       ///< Job::to_text() of the run whose team it is
  std::string snapshot;  ///< of an earlier moment, by its name; empty: the last one
  std::string file;      ///< to write
  bool half = false;     ///< numbers of 16 bits
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(ExportRequest, job, snapshot, file, half)
};

}  // namespace labhost
