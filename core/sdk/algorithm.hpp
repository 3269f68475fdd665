// Algorithms: five verbs. The constructor builds; update() is one learning step; policy() is what
// to evaluate; save() and load() make a run resumable to the bit.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/sdk/archive.hpp"
#include "core/sdk/environment.hpp"
#include "core/sdk/export.hpp"
#include "core/sdk/logger.hpp"
#include "core/sdk/params.hpp"
#include "core/sdk/random.hpp"
#include "core/sdk/tensor_file.hpp"
#include "core/sdk/types.hpp"

namespace labhost {

class Algorithm;

/// All that the host hands to an algorithm. References outlive the algorithm.
struct AlgorithmContext {
  const TaskSpec& task;
  const Transitions& data;  ///< on `device`; empty for an online algorithm
  const Params& params;
  Streams& streams;  ///< saved and loaded by the host
  torch::Device device;
  std::int64_t total_steps;  ///< calls of update() that the run will make (schedules)
  Logger& logger;
  /// The run's true simulator, for algorithms that interact: `copies` of it.
  std::function<std::unique_ptr<Environment>(std::int64_t copies, const std::string& stream)>
      make_environment;
  /// The artifact of a need, by role. One that a flag has switched off (NeedDecl::unless) has none.
  std::function<Archive(const std::string& role)> artifact;
  /// Roles of all needs, declared by the plugin or written in the experiment file, sorted.
  std::vector<std::string> needs = {};
  /// A needed run's algorithm as it was at the end: its team, its snapshots, what it collected. The
  /// task is the run's own. Lives as long as this algorithm.
  std::function<Algorithm&(const std::string& role)> finished = nullptr;
};

/// Decentralised (or centralised) execution of what was learned, over many episodes at once. A
/// policy may keep a history per episode: that is why calls name the copies they are about.
class LABHOST_API Policy {
 public:
  virtual ~Policy() = default;
  /// New episodes start in copies `index` [K] (int64).
  virtual void begin(const Tensor& index) = 0;
  /// Joint actions [K, W] for copies `index` that are in `state` [K, S].
  virtual Tensor act(const Tensor& index, const Tensor& state) = 0;
};

class LABHOST_API Algorithm {
 public:
  virtual ~Algorithm() = default;

  /// One learning step. A NaN or infinite metric fails the run with its name and step.
  virtual Metrics update() = 0;

  /// The team to evaluate: greedy (mean, arg max), or sampling from `generator`. nullptr when there
  /// is nothing to act with (a world model). The policy must not outlive the algorithm.
  virtual std::unique_ptr<Policy> policy(bool greedy, at::Generator generator) = 0;

  /// The team of an earlier moment, by the name under which the algorithm kept it; "" and "final"
  /// are policy(). InputError, naming those there are, for any other.
  virtual std::unique_ptr<Policy> snapshot(const std::string& name, bool greedy,
                                           at::Generator generator) {
    if (name.empty() || name == "final") return policy(greedy, std::move(generator));
    throw InputError("no snapshot '" + name + "' of the policy; this algorithm keeps: final");
  }
  /// What an online algorithm has collected, episode after episode in the order of time; nothing
  /// where it keeps none.
  virtual std::optional<Transitions> replay() const { return std::nullopt; }

  /// Networks, optimisers, counters, buffers: all that later updates depend on. What save() writes
  /// at the end of a run is also the run's artifact.
  virtual void save(Archive& archive) const = 0;
  virtual void load(const Archive& archive) = 0;

  /// Writes the artifact of a finished run, whole or not at all, to a file that ends in
  /// artifact_ending(). By default what save() writes, as an Archive.
  virtual void write_artifact(const std::filesystem::path& file) const {
    Archive archive;
    save(archive);
    archive.save(file);
  }
  virtual const char* artifact_ending() const { return ".pt"; }

  /// The team of snapshot(name) as a file that can be played without this algorithm (core/nn/
  /// team_file.hpp); nothing where the algorithm's teams cannot be written so. InputError for a
  /// name that snapshot() does not know.
  virtual std::optional<TensorFile> policy_file(const std::string& name) const {
    static_cast<void>(name);
    return std::nullopt;
  }
};

}  // namespace labhost

/// Exports the algorithm `Class(const AlgorithmContext&)`; last line of a plugin's source.
/// `artifact` is the kind of artifact that a finished run leaves: "policy", "world-model".
#define LABHOST_ALGORITHM(Class, name, version, summary, params, artifact)                       \
  LABHOST_PLUGIN_(Class, ::labhost::Algorithm, ::labhost::AlgorithmContext,                      \
                  ::labhost::PluginKind::kAlgorithm, name, version, summary, params, nullptr, 0, \
                  artifact, 0)

/// The same for an algorithm that learns from the simulator alone (AlgorithmContext::
/// make_environment): its task needs no dataset, and none is loaded for it.
#define LABHOST_ONLINE_ALGORITHM(Class, name, version, summary, params, artifact)                \
  LABHOST_PLUGIN_(Class, ::labhost::Algorithm, ::labhost::AlgorithmContext,                      \
                  ::labhost::PluginKind::kAlgorithm, name, version, summary, params, nullptr, 0, \
                  artifact, 1)

/// The same for an algorithm that needs the artifacts of other runs: an array of NeedDecl.
#define LABHOST_ALGORITHM_WITH_NEEDS(Class, name, version, summary, params, artifact, needs) \
  LABHOST_PLUGIN_(Class, ::labhost::Algorithm, ::labhost::AlgorithmContext,                  \
                  ::labhost::PluginKind::kAlgorithm, name, version, summary, params, needs,  \
                  std::size(needs), artifact, 0)
