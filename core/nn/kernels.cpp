#include "core/nn/kernels.hpp"

// Sanitizers do not support functions that are chosen at load time.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LABHOST_CLONES \
  __attribute__((target_clones("default", "arch=haswell", "arch=skylake-avx512")))
#else
#define LABHOST_CLONES
#endif
#define LABHOST_INLINE __attribute__((always_inline)) inline

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
  for (std::int64_t i = 0; i < width; ++i) bias_gradient[i] = 0;
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
