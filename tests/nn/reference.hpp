// What several tests of networks and optimisers compare with: plain, slow, by the book.
#pragma once

#include <torch/torch.h>

#include <cmath>
#include <vector>

#include "core/nn/mlp.hpp"
#include "core/sdk/random.hpp"

namespace labhost::testing {

inline at::Generator generator(std::uint64_t seed = 1) { return Streams(seed).get("test"); }

/// New tensors are of this type until the end of the scope.
class DefaultType {
 public:
  explicit DefaultType(torch::ScalarType type) : before_(torch::get_default_dtype()) {
    torch::set_default_dtype(torch::scalarTypeToTypeMeta(type));
  }
  ~DefaultType() { torch::set_default_dtype(before_); }
  DefaultType(const DefaultType&) = delete;
  DefaultType& operator=(const DefaultType&) = delete;

 private:
  caffe2::TypeMeta before_;
};

inline double largest_difference(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

/// Copy `copy` of a network, layer by layer, on x [B, I].
inline Tensor plain_forward(const Mlp& network, std::int64_t copy, Tensor x) {
  for (std::int64_t layer = 0; layer <= network.shape().layers; ++layer) {
    x = torch::mm(x, network.weight(layer)[copy]) + network.bias(layer)[copy];
    if (layer < network.shape().layers) x = torch::relu(x);
  }
  return x;
}

/// Adam as its paper's Algorithm 1 states it, on one tensor.
class TextbookAdam {
 public:
  explicit TextbookAdam(const Tensor& start)
      : theta_(start.detach().clone()), m_(torch::zeros_like(theta_)), v_(m_.clone()) {}
  void step(const Tensor& gradient, double rate) {
    ++t_;
    m_ = 0.9 * m_ + 0.1 * gradient;
    v_ = 0.999 * v_ + 0.001 * gradient * gradient;
    const Tensor m_hat = m_ / (1 - std::pow(0.9, t_)), v_hat = v_ / (1 - std::pow(0.999, t_));
    theta_ = theta_ - rate * m_hat / (v_hat.sqrt() + 1e-8);
  }
  const Tensor& value() const { return theta_; }

 private:
  Tensor theta_, m_, v_;
  int t_ = 0;
};

}  // namespace labhost::testing
