// Resolved hyperparameters of one plugin: every declared name has a value.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/sdk/types.hpp"

namespace labhost {

/// Values are validated against the plugin's table before they come here, so asking for an
/// undeclared name or another type is the plugin's own mistake: std::logic_error.
class LABHOST_API Params {
 public:
  Params() = default;
  explicit Params(std::map<std::string, std::string> values) : values_(std::move(values)) {}

  double real(const std::string& name) const;
  std::int64_t integer(const std::string& name) const;
  bool flag(const std::string& name) const;
  const std::string& text(const std::string& name) const;  ///< kText, kFile and kData
  std::vector<double> reals(const std::string& name) const;
  std::vector<std::string> files(const std::string& name) const;

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace labhost
