#include "core/nn/mlp.hpp"

#include <ATen/core/LegacyTypeDispatch.h>

#include <cmath>

#include "core/nn/mlp_passes.hpp"

namespace labhost {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// `rounded`: the weights in bfloat16 where `bf16` asks for them and the device wants them.
mlp::Forward pass(const Tensor& input, at::TensorList parameters, const variable_list& rounded,
                  bool keep, bool bf16) {
  if (!input.is_cpu()) return mlp::forward_batched(input, parameters, keep, bf16);
  return bf16 ? mlp::forward_bf16(input, parameters, rounded, keep)
              : mlp::forward(input, parameters, keep);
}

variable_list rounded_for(const Tensor& input, at::TensorList parameters, bool bf16) {
  return bf16 && input.is_cpu() ? mlp::rounded_weights(parameters) : variable_list();
}

/// The whole network as one autograd node. Inputs: x, then weight and bias of each layer. Products
/// whose result nobody asked for are left out: those of the input, and those of the weights where a
/// loss is taken with respect to the input alone.
struct MlpFunction : torch::autograd::Function<MlpFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& input, at::TensorList parameters,
                        bool bf16) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const variable_list rounded = rounded_for(input, parameters, bf16);
    const mlp::Forward passed = pass(input, parameters, rounded, /*keep=*/true, bf16);
    variable_list saved = {input};
    saved.insert(saved.end(), passed.activations.begin(), passed.activations.end());
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    saved.insert(saved.end(), rounded.begin(), rounded.end());
    context->save_for_backward(saved);
    context->saved_data["layers"] = static_cast<std::int64_t>(parameters.size() / 2);
    context->saved_data["bf16"] = bf16;
    return passed.output;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const variable_list saved = context->get_saved_variables();
    const std::int64_t layers = context->saved_data["layers"].toInt();
    const bool bf16 = context->saved_data["bf16"].toBool();
    const variable_list activations(saved.begin() + 1, saved.begin() + layers);
    const auto last = saved.begin() + layers + 2 * layers;
    const variable_list parameters(saved.begin() + layers, last), rounded(last, saved.end());
    const Tensor gradient = gradients[0].contiguous();
    // Training asks for all of the weights or for none; a test may ask for one layer's.
    mlp::Wanted wanted{context->needs_input_grad(0), false};
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      wanted.weights =
          wanted.weights || context->needs_input_grad(static_cast<std::size_t>(1 + 2 * layer));
    }
    const auto back = [&] {
      if (!gradient.is_cpu()) {
        return mlp::backward_batched(gradient, saved[0], activations, parameters, wanted, bf16);
      }
      return bf16 ? mlp::backward_bf16(gradient, saved[0], activations, parameters, rounded, wanted)
                  : mlp::backward(gradient, saved[0], activations, parameters, wanted);
    };
    mlp::Gradients result = back();
    variable_list all = {result.input};
    all.insert(all.end(), result.parameters.begin(), result.parameters.end());
    all.emplace_back();  // of the flag
    return all;
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
  TORCH_CHECK(copies() % input.size(0) == 0, "an Mlp of ", copies(), " copies got ", input.size(0),
              " inputs");
  const bool bf16 = precision_ == Precision::kBFloat16;
  if (torch::GradMode::is_enabled()) {
    return MlpFunction::apply(input, at::TensorList(parameters()), bf16);
  }
  if (frozen_.empty()) {
    return pass(input, parameters(), rounded_for(input, parameters(), bf16), /*keep=*/false, bf16)
        .output;
  }
  return pass(input, parameters(), frozen_, /*keep=*/false, bf16).output;
}

void Mlp::freeze() {
  const torch::NoGradGuard no_grad;
  frozen_ = rounded_for(parameters().front(), parameters(), precision_ == Precision::kBFloat16);
}

Tensor Mlp::forward_fixed(const Tensor& input, std::int64_t first, std::int64_t count) const {
  variable_list fixed;
  for (const Tensor& parameter : parameters()) {
    fixed.push_back(parameter.detach().narrow(0, first, count));
  }
  const bool bf16 = precision_ == Precision::kBFloat16;
  if (torch::GradMode::is_enabled()) {
    return MlpFunction::apply(input, at::TensorList(fixed), bf16);
  }
  return pass(input, fixed, rounded_for(input, fixed, bf16), /*keep=*/false, bf16).output;
}

void Mlp::shrink_last_layer(double factor) {
  const torch::NoGradGuard no_grad;
  Tensor last = weight(shape_.layers), offset = bias(shape_.layers);
  last.mul_(factor);
  offset.zero_();
}

Precision precision_of(const std::string& text, torch::Device device) {
  if (text == "fp32") return Precision::kFull;
  if (text != "bf16") throw InputError("precision is 'fp32' or 'bf16', not '" + text + "'");
  if (torch::get_default_dtype() != torch::kFloat32) {
    throw InputError("precision 'bf16' needs float32 parameters");
  }
#if defined(__x86_64__)
  const bool fast = !device.is_cpu() || __builtin_cpu_supports("avx512bf16");
#else
  const bool fast = !device.is_cpu();
#endif
  if (!fast) {
    throw InputError(
        "precision 'bf16' needs a CPU with AVX512-BF16, which this one is not; use 'fp32'");
  }
  return Precision::kBFloat16;
}

void set_precision(Precision precision, const std::vector<Mlp*>& networks) {
  for (Mlp* network : networks) network->set_precision(precision);
}

}  // namespace labhost
