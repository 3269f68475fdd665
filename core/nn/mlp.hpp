// Multi-layer perceptrons, C independent copies evaluated as one batched product.
#pragma once

#include "core/nn/flat_module.hpp"

namespace labhost {

struct MlpShape {
  std::int64_t inputs = 1, outputs = 1;
  std::int64_t hidden = 256;  ///< units per hidden layer (paper: 256)
  std::int64_t layers = 2;    ///< hidden layers, ReLU (paper: 2)
};

/// In which numbers the products of hidden layers are computed. Parameters, their gradients and
/// the last layer always are of LibTorch's default type.
enum class Precision {
  kFull,     ///< LibTorch's default type: float32
  kBFloat16  ///< about twice as fast where the CPU has AVX512-BF16; see mlp_passes_bf16.cpp
};

/// "fp32" or "bf16", as parameter tables say; InputError where bf16 would be emulated (no
/// AVX512-BF16 on a CPU) or the default type is not float32.
LABHOST_API Precision precision_of(const std::string& text, torch::Device device);

class LABHOST_API Mlp : public FlatModule {
 public:
  /// Weights and biases uniform in +-1/sqrt(inputs of the layer), PyTorch's default for linear
  /// layers, drawn from `generator`; inputs that are always zero (padding) may be counted out:
  /// `live_inputs` [C] gives each copy's true input width (empty: all of them).
  Mlp(std::int64_t copies, const MlpShape& shape, torch::Device device, at::Generator generator,
      const std::vector<std::int64_t>& live_inputs = {});

  /// [M, B, inputs] -> [C, B, outputs]. M divides C: copy c reads input c mod M.
  Tensor forward(const Tensor& input) const;
  /// Only copies `first` to `first + count` - 1, as functions that stay as they are: gradients
  /// reach the input, not the parameters. [M, B, inputs] -> [count, B, outputs]
  Tensor forward_fixed(const Tensor& input, std::int64_t first, std::int64_t count) const;
  void set_precision(Precision precision) { precision_ = precision; }
  Precision precision() const { return precision_; }
  /// The parameters stay as they are from here on: what passes without gradients derive from them
  /// (their bfloat16 form) is kept.
  void freeze();

  const MlpShape& shape() const { return shape_; }
  /// Of layer l = 0..layers: weight [C, in, out], bias [C, 1, out] (autograd leaves).
  const Tensor& weight(std::int64_t layer) const;
  const Tensor& bias(std::int64_t layer) const;
  /// Last layer: weights times `factor`, bias zero (PPO's policies start near uniform).
  void shrink_last_layer(double factor);

 private:
  MlpShape shape_;
  Precision precision_ = Precision::kFull;
  std::vector<Tensor> frozen_;  // weights of the hidden layers in bfloat16, once frozen
};

/// The same for several networks.
LABHOST_API void set_precision(Precision precision, const std::vector<Mlp*>& networks);

}  // namespace labhost
