// Environments: B copies of a simulator, stepped together.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

  /// What the task is measured by beside its return, as name and value [K] of states [K, S] (the
  /// elbow's angle, in radians). An evaluation stores each as `eval/NAME`, its mean over all
  /// states, and `eval/NAME_positive`, the share of them in which it is above 0.
  virtual std::vector<std::pair<std::string, Tensor>> measure(const Tensor&) const { return {}; }
  /// Steps since construction that the simulator could not carry out (a state that is not finite, a
  /// warning of the solver). Each has ended its episode as a terminal, with reward 0.
  virtual std::int64_t faults() const { return 0; }
  /// What results depend on beside the parameters, as name and value (the simulator's version):
  /// stored with each run.
  virtual std::map<std::string, std::string> provenance() const { return {}; }

  /// A picture of a copy as it stands: [height, width, 3] uint8, RGB, the first row on top. Throws
  /// InputError where there is no picture, or nothing on this machine to draw it with.
  virtual Tensor render(std::int64_t, std::int64_t, std::int64_t) {
    throw InputError("environment '" + task().name + "' cannot be drawn");
  }
  /// Seconds that the bare simulator takes for `steps` time steps under random actions, on the
  /// calling thread and without anything of this class around it: the floor of `labhost bench env`.
  /// Nothing where there is no simulator apart from the environment.
  virtual std::optional<double> bare_seconds(std::int64_t) { return std::nullopt; }

  /// Everything that later results depend on, generators included.
  virtual void save(Archive& archive, const std::string& prefix) const = 0;
  virtual void load(const Archive& archive, const std::string& prefix) = 0;
};

}  // namespace labhost

/// Exports the environment `Class(const EnvironmentContext&)`; last line of a plugin's source.
#define LABHOST_ENVIRONMENT(Class, name, version, summary, params)                                 \
  LABHOST_PLUGIN_(Class, ::labhost::Environment, ::labhost::EnvironmentContext,                    \
                  ::labhost::PluginKind::kEnvironment, name, version, summary, params, nullptr, 0, \
                  nullptr, 0)
