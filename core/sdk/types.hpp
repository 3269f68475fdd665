// Tasks, transitions and metrics: what environments, datasets and algorithms say to each other.
//
// Shapes: B batch, T dataset length, N agents, S state width, O widest observation, W joint action
// width. States, actions and rewards are tensors of LibTorch's default floating type (float32).
//
// A joint action is one row [W]: agent after agent, a continuous agent's components or a discrete
// agent's single column that holds the index of its choice. Networks that need one-hot inputs ask
// encode_actions().
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/sdk/error.hpp"

#define LABHOST_API __attribute__((visibility("default")))

namespace labhost {

using torch::Tensor;

struct ActionSpec {
  bool discrete = false;
  std::int64_t size = 1;  ///< number of choices, or number of components in [-1, 1]

  std::int64_t columns() const { return discrete ? 1 : size; }  ///< in a joint action
};

struct AgentSpec {
  std::string name;
  /// What the agent sees: indices into the state. An observation function is an index table, so
  /// that dataset rows, simulator states and world-model states are observed in the same way.
  std::vector<std::int64_t> observes;
  ActionSpec action;
};

struct LABHOST_API TaskSpec {
  std::string name;
  std::int64_t state_width = 0;
  std::vector<AgentSpec> agents;
  std::int64_t horizon = 0;                     ///< time steps after which an episode times out
  double random_return = 0, expert_return = 1;  ///< references of the normalised score
  double time_step = 0;                         ///< simulated seconds per step; 0: no such thing
  /// Typical magnitude of each component of the state [S], for algorithms that can scale their
  /// inputs; empty: 1 everywhere.
  std::vector<double> state_scale;

  std::int64_t agent_count() const { return static_cast<std::int64_t>(agents.size()); }
  /// True when all actions are discrete. Mixed tasks are refused by validate().
  bool discrete() const { return !agents.empty() && agents.front().action.discrete; }
  std::int64_t joint_width() const;        ///< W
  std::int64_t observation_width() const;  ///< O, the widest agent's
  std::int64_t action_size() const;        ///< the largest agent's ActionSpec::size
  std::int64_t encoded_width() const;      ///< width of encode_actions()
  bool fully_observed() const;             ///< every agent sees every component of the state
  /// (R - random) / (expert - random)
  double score(double episode_return) const {
    return (episode_return - random_return) / (expert_return - random_return);
  }
  /// Throws InputError when the description contradicts itself.
  void validate() const;
};

/// Joint actions [.., W] as network input [.., encoded_width]: one-hot for discrete agents,
/// unchanged for continuous ones.
LABHOST_API Tensor encode_actions(const TaskSpec& task, const Tensor& action);

/// The task as one agent that sees the state and chooses the joint action: centralised baselines.
/// Discrete choices become one choice out of their product (agent 0 is the slowest digit).
LABHOST_API TaskSpec centralised(const TaskSpec& task);
/// Joint actions of `task` [B, W] as actions of centralised(task) [B, W'], and back.
LABHOST_API Tensor join_actions(const TaskSpec& task, const Tensor& action);
LABHOST_API Tensor split_actions(const TaskSpec& task, const Tensor& action);

/// Applies the observation functions of all agents at once.
class LABHOST_API Observer {
 public:
  Observer(const TaskSpec& task, torch::Device device);
  /// States [B, S] -> observations [N, B, O]; agents that see less are padded with zeros on the
  /// right.
  Tensor operator()(const Tensor& state) const;

 private:
  std::int64_t agents_, width_;
  bool full_;     // everyone sees everything: no gather is needed
  Tensor index_;  // [N * O] into the state with one zero column appended
};

/// A dataset: T transitions in the order of time, one contiguous tensor per field.
struct LABHOST_API Transitions {
  Tensor state;       ///< [T, S]
  Tensor action;      ///< [T, W]
  Tensor reward;      ///< [T]
  Tensor next_state;  ///< [T, S]
  Tensor terminal;    ///< [T] bool: the next state is absorbing, nothing is bootstrapped
  Tensor timeout;     ///< [T] bool: the episode was cut here; ends histories and returns only

  std::int64_t size() const { return reward.size(0); }
  Transitions to(torch::Device device) const;
  /// No transitions, in the task's shapes: what an online algorithm is given.
  static Transitions none(const TaskSpec& task);
  /// Shapes, types and finite values against the task; throws InputError naming field and row.
  void validate(const TaskSpec& task, const std::string& where) const;
};

/// What one call of Algorithm::update() reports. Values are scalars; tensors are read only where a
/// value is needed, so that reporting costs no synchronisation.
class LABHOST_API Metrics {
 public:
  void add(std::string name, Tensor value) {
    values_.emplace_back(std::move(name), value.detach());
  }
  void add(std::string name, double value) {
    values_.emplace_back(std::move(name), torch::scalar_tensor(value, torch::kFloat64));
  }
  using Values = std::vector<std::pair<std::string, Tensor>>;
  const Values& values() const& { return values_; }
  /// Of a temporary, as in `for (... : algorithm.update().values())`: by value, so that it lives.
  Values values() && { return std::move(values_); }

 private:
  Values values_;
};

}  // namespace labhost
