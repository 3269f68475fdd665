#include "core/nn/mlp.hpp"

#include <cmath>

#include "core/nn/kernels.hpp"

namespace labhost {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// y [C, B, O] += bias [C, 1, O], then ReLU; in place.
void add_bias(Tensor& y, const Tensor& bias, bool relu) {
  if (!y.is_cpu()) {
    y.add_(bias);
    if (relu) y.relu_();
    return;
  }
  const std::int64_t rows = y.size(1), width = y.size(2);
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "add_bias", [&] {
    for (std::int64_t c = 0; c < y.size(0); ++c) {
      kernels::add_bias(y.data_ptr<scalar_t>() + c * rows * width,
                        bias.data_ptr<scalar_t>() + c * width, rows, width, relu);
    }
  });
}

/// Masks g [C, B, O] by the ReLU's output (undefined: no ReLU), in place; returns the bias'
/// gradient.
Tensor relu_bias_backward(Tensor& g, const Tensor& activation) {
  if (!g.is_cpu()) {
    if (activation.defined()) g.mul_(activation.gt(0));
    return g.sum(1, /*keepdim=*/true);
  }
  const std::int64_t rows = g.size(1), width = g.size(2);
  Tensor sums = torch::empty({g.size(0), 1, width}, g.options());
  AT_DISPATCH_FLOATING_TYPES(g.scalar_type(), "relu_bias_backward", [&] {
    for (std::int64_t c = 0; c < g.size(0); ++c) {
      const scalar_t* output =
          activation.defined() ? activation.data_ptr<scalar_t>() + c * rows * width : nullptr;
      kernels::relu_bias_backward(g.data_ptr<scalar_t>() + c * rows * width, output,
                                  sums.data_ptr<scalar_t>() + c * width, rows, width);
    }
  });
  return sums;
}

/// The whole network as one autograd node: per layer one batched product and one fused pass,
/// forward; two products and one fused pass, backward. Inputs: x, then weight and bias of each
/// layer. Products whose result nobody asked for are left out: those of the input, and those of the
/// weights where a loss is taken with respect to the input alone.
struct MlpFunction : torch::autograd::Function<MlpFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& input, at::TensorList parameters) {
    const std::size_t layers = parameters.size() / 2;
    variable_list saved = {input};
    Tensor x = input;
    for (std::size_t layer = 0; layer < layers; ++layer) {
      x = torch::bmm(x, parameters[2 * layer]);
      add_bias(x, parameters[2 * layer + 1], layer + 1 < layers);
      if (layer + 1 < layers) saved.push_back(x);
    }
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    context->save_for_backward(saved);
    context->saved_data["layers"] = static_cast<std::int64_t>(layers);
    return x;
  }

  static variable_list backward(AutogradContext* context, variable_list output_gradients) {
    const variable_list saved = context->get_saved_variables();
    const auto layers = static_cast<std::size_t>(context->saved_data["layers"].toInt());
    variable_list gradients(1 + 2 * layers);
    Tensor g = output_gradients[0].contiguous();
    for (std::size_t layer = layers; layer-- > 0;) {
      const Tensor& weight = saved[layers + 2 * layer];
      // Our own buffer, except at the top, where there is no ReLU to apply in place.
      const Tensor activation = layer + 1 < layers ? saved[layer + 1] : Tensor();
      gradients[2 + 2 * layer] = relu_bias_backward(g, activation);
      if (context->needs_input_grad(1 + 2 * layer)) {
        gradients[1 + 2 * layer] = torch::bmm(saved[layer].transpose(1, 2), g);
      }
      if (layer > 0 || context->needs_input_grad(0)) g = torch::bmm(g, weight.transpose(1, 2));
    }
    if (context->needs_input_grad(0)) gradients[0] = g;
    return gradients;
  }
};

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
  if (torch::GradMode::is_enabled()) return MlpFunction::apply(input, at::TensorList(parameters()));
  Tensor x = input;
  for (std::int64_t layer = 0; layer <= shape_.layers; ++layer) {
    x = torch::bmm(x, weight(layer));
    add_bias(x, bias(layer), layer < shape_.layers);
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
