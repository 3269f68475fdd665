// Decentralised stochastic policies of a team: categorical, Gaussian, tanh-squashed Gaussian.
#pragma once

#include "core/nn/actions.hpp"
#include "core/nn/mlp.hpp"
#include "core/sdk/algorithm.hpp"

namespace labhost {

enum class Distribution {
  kCategorical,      ///< discrete actions
  kGaussian,         ///< unsquashed: PPO, kept near [-1, 1] by the action penalty
  kSquashedGaussian  ///< tanh: the IQL family and behavioural cloning
};

/// N policies pi_i(a^i | h^i), Eq. 6. State-dependent log standard deviation clamped to [-6, 0].
class LABHOST_API TeamPolicy : public Mlp {
 public:
  TeamPolicy(const TaskSpec& task, Distribution continuous, std::int64_t inputs,
             std::int64_t hidden, torch::Device device, at::Generator generator);

  struct Sample {
    Tensor action;    ///< joint [B, W]
    Tensor log_prob;  ///< of each agent [N, B]
  };
  /// log pi_i(a^i | h^i) [N, B] of joint actions [B, W]; inputs [N, B, I].
  Tensor log_prob(const Tensor& input, const Tensor& action) const;
  Sample sample(const Tensor& input, at::Generator generator) const;
  /// Mean or arg max: joint actions [B, W].
  Tensor greedy(const Tensor& input) const;

  struct Gaussian {
    Tensor mean, log_std;  ///< [N, B, A]; log_std clamped
  };
  Gaussian gaussian(const Tensor& input) const;
  /// log pi_i(a^i | h^i) [N, B] where gaussian(input) is known already.
  Tensor log_prob(const Gaussian& gaussian, const Tensor& action) const;
  /// Normalised log-probabilities of the choices [N, B, choices].
  Tensor log_choices(const Tensor& input) const;
  Distribution distribution() const { return distribution_; }
  /// Sets the bias of the log standard deviations (with shrink_last_layer(): where they start).
  /// Nothing to set for a categorical policy.
  void start_log_std(double value);

 private:
  Tensor gaussian_log_prob(const Gaussian& gaussian, const Tensor& before_squash) const;

  ActionLayout layout_;
  Distribution distribution_;
};

/// N deterministic policies tanh(mu_i(h^i)): the TD3 family. Continuous actions only.
class LABHOST_API DeterministicPolicy : public Mlp {
 public:
  /// InputError, naming `algorithm`, where the task's actions are discrete.
  DeterministicPolicy(const TaskSpec& task, const std::string& algorithm, std::int64_t inputs,
                      std::int64_t hidden, torch::Device device, at::Generator generator);

  /// Inputs [N, B, I] -> each agent's own action [N, B, A], zero where it has no component.
  Tensor forward(const Tensor& input) const;
  /// Own actions kept inside of the bounds, zero where an agent has no component.
  Tensor bounded(const Tensor& own) const;
  const ActionLayout& layout() const { return layout_; }
  /// Joint actions [B, W].
  Tensor joint(const Tensor& input) const { return layout_.merge(forward(input)); }

 private:
  ActionLayout layout_;
};

/// What networks see of a state: divided by the task's magnitudes where that is wanted, then
/// observed by each agent.
class LABHOST_API ScaledObserver {
 public:
  ScaledObserver(const TaskSpec& task, torch::Device device, bool scale);

  Tensor scale(const Tensor& state) const { return factor_.defined() ? state * factor_ : state; }
  /// Scaled states [B, S] -> [N, B, O]
  Tensor observe(const Tensor& scaled) const { return observe_(scaled); }
  /// States [B, S] -> [N, B, O]
  Tensor operator()(const Tensor& state) const { return observe_(scale(state)); }

 private:
  Observer observe_;
  Tensor factor_;  // [S], undefined: 1
};

/// Acts with a TeamPolicy that has no memory: what evaluate() asks for.
class LABHOST_API MemorylessPolicy : public Policy {
 public:
  MemorylessPolicy(const TaskSpec& task, const TeamPolicy& network, torch::Device device,
                   bool greedy, at::Generator generator);
  MemorylessPolicy(ScaledObserver observe, const TeamPolicy& network, torch::Device device,
                   bool greedy, at::Generator generator);
  void begin(const Tensor&) override {}
  Tensor act(const Tensor& index, const Tensor& state) override;

 private:
  const TeamPolicy& network_;
  ScaledObserver observe_;
  torch::Device device_;
  bool greedy_;
  at::Generator generator_;
};

}  // namespace labhost
