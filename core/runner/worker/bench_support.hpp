// What the benchmarks of the worker share.
#pragma once

#include <algorithm>
#include <vector>

#include "core/base/process.hpp"
#include "core/sdk/logger.hpp"

namespace labhost {

class QuietLogger : public Logger {
 public:
  void info(const std::string&) override {}
  void warn(const std::string&) override {}
};

/// Seconds of one call.
template <typename Call>
double seconds_of(Call call) {
  const double begun = now_seconds();
  call();
  return now_seconds() - begun;
}

inline double median(std::vector<double> samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

}  // namespace labhost
