// QMIX-style value decomposition: V(s) = sum_i w^i(s) V^i(h^i) + b(s).  Section 3.2; Appendix A,
// Eq. 4.
#pragma once

#include "core/nn/mlp.hpp"

namespace labhost {

/// A network of the joint observation (and, for Q, the joint action) that gives N weights and a
/// bias. The weights are not constrained to be positive (released code).
class LABHOST_API Mixer : public Mlp {
 public:
  /// `inputs`: state width, plus the width of the encoded joint action where the mixer is aware of
  /// it. `count`: 1, or 2 for a mixer of each critic's own.
  Mixer(std::int64_t agents, std::int64_t inputs, std::int64_t hidden, torch::Device device,
        at::Generator generator, std::int64_t count = 1);

  struct Weights {
    Tensor w;  ///< [N, B]; of two mixers [2, N, B]
    Tensor b;  ///< [B]; of two mixers [2, B]
  };
  Weights weights(const Tensor& input) const;  ///< input [B, inputs]

  /// The same by the first mixer, which stays as it is: gradients reach the input, not its
  /// parameters.
  Weights weights_fixed(const Tensor& input) const;

  /// Mixes values [.., N, B] to [.., B]; twin critics share one call of weights().
  static Tensor mix(const Weights& weights, const Tensor& values);
  Tensor forward(const Tensor& input, const Tensor& values) const {
    return mix(weights(input), values);
  }
};

}  // namespace labhost
