// Random streams. Every stream of a run is derived from the run's seed by name; there is no global
// generator. Streams are part of checkpoints.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/sdk/types.hpp"

namespace labhost {

class Archive;

/// A seed for the stream `name` (and copy) of a run: well mixed, stable over versions.
LABHOST_API std::uint64_t derive_seed(std::uint64_t seed, const std::string& name,
                                      std::uint64_t copy = 0);

class LABHOST_API Streams {
 public:
  explicit Streams(std::uint64_t seed) : seed_(seed) {}

  /// The generator called `name`, created at first use. Pass it to every LibTorch call that draws.
  at::Generator get(const std::string& name, torch::Device device = torch::kCPU);
  std::uint64_t seed(const std::string& name) const { return derive_seed(seed_, name); }

  void save(Archive& archive) const;
  void load(const Archive& archive);

 private:
  std::uint64_t seed_;
  std::map<std::string, at::Generator> generators_;
};

}  // namespace labhost
