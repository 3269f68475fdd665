#include "core/nn/kernels.hpp"

#include "core/nn/bf16_bits.hpp"
#include "core/nn/clones.hpp"

namespace labhost::kernels {

namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;  // PyTorch's defaults

// Built-ins: a call of std::sqrt would not be inlined into a clone, and so not be vectorised.
LABHOST_INLINE float root(float x) { return __builtin_sqrtf(x); }
LABHOST_INLINE double root(double x) { return __builtin_sqrt(x); }

template <typename Real>
LABHOST_INLINE void add_bias_to(Real* __restrict__ y, const Real* __restrict__ bias,
                                std::int64_t rows, std::int64_t width, bool relu) {
  for (std::int64_t r = 0; r < rows; ++r, y += width) {
    if (relu) {
      for (std::int64_t i = 0; i < width; ++i) {
        const Real sum = y[i] + bias[i];
        // Written so that NaN passes through.
        y[i] = sum < 0 ? Real(0) : sum;
      }
    } else {
      for (std::int64_t i = 0; i < width; ++i) y[i] += bias[i];
    }
  }
}

template <typename Real>
LABHOST_INLINE void relu_bias_backward_of(Real* __restrict__ g, const Real* __restrict__ activation,
                                          Real* __restrict__ bias_gradient, std::int64_t rows,
                                          std::int64_t width) {
  for (std::int64_t r = 0; r < rows; ++r, g += width) {
    if (activation != nullptr) {
      for (std::int64_t i = 0; i < width; ++i) {
        const Real kept = activation[i] == 0 ? Real(0) : g[i];
        g[i] = kept;
        bias_gradient[i] += kept;
      }
      activation += width;
    } else {
      for (std::int64_t i = 0; i < width; ++i) bias_gradient[i] += g[i];
    }
  }
}

/// The sum of squares as many sums side by side, so that it is vectorised.
template <typename Real>
LABHOST_INLINE double sum_of_squares(const Real* __restrict__ x, std::int64_t count) {
  constexpr std::int64_t kSums = 32;
  Real sums[kSums] = {};
  std::int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (std::int64_t k = 0; k < kSums; ++k) sums[k] += x[i + k] * x[i + k];
  }
  double sum = 0;
  for (std::int64_t k = 0; k < kSums; ++k) sum += static_cast<double>(sums[k]);
  for (; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

template <typename Real>
LABHOST_INLINE void adam_on(Real* __restrict__ parameter, const Real* __restrict__ gradient,
                            Real* __restrict__ first, Real* __restrict__ second, std::int64_t count,
                            Real scale, Real step_size, Real root_scale) {
  constexpr auto beta1 = static_cast<Real>(kBeta1), beta2 = static_cast<Real>(kBeta2);
  for (std::int64_t i = 0; i < count; ++i) {
    const Real g = gradient[i] * scale;
    const Real m = first[i] * beta1 + (1 - beta1) * g;
    const Real v = second[i] * beta2 + (1 - beta2) * g * g;
    first[i] = m;
    second[i] = v;
    parameter[i] -= step_size * m / (root(v) * root_scale + static_cast<Real>(kEpsilon));
  }
}

}  // namespace

LABHOST_CLONES void add_bias(float* y, const float* bias, std::int64_t rows, std::int64_t width,
                             bool relu) {
  add_bias_to(y, bias, rows, width, relu);
}
LABHOST_CLONES void add_bias(double* y, const double* bias, std::int64_t rows, std::int64_t width,
                             bool relu) {
  add_bias_to(y, bias, rows, width, relu);
}

LABHOST_CLONES void relu_bias_backward(float* g, const float* activation, float* bias_gradient,
                                       std::int64_t rows, std::int64_t width) {
  relu_bias_backward_of(g, activation, bias_gradient, rows, width);
}
LABHOST_CLONES void relu_bias_backward(double* g, const double* activation, double* bias_gradient,
                                       std::int64_t rows, std::int64_t width) {
  relu_bias_backward_of(g, activation, bias_gradient, rows, width);
}

LABHOST_CLONES void add_bias_relu_bf16(std::uint16_t* y, const float* bias, std::int64_t rows,
                                       std::int64_t width) {
  for (std::int64_t r = 0; r < rows; ++r, y += width) {
    for (std::int64_t i = 0; i < width; ++i) {
      const float sum = from_bf16(y[i]) + bias[i];
      y[i] = to_bf16(sum < 0 ? 0.0F : sum);
    }
  }
}

LABHOST_CLONES void relu_bias_backward_bf16(std::uint16_t* g, const std::uint16_t* activation,
                                            float* bias_gradient, std::int64_t rows,
                                            std::int64_t width) {
  for (std::int64_t r = 0; r < rows; ++r, g += width, activation += width) {
    for (std::int64_t i = 0; i < width; ++i) {
      g[i] = activation[i] == 0 ? std::uint16_t{0} : g[i];
      bias_gradient[i] += from_bf16(g[i]);
    }
  }
}

LABHOST_CLONES double squared_norm(const float* x, std::int64_t count) {
  return sum_of_squares(x, count);
}
LABHOST_CLONES double squared_norm(const double* x, std::int64_t count) {
  return sum_of_squares(x, count);
}

LABHOST_CLONES void adam(float* parameter, const float* gradient, float* first, float* second,
                         std::int64_t count, double scale, double step_size, double root_scale) {
  adam_on(parameter, gradient, first, second, count, static_cast<float>(scale),
          static_cast<float>(step_size), static_cast<float>(root_scale));
}
LABHOST_CLONES void adam(double* parameter, const double* gradient, double* first, double* second,
                         std::int64_t count, double scale, double step_size, double root_scale) {
  adam_on(parameter, gradient, first, second, count, scale, step_size, root_scale);
}

}  // namespace labhost::kernels
