// Multi-layer perceptrons, C independent copies evaluated as one batched product.
#pragma once

#include "core/nn/flat_module.hpp"

namespace labhost {

struct MlpShape {
  std::int64_t inputs = 1, outputs = 1;
  std::int64_t hidden = 256;  ///< units per hidden layer (paper: 256)
  std::int64_t layers = 2;    ///< hidden layers, ReLU (paper: 2)
};

class LABHOST_API Mlp : public FlatModule {
 public:
  /// Weights and biases uniform in +-1/sqrt(inputs of the layer), PyTorch's default for linear
  /// layers, drawn from `generator`; inputs that are always zero (padding) may be counted out:
  /// `live_inputs` [C] gives each copy's true input width (empty: all of them).
  Mlp(std::int64_t copies, const MlpShape& shape, torch::Device device, at::Generator generator,
      const std::vector<std::int64_t>& live_inputs = {});

  /// [C, B, inputs] -> [C, B, outputs]
  Tensor forward(const Tensor& input) const;

  const MlpShape& shape() const { return shape_; }
  /// Of layer l = 0..layers: weight [C, in, out], bias [C, 1, out] (autograd leaves).
  const Tensor& weight(std::int64_t layer) const;
  const Tensor& bias(std::int64_t layer) const;
  /// Last layer: weights times `factor`, bias zero (PPO's policies start near uniform).
  void shrink_last_layer(double factor);

 private:
  MlpShape shape_;
};

}  // namespace labhost
