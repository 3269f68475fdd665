// Where a plugin says things. It never prints: standard output belongs to the host.
#pragma once

#include <string>

#include "core/sdk/types.hpp"

namespace labhost {

class LABHOST_API Logger {
 public:
  virtual ~Logger() = default;
  virtual void info(const std::string& message) = 0;
  virtual void warn(const std::string& message) = 0;
};

}  // namespace labhost
