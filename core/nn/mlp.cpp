#include "core/nn/mlp.hpp"

#include <cmath>

namespace labhost {

namespace {

std::vector<std::vector<std::int64_t>> layer_shapes(const MlpShape& shape) {
  std::vector<std::vector<std::int64_t>> shapes;
  std::int64_t inputs = shape.inputs;
  for (std::int64_t layer = 0; layer <= shape.layers; ++layer) {
    const std::int64_t outputs = layer == shape.layers ? shape.outputs : shape.hidden;
    shapes.push_back({inputs, outputs});
    shapes.push_back({1, outputs});
    inputs = outputs;
  }
  return shapes;
}

}  // namespace

Mlp::Mlp(std::int64_t copies, const MlpShape& shape, torch::Device device, at::Generator generator,
         const std::vector<std::int64_t>& live_inputs)
    : FlatModule(copies, layer_shapes(shape), device), shape_(shape) {
  const torch::NoGradGuard no_grad;
  for (std::int64_t layer = 0; layer <= shape.layers; ++layer) {
    for (std::int64_t copy = 0; copy < copies; ++copy) {
      Tensor weights = weight(layer)[copy], biases = bias(layer)[copy];
      std::int64_t fan_in = weights.size(0);
      if (layer == 0 && !live_inputs.empty()) fan_in = live_inputs[static_cast<std::size_t>(copy)];
      const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
      // Drawn on the CPU, so that a seed means the same networks on every device.
      weights.copy_(torch::empty(weights.sizes()).uniform_(-bound, bound, generator));
      biases.copy_(torch::empty(biases.sizes()).uniform_(-bound, bound, generator));
    }
  }
}

const Tensor& Mlp::weight(std::int64_t layer) const {
  return parameters()[static_cast<std::size_t>(2 * layer)];
}

const Tensor& Mlp::bias(std::int64_t layer) const {
  return parameters()[static_cast<std::size_t>(2 * layer + 1)];
}

Tensor Mlp::forward(const Tensor& input) const {
  Tensor x = input;
  for (std::int64_t layer = 0; layer <= shape_.layers; ++layer) {
    x = torch::baddbmm(bias(layer), x, weight(layer));
    if (layer < shape_.layers) x = x.relu_();
  }
  return x;
}

void Mlp::shrink_last_layer(double factor) {
  const torch::NoGradGuard no_grad;
  Tensor last = weight(shape_.layers), offset = bias(shape_.layers);
  last.mul_(factor);
  offset.zero_();
}

}  // namespace labhost
