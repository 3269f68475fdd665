// Per-agent value networks: V^i(h^i) and twin Q^i(h^i, a^i).
#pragma once

#include "core/nn/actions.hpp"
#include "core/nn/mlp.hpp"

namespace labhost {

/// N state-value networks.
class LABHOST_API StateValue : public Mlp {
 public:
  StateValue(const TaskSpec& task, std::int64_t inputs, std::int64_t hidden, torch::Device device,
             at::Generator generator);
  Tensor forward(const Tensor& input) const;  ///< [N, B, I] -> [N, B]
};

/// 2 x N action-value networks. Discrete agents: one output per choice, the taken one is gathered
/// (released code). Continuous agents: the agent's action is an input.
class LABHOST_API TwinQ : public Mlp {
 public:
  TwinQ(const TaskSpec& task, std::int64_t inputs, std::int64_t hidden, torch::Device device,
        at::Generator generator);
  /// Inputs [N, B, I], joint actions [B, W] -> [2, N, B]
  Tensor forward(const Tensor& input, const Tensor& action) const;
  /// The same for continuous actions that are apart already: [N, B, A], padded with zeros.
  Tensor forward_own(const Tensor& input, const Tensor& own) const;
  /// Q_1 alone, fixed: gradients reach inputs and actions [N, B, A], not the critics -> [N, B].
  Tensor first_fixed(const Tensor& input, const Tensor& own) const;
  std::int64_t agents() const { return agents_; }

 private:
  ActionLayout layout_;
  std::int64_t agents_;
};

/// True first-layer widths where inputs are observations padded to the widest agent: the padding is
/// always zero and must not count in the initialisation. `extra` inputs follow the observation.
LABHOST_API std::vector<std::int64_t> live_inputs(const TaskSpec& task, std::int64_t inputs);

}  // namespace labhost
