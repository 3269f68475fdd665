#include "core/nn/mlp_passes.hpp"

#include <algorithm>

#include "core/nn/kernels.hpp"

namespace labhost::mlp {

namespace {

/// y [rows, width] += bias, then ReLU.
void add_bias(const Tensor& y, const Tensor& bias, std::int64_t copy, bool relu) {
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "add_bias", [&] {
    kernels::add_bias(y.data_ptr<scalar_t>(), bias.data_ptr<scalar_t>() + copy * bias.size(2),
                      y.size(0), y.size(1), relu);
  });
}

/// Masks g [rows, width] by the activation (undefined: no ReLU); the bias' gradient is added to.
void relu_bias_backward(const Tensor& g, const Tensor& activation, const Tensor& sums,
                        std::int64_t copy) {
  AT_DISPATCH_FLOATING_TYPES(g.scalar_type(), "relu_bias_backward", [&] {
    kernels::relu_bias_backward(
        g.data_ptr<scalar_t>(), activation.defined() ? activation.data_ptr<scalar_t>() : nullptr,
        sums.data_ptr<scalar_t>() + copy * sums.size(2), g.size(0), g.size(1));
  });
}

/// to = a b, or to += a b.
void product(Tensor to, const Tensor& a, const Tensor& b, bool add) {
  if (add) {
    to.addmm_(a, b);
  } else {
    at::mm_out(to, a, b);
  }
}

}  // namespace

Forward forward(const Tensor& input, at::TensorList parameters, bool keep) {
  const std::size_t layers = parameters.size() / 2;
  const std::int64_t copies = parameters[0].size(0), rows = input.size(1);
  Forward result;
  std::vector<Tensor> buffers;  // per layer: all activations, or one tile's
  for (std::size_t layer = 0; layer + 1 < layers; ++layer) {
    const std::int64_t width = parameters[2 * layer].size(2);
    buffers.push_back(keep ? torch::empty({copies, rows, width}, input.options())
                           : torch::empty({1, std::min(rows, kRowTile), width}, input.options()));
  }
  result.output = torch::empty({copies, rows, parameters.back().size(2)}, input.options());
  for (std::int64_t copy = 0; copy < copies; ++copy) {
    const Tensor own = input.select(0, copy % input.size(0));
    for (std::int64_t first = 0; first < rows; first += kRowTile) {
      const std::int64_t count = std::min(kRowTile, rows - first);
      Tensor x = own.narrow(0, first, count);
      for (std::size_t layer = 0; layer < layers; ++layer) {
        const bool hidden = layer + 1 < layers, whole = keep || !hidden;
        Tensor y = (hidden ? buffers[layer] : result.output)
                       .select(0, whole ? copy : 0)
                       .narrow(0, whole ? first : 0, count);
        at::mm_out(y, x, parameters[2 * layer].select(0, copy));
        add_bias(y, parameters[2 * layer + 1], copy, hidden);
        x = y;
      }
    }
  }
  if (keep) result.activations = std::move(buffers);
  return result;
}

Gradients backward(const Tensor& gradient, const Tensor& input,
                   const std::vector<Tensor>& activations, at::TensorList parameters,
                   Wanted wanted) {
  const std::size_t layers = parameters.size() / 2;
  const std::int64_t copies = parameters[0].size(0), rows = input.size(1);
  const std::int64_t most = std::min(rows, kRowTile);
  Gradients result;
  std::vector<Tensor> buffers;  // one tile's gradients with respect to a layer's output
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const Tensor &weight = parameters[2 * layer], &bias = parameters[2 * layer + 1];
    result.parameters.push_back(wanted.weights ? torch::empty_like(weight) : Tensor());
    result.parameters.push_back(torch::zeros_like(bias));
    buffers.push_back(torch::empty({most, weight.size(2)}, input.options()));
  }
  if (wanted.input) result.input = torch::empty(input.sizes(), input.options());
  for (std::int64_t copy = 0; copy < copies; ++copy) {
    for (std::int64_t first = 0; first < rows; first += kRowTile) {
      const std::int64_t count = std::min(kRowTile, rows - first);
      const auto tile = [&](const Tensor& all, std::int64_t which) {
        return all.select(0, which).narrow(0, first, count);
      };
      Tensor g = tile(gradient, copy);  // never written to: the top layer has no ReLU
      for (std::size_t layer = layers; layer-- > 0;) {
        const Tensor activation = layer + 1 < layers ? tile(activations[layer], copy) : Tensor();
        relu_bias_backward(g, activation, result.parameters[2 * layer + 1], copy);
        const Tensor x =
            layer > 0 ? tile(activations[layer - 1], copy) : tile(input, copy % input.size(0));
        if (wanted.weights) {
          product(result.parameters[2 * layer].select(0, copy), x.t(), g, first > 0);
        }
        const Tensor back = parameters[2 * layer].select(0, copy).t();
        if (layer > 0) {
          Tensor before = buffers[layer - 1].narrow(0, 0, count);
          at::mm_out(before, g, back);
          g = before;
        } else if (wanted.input) {
          product(tile(result.input, copy % input.size(0)), g, back, copy >= input.size(0));
        }
      }
    }
  }
  return result;
}

Forward forward_batched(const Tensor& input, at::TensorList parameters, bool keep, bool bf16) {
  const std::size_t layers = parameters.size() / 2;
  const std::int64_t shared = parameters[0].size(0) / input.size(0);
  const auto type = input.scalar_type();
  Forward result;
  Tensor x = shared > 1 ? input.repeat({shared, 1, 1}) : input;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const bool hidden = layer + 1 < layers;
    const auto at = bf16 && hidden ? torch::kBFloat16 : type;
    x = torch::bmm(x.to(at), parameters[2 * layer].to(at)) + parameters[2 * layer + 1].to(at);
    if (!hidden) break;
    x = x.relu_();
    if (keep) result.activations.push_back(x);
  }
  result.output = x;
  return result;
}

Gradients backward_batched(const Tensor& gradient, const Tensor& input,
                           const std::vector<Tensor>& activations, at::TensorList parameters,
                           Wanted wanted, bool bf16) {
  const std::size_t layers = parameters.size() / 2;
  const std::int64_t shared = parameters[0].size(0) / input.size(0);
  const auto type = input.scalar_type();
  Gradients result;
  result.parameters.resize(2 * layers);
  Tensor g = gradient;
  for (std::size_t layer = layers; layer-- > 0;) {
    const bool hidden = layer + 1 < layers;
    const auto at = bf16 && hidden ? torch::kBFloat16 : type;
    g = g.to(at);
    if (hidden) g = g * activations[layer].gt(0);
    result.parameters[2 * layer + 1] = g.to(type).sum(1, /*keepdim=*/true);
    if (wanted.weights) {
      const Tensor x = layer > 0    ? activations[layer - 1]
                       : shared > 1 ? input.repeat({shared, 1, 1})
                                    : input;
      result.parameters[2 * layer] = torch::bmm(x.to(at).transpose(1, 2), g).to(type);
    }
    if (layer > 0 || wanted.input) {
      g = torch::bmm(g, parameters[2 * layer].to(at).transpose(1, 2));
    }
  }
  if (wanted.input) {
    result.input = g.to(type).view({shared, input.size(0), g.size(1), g.size(2)}).sum(0);
  }
  return result;
}

}  // namespace labhost::mlp
