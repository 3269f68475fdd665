// The passes of core/nn/mlp.hpp through C copies of a network, without autograd.
//
// C copies, M inputs (M divides C: copy c reads input c mod M), B batch. A layer's weight is
// [C, in, out], its bias [C, 1, out]; parameters are weight, bias, weight, ... in order.
#pragma once

#include <vector>

#include "core/sdk/types.hpp"

namespace labhost::mlp {

constexpr std::int64_t kRowTile = 512;  ///< rows of 256 numbers: half a megabyte

struct Forward {
  Tensor output;                    ///< [C, B, outputs]
  std::vector<Tensor> activations;  ///< of each hidden layer [C, B, hidden]; empty unless kept
};

/// The weights of all layers but the last as bfloat16: what the bfloat16 passes multiply with.
LABHOST_API std::vector<Tensor> rounded_weights(at::TensorList parameters);

/// What the caller wants differentiated: the input, the weights. Biases always are.
struct Wanted {
  bool input = true, weights = true;
};

struct Gradients {
  Tensor input;                    ///< [M, B, inputs]
  std::vector<Tensor> parameters;  ///< as the parameters; weights undefined unless wanted
};

/// On the CPU, a copy and a tile of rows at a time, so that activations stay in the cache from one
/// layer to the next.
LABHOST_API Forward forward(const Tensor& input, at::TensorList parameters, bool keep);
LABHOST_API Gradients backward(const Tensor& gradient, const Tensor& input,
                               const std::vector<Tensor>& activations, at::TensorList parameters,
                               Wanted wanted);

/// The same with the products of all layers but the last in bfloat16, and bfloat16 activations;
/// `rounded`: rounded_weights(parameters).
LABHOST_API Forward forward_bf16(const Tensor& input, at::TensorList parameters,
                                 const std::vector<Tensor>& rounded, bool keep);
LABHOST_API Gradients backward_bf16(const Tensor& gradient, const Tensor& input,
                                    const std::vector<Tensor>& activations,
                                    at::TensorList parameters, const std::vector<Tensor>& rounded,
                                    Wanted wanted);

/// On other devices: batched products over all copies; `bf16` as above.
LABHOST_API Forward forward_batched(const Tensor& input, at::TensorList parameters, bool keep,
                                    bool bf16);
LABHOST_API Gradients backward_batched(const Tensor& gradient, const Tensor& input,
                                       const std::vector<Tensor>& activations,
                                       at::TensorList parameters, Wanted wanted, bool bf16);

}  // namespace labhost::mlp
