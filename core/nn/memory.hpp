// The memory of partially observing agents: self-attention over the last observation-action pairs,
// then soft attention.  Section 3.3; Appendix A.1, "Memory module for partial observability".
//
// N agents, B batch, H pairs, P numbers of a pair (observation, action), D width of the embedding.
#pragma once

#include "core/nn/flat_module.hpp"

namespace labhost {

struct MemoryShape {
  std::int64_t pair = 1;     ///< P
  std::int64_t length = 10;  ///< H (paper: 10)
  std::int64_t width = 128;  ///< D (paper: 128)
};

/// N encoders, one per agent. With x = h W_e + b_e + positional encoding (sines on even, cosines on
/// odd components; position 0 is the oldest), y = LayerNorm(x + softmax(x Q (x K)^T / sqrt(D)) x V)
/// and weights softmax over time of tanh(y W_s) . q, the embedding is the weighted sum of y. The
/// tanh is the released code's. Zero pairs before an episode's start are attended to (released
/// code).
///
/// Note: computed in another order than written, for speed. A pair with a one for its position,
/// f = (h, e_t), makes x, query, key and value linear in f, so scores are f G f^T with a small G,
/// and x + attention is one product of (f, A f). What remains of size rows x D x D is W_s alone.
class LABHOST_API MemoryEncoder : public FlatModule {
 public:
  /// Linear layers as PyTorch draws them, queries from N(0, 1). `live` [N]: numbers of an agent's
  /// pair that are not padding (empty: all).
  MemoryEncoder(std::int64_t agents, const MemoryShape& shape, torch::Device device,
                at::Generator generator, const std::vector<std::int64_t>& live = {});

  /// Histories [N, B, H, P], oldest pair first -> embeddings [N, B, D]. Histories are data: nothing
  /// is differentiated with respect to them.
  Tensor forward(const Tensor& history) const;
  /// The same by the formulas above, operation by operation: slower, for other devices and tests.
  Tensor forward_as_written(const Tensor& history) const;

  const MemoryShape& shape() const { return shape_; }

  /// In the order of parameters(); weights [N, in, out], others [N, 1, out].
  enum Part {
    kEmbed,
    kEmbedBias,
    kQuery,
    kQueryBias,
    kKey,
    kKeyBias,
    kValue,
    kValueBias,
    kGain,
    kShift,
    kSoftKey,
    kSoftQuery
  };
  const Tensor& part(Part part) const { return parameters()[static_cast<std::size_t>(part)]; }

 private:
  bool fits_kernels(const Tensor& history) const;

  MemoryShape shape_;
  std::int64_t features_;  // E: P + H, padded
  Tensor encoding_;        // [H, D]
  Tensor position_;        // [1, E, 1]: 1 where a feature is a position
};

}  // namespace labhost
