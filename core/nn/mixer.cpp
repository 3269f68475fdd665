#include "core/nn/mixer.hpp"

namespace labhost {

Mixer::Mixer(std::int64_t agents, std::int64_t inputs, std::int64_t hidden, torch::Device device,
             at::Generator generator)
    : Mlp(1, {inputs, agents + 1, hidden, 2}, device, std::move(generator)) {}

Mixer::Weights Mixer::weights(const Tensor& input) const {
  const Tensor output = Mlp::forward(input.unsqueeze(0)).squeeze(0).t();  // [N + 1, B]
  const std::int64_t agents = output.size(0) - 1;
  return {output.narrow(0, 0, agents), output.select(0, agents)};
}

Tensor Mixer::mix(const Weights& weights, const Tensor& values) {
  return (weights.w * values).sum(-2) + weights.b;
}

}  // namespace labhost
