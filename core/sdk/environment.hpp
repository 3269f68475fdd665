// Environments: B copies of a simulator, stepped together.
#pragma once

#include "core/sdk/archive.hpp"
#include "core/sdk/export.hpp"
#include "core/sdk/logger.hpp"
#include "core/sdk/params.hpp"
#include "core/sdk/types.hpp"

namespace labhost {

struct EnvironmentContext {
  const Params& params;
  std::int64_t copies;   ///< B
  std::uint64_t seed;    ///< of the resets; copy i draws from derive_seed(seed, ..., i)
  std::int64_t threads;  ///< that may step copies; results do not depend on it
  Logger& logger;
};

/// What a step of K copies gives.
struct StepResult {
  Tensor next_state;  ///< [K, S]
  Tensor reward;      ///< [K], the team's
  Tensor terminal;    ///< [K] bool
  Tensor timeout;     ///< [K] bool: the horizon was reached
};

/// All tensors are on the CPU; `index` [K] int64 says which copies a call is about, without
/// repeats. A copy whose episode ended must be reset or placed before it is stepped again
/// (std::logic_error).
class LABHOST_API Environment {
 public:
  virtual ~Environment() = default;

  virtual const TaskSpec& task() const = 0;
  /// Starts new episodes; returns their first states [K, S].
  virtual Tensor reset(const Tensor& index) = 0;
  /// Puts copies into `state` [K, S], as stored in a dataset, with their full horizon ahead.
  virtual void set_state(const Tensor& index, const Tensor& state) = 0;
  /// One time step with joint actions `action` [K, W].
  virtual StepResult step(const Tensor& index, const Tensor& action) = 0;

  /// Everything that later results depend on, generators included.
  virtual void save(Archive& archive, const std::string& prefix) const = 0;
  virtual void load(const Archive& archive, const std::string& prefix) = 0;
};

}  // namespace labhost

/// Exports the environment `Class(const EnvironmentContext&)`; last line of a plugin's source.
#define LABHOST_ENVIRONMENT(Class, name, version, summary, params)                                 \
  LABHOST_PLUGIN_(Class, ::labhost::Environment, ::labhost::EnvironmentContext,                    \
                  ::labhost::PluginKind::kEnvironment, name, version, summary, params, nullptr, 0, \
                  nullptr)
