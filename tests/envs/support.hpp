// Environments as an algorithm meets them: built plugins.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/algorithms/trained_plugin.hpp"

namespace labhost::testing {

inline std::unique_ptr<Environment> make_environment(const std::string& plugin,
                                                     std::int64_t copies = 1,
                                                     const Overrides& params = {},
                                                     std::int64_t threads = 1,
                                                     std::uint64_t seed = 5) {
  static SilentLogger logger;
  const LoadedPlugin library = built_plugin(plugin);
  const Params values = params_of(library, params);
  return library.make(EnvironmentContext{values, copies, seed, threads, logger});
}

inline Tensor copies(std::int64_t count) { return torch::arange(count, torch::kLong); }

inline Tensor uniform_actions(const Environment& environment, std::int64_t count,
                              at::Generator generator) {
  return 2 * torch::rand({count, environment.task().joint_width()}, generator) - 1;
}

/// |a - b| <= tolerance everywhere.
inline void check_near(const Tensor& a, const Tensor& b, double tolerance) {
  REQUIRE(a.sizes() == b.sizes());
  const double worst = (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
  CHECK_MESSAGE(worst <= tolerance, "largest difference ", worst);
}

}  // namespace labhost::testing
