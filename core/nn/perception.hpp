// What the networks of a team see: each agent's observation, and on partially observed tasks the
// embedding of its memory before it.  Section 3.3; Appendix A.1.
//
// N agents, B batch, O observation, D embedding; I = O, or D + O with a memory.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "core/nn/adam.hpp"
#include "core/nn/history.hpp"
#include "core/nn/memory.hpp"
#include "core/nn/policy.hpp"
#include "core/nn/sampler.hpp"
#include "core/sdk/algorithm.hpp"

namespace labhost {

/// What a batch shows, before any network.
struct View {
  Tensor observation;  ///< [N, B, O]
  Tensor history;      ///< [N, B, H, P]; undefined without a memory
};

/// Asks for a memory that an algorithm steps itself, with all else that it trains, and that has no
/// target copy: PPO.
struct SteppedByTheAlgorithm {
  bool scale_inputs = false;  ///< divide states by the magnitudes that the task declares
};

class LABHOST_API Perception : public Stateful {
 public:
  /// Of `task` (the context's, or the same as one agent) and its `data`, which must outlive it. The
  /// memory's gradients are clipped for each agent to `max_norm` (0: not). InputError where a
  /// memory is wanted but `data` does not say where episodes end.
  Perception(const AlgorithmContext& context, const TaskSpec& task, const Transitions& data,
             double max_norm);
  /// The same without optimiser() and target: see memory().
  Perception(const AlgorithmContext& context, const TaskSpec& task, const Transitions& data,
             SteppedByTheAlgorithm how);

  bool remembers() const { return memory_.has_value(); }
  std::int64_t width() const { return width_; }  ///< I, the networks' inputs

  /// A batch of the dataset in its states, and in its next states.
  View now(const Batch& batch) const;
  View next(const Batch& batch) const;

  /// What the networks see [N, B, I]: through the memory that learns (with its graph, unless
  /// gradients are off), or through its target copy (never with a graph).
  Tensor see(const View& view) const;
  Tensor see_as_target(const View& view) const;

  /// Steps the memory beside a network: minimise(loss, {&own, perception.optimiser()}). nullptr
  /// without a memory, or where the algorithm steps memory() itself.
  Adam* optimiser() { return optimiser_ ? &*optimiser_ : nullptr; }
  /// What has to be trained; nullptr without a memory.
  FlatModule* memory() { return remembers() ? &*memory_ : nullptr; }
  /// Moves the memory's target copy towards it; nothing without a memory.
  void polyak(double rate);

  const ScaledObserver& observer() const { return observe_; }
  /// Of the dataset; only with a memory.
  const Histories& histories() const { return *histories_; }

  /// A team that sees through this memory and acts by `act`: inputs [N, B, I] -> joint [B, W]. It
  /// must not outlive this.
  std::unique_ptr<Policy> team(std::function<Tensor(const Tensor& input)> act) const;
  /// A stochastic policy, greedy or sampling from `generator`.
  std::unique_ptr<Policy> team(const TeamPolicy& policy, bool greedy,
                               at::Generator generator) const;

  void save(Archive& archive, const std::string& name) const override;
  void load(const Archive& archive, const std::string& name) override;

 private:
  class Team;
  Perception(const AlgorithmContext& context, const TaskSpec& task, const Transitions& data,
             bool scale_inputs, bool with_target, double max_norm);

  torch::Device device_;
  ScaledObserver observe_;
  std::int64_t width_;
  std::optional<Histories> histories_;
  std::optional<MemoryEncoder> memory_, target_;
  std::optional<Adam> optimiser_;
};

}  // namespace labhost
