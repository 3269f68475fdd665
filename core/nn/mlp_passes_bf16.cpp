// bfloat16 passes on the CPU. Weights are converted once for both passes; activations and the
// gradients between layers are bfloat16; biases, the last layer and all parameter gradients are as
// the weights: a last layer in bfloat16 would round values of 500 to steps of 2.
#include <algorithm>

#include "core/nn/kernels.hpp"
#include "core/nn/mlp_passes.hpp"

namespace labhost::mlp {

namespace {

std::uint16_t* bits(const Tensor& bf16) {
  return reinterpret_cast<std::uint16_t*>(bf16.data_ptr<at::BFloat16>());
}

/// to = x, or to += x.
void accumulate(Tensor to, const Tensor& x, bool add) {
  if (add) {
    to.add_(x);
  } else {
    to.copy_(x);
  }
}

}  // namespace

std::vector<Tensor> rounded_weights(at::TensorList parameters) {
  std::vector<Tensor> weights;
  for (std::size_t i = 0; i + 2 < parameters.size(); i += 2) {
    weights.push_back(parameters[i].to(torch::kBFloat16));
  }
  return weights;
}

Forward forward_bf16(const Tensor& input, at::TensorList parameters,
                     const std::vector<Tensor>& weights, bool keep) {
  const std::size_t layers = parameters.size() / 2;
  const std::int64_t copies = parameters[0].size(0), rows = input.size(1);
  const auto narrow_type = input.options().dtype(torch::kBFloat16);
  const Tensor rounded = input.to(torch::kBFloat16);
  Forward result;
  std::vector<Tensor> buffers;
  for (const Tensor& weight : weights) {
    buffers.push_back(
        keep ? torch::empty({copies, rows, weight.size(2)}, narrow_type)
             : torch::empty({1, std::min(rows, kRowTile), weight.size(2)}, narrow_type));
  }
  result.output = torch::empty({copies, rows, parameters.back().size(2)}, input.options());
  for (std::int64_t copy = 0; copy < copies; ++copy) {
    for (std::int64_t first = 0; first < rows; first += kRowTile) {
      const std::int64_t count = std::min(kRowTile, rows - first);
      Tensor x = rounded.select(0, copy % input.size(0)).narrow(0, first, count);
      for (std::size_t layer = 0; layer + 1 < layers; ++layer) {
        Tensor y = buffers[layer].select(0, keep ? copy : 0).narrow(0, keep ? first : 0, count);
        at::mm_out(y, x, weights[layer].select(0, copy));
        const Tensor& bias = parameters[2 * layer + 1];
        kernels::add_bias_relu_bf16(bits(y), bias.data_ptr<float>() + copy * y.size(1), count,
                                    y.size(1));
        x = y;
      }
      Tensor output = result.output.select(0, copy).narrow(0, first, count);
      at::mm_out(output, x.to(torch::kFloat32), parameters[2 * layers - 2].select(0, copy));
      kernels::add_bias(output.data_ptr<float>(),
                        parameters.back().data_ptr<float>() + copy * output.size(1), count,
                        output.size(1), /*relu=*/false);
    }
  }
  if (keep) result.activations = std::move(buffers);
  return result;
}

Gradients backward_bf16(const Tensor& gradient, const Tensor& input,
                        const std::vector<Tensor>& activations, at::TensorList parameters,
                        const std::vector<Tensor>& weights, Wanted wanted) {
  const std::size_t layers = parameters.size() / 2;
  const std::int64_t copies = parameters[0].size(0), rows = input.size(1);
  const Tensor rounded = input.to(torch::kBFloat16);
  Gradients result;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    result.parameters.push_back(wanted.weights ? torch::empty_like(parameters[2 * layer])
                                               : Tensor());
    result.parameters.push_back(torch::zeros_like(parameters[2 * layer + 1]));
  }
  if (wanted.input) result.input = torch::zeros(input.sizes(), input.options());
  for (std::int64_t copy = 0; copy < copies; ++copy) {
    for (std::int64_t first = 0; first < rows; first += kRowTile) {
      const std::int64_t count = std::min(kRowTile, rows - first);
      const auto tile = [&](const Tensor& all, std::int64_t which) {
        return all.select(0, which).narrow(0, first, count);
      };
      const auto bias_gradient = [&](std::size_t layer) {
        const Tensor& sums = result.parameters[2 * layer + 1];
        return sums.data_ptr<float>() + copy * sums.size(2);
      };
      // The last layer, in full precision.
      const std::size_t last = layers - 1;
      const Tensor top = tile(gradient, copy);
      kernels::relu_bias_backward(top.data_ptr<float>(), nullptr, bias_gradient(last), count,
                                  top.size(1));
      if (wanted.weights) {
        const Tensor x =
            layers > 1 ? tile(activations[last - 1], copy) : tile(rounded, copy % input.size(0));
        accumulate(result.parameters[2 * last].select(0, copy),
                   torch::mm(x.to(torch::kFloat32).t(), top), first > 0);
      }
      Tensor g = torch::mm(top, parameters[2 * last].select(0, copy).t()).to(torch::kBFloat16);
      for (std::size_t layer = last; layer-- > 0;) {
        kernels::relu_bias_backward_bf16(bits(g), bits(tile(activations[layer], copy)),
                                         bias_gradient(layer), count, g.size(1));
        if (wanted.weights) {
          const Tensor x =
              layer > 0 ? tile(activations[layer - 1], copy) : tile(rounded, copy % input.size(0));
          accumulate(result.parameters[2 * layer].select(0, copy), torch::mm(x.t(), g), first > 0);
        }
        if (layer > 0 || wanted.input) g = torch::mm(g, weights[layer].select(0, copy).t());
      }
      if (wanted.input) tile(result.input, copy % input.size(0)).add_(g);
    }
  }
  return result;
}

}  // namespace labhost::mlp
