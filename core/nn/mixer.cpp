#include "core/nn/mixer.hpp"

namespace labhost {

Mixer::Mixer(std::int64_t agents, std::int64_t inputs, std::int64_t hidden, torch::Device device,
             at::Generator generator, std::int64_t count)
    : Mlp(count, {inputs, agents + 1, hidden, 2}, device, std::move(generator)) {}

namespace {

Mixer::Weights taken_apart(const Tensor& output) {  // [1 or 2, B, N + 1]
  const Tensor rows = output.transpose(1, 2).squeeze(0);
  const std::int64_t agents = rows.size(-2) - 1;
  return {rows.narrow(-2, 0, agents), rows.select(-2, agents)};
}

}  // namespace

Mixer::Weights Mixer::weights(const Tensor& input) const {
  return taken_apart(Mlp::forward(input.unsqueeze(0)));
}

Mixer::Weights Mixer::weights_fixed(const Tensor& input) const {
  return taken_apart(forward_fixed(input.unsqueeze(0), 0, 1));
}

Tensor Mixer::mix(const Weights& weights, const Tensor& values) {
  return (weights.w * values).sum(-2) + weights.b;
}

}  // namespace labhost
