// glibc's exp for whole vectors, as in memory_kernels.cpp.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
extern "C" {
__attribute__((simd("notinbranch"))) float expf(float) noexcept;
__attribute__((simd("notinbranch"))) double exp(double) noexcept;
}
#endif

#include "core/nn/fan_kernels.hpp"

#include <cmath>

#include "core/nn/clones.hpp"

namespace labhost::kernels {

namespace {

LABHOST_INLINE float exponential(float x) { return expf(x); }
LABHOST_INLINE double exponential(double x) { return exp(x); }

template <typename Real>
LABHOST_INLINE void first(const FanTile& t, const Real* __restrict__ state,
                          const Real* __restrict__ action, const Real* __restrict__ weight,
                          Real* __restrict__ h) {
  for (std::int64_t s = 0; s < t.states; ++s, state += t.units) {
    for (std::int64_t k = 0; k < t.actions; ++k, action += t.components, h += t.units) {
      for (std::int64_t u = 0; u < t.units; ++u) h[u] = state[u] + action[0] * weight[u];
      for (std::int64_t a = 1; a < t.components; ++a) {
        for (std::int64_t u = 0; u < t.units; ++u) h[u] += action[a] * weight[a * t.units + u];
      }
      // Written so that NaN passes through.
      for (std::int64_t u = 0; u < t.units; ++u) h[u] = h[u] < 0 ? Real(0) : h[u];
    }
  }
}

template <typename Real>
LABHOST_INLINE void last(const FanTile& t, Real* __restrict__ z, const Real* __restrict__ bias,
                         const Real* __restrict__ weight, Real last_bias,
                         Real* __restrict__ value) {
  for (std::int64_t row = 0; row < t.states * t.actions; ++row, z += t.units) {
    Real sum = 0;
    for (std::int64_t u = 0; u < t.units; ++u) {
      const Real x = z[u] + bias[u];
      z[u] = x < 0 ? Real(0) : x;
      sum += z[u] * weight[u];
    }
    value[row] = sum + last_bias;
  }
}

template <typename Real>
LABHOST_INLINE void last_backward(const FanTile& t, const Real* __restrict__ gradient,
                                  Real* __restrict__ z, const Real* __restrict__ weight,
                                  Real* __restrict__ bias_gradient,
                                  Real* __restrict__ weight_gradient) {
  for (std::int64_t row = 0; row < t.states * t.actions; ++row, z += t.units) {
    const Real g = gradient[row];
    for (std::int64_t u = 0; u < t.units; ++u) {
      weight_gradient[u] += g * z[u];
      const Real kept = z[u] == 0 ? Real(0) : g * weight[u];
      z[u] = kept;
      bias_gradient[u] += kept;
    }
  }
}

template <typename Real>
LABHOST_INLINE void first_backward(const FanTile& t, const Real* __restrict__ h,
                                   const Real* __restrict__ action, const Real* __restrict__ weight,
                                   Real* __restrict__ dh, Real* __restrict__ state_gradient,
                                   Real* __restrict__ weight_gradient,
                                   Real* __restrict__ action_gradient) {
  for (std::int64_t s = 0; s < t.states; ++s, state_gradient += t.units) {
    for (std::int64_t u = 0; u < t.units; ++u) state_gradient[u] = 0;
    for (std::int64_t k = 0; k < t.actions; ++k) {
      for (std::int64_t u = 0; u < t.units; ++u) {
        const Real kept = h[u] == 0 ? Real(0) : dh[u];
        dh[u] = kept;
        state_gradient[u] += kept;
      }
      for (std::int64_t a = 0; a < t.components; ++a) {
        Real* into = weight_gradient + a * t.units;
        for (std::int64_t u = 0; u < t.units; ++u) into[u] += action[a] * dh[u];
      }
      if (action_gradient != nullptr) {
        for (std::int64_t a = 0; a < t.components; ++a) {
          Real sum = 0;
          for (std::int64_t u = 0; u < t.units; ++u) sum += dh[u] * weight[a * t.units + u];
          action_gradient[a] += sum;
        }
        action_gradient += t.components;
      }
      h += t.units, dh += t.units, action += t.components;
    }
  }
}

template <typename Real>
LABHOST_INLINE double logsumexp(const FanTile& t, const Real* __restrict__ correction,
                                Real temperature, Real* __restrict__ value) {
  double total = 0;
  const std::int64_t count = t.actions;
  for (std::int64_t s = 0; s < t.states; ++s, value += count, correction += count) {
    for (std::int64_t k = 0; k < count; ++k) value[k] = (value[k] - correction[k]) / temperature;
    Real most = value[0], sum = 0;
    for (std::int64_t k = 1; k < count; ++k) most = value[k] > most ? value[k] : most;
    for (std::int64_t k = 0; k < count; ++k) {
      value[k] = exponential(value[k] - most);
      sum += value[k];
    }
    for (std::int64_t k = 0; k < count; ++k) value[k] /= sum;
    total += static_cast<double>(temperature) *
             (static_cast<double>(most) + std::log(static_cast<double>(sum)));
  }
  return total;
}

}  // namespace

// A template cannot be compiled for several instruction sets: one plain function per type.
#define LABHOST_FAN_KERNELS(Real)                                                               \
  LABHOST_CLONES void fan_first(const FanTile& t, const Real* state, const Real* action,        \
                                const Real* weight, Real* h) {                                  \
    first(t, state, action, weight, h);                                                         \
  }                                                                                             \
  LABHOST_CLONES void fan_last(const FanTile& t, Real* z, const Real* bias, const Real* weight, \
                               Real last_bias, Real* value) {                                   \
    last(t, z, bias, weight, last_bias, value);                                                 \
  }                                                                                             \
  LABHOST_CLONES void fan_last_backward(const FanTile& t, const Real* gradient, Real* z,        \
                                        const Real* weight, Real* dbias, Real* dweight) {       \
    last_backward(t, gradient, z, weight, dbias, dweight);                                      \
  }                                                                                             \
  LABHOST_CLONES void fan_first_backward(const FanTile& t, const Real* h, const Real* action,   \
                                         const Real* weight, Real* dh, Real* dstate,            \
                                         Real* dweight, Real* daction) {                        \
    first_backward(t, h, action, weight, dh, dstate, dweight, daction);                         \
  }                                                                                             \
  LABHOST_CLONES double fan_logsumexp(const FanTile& t, const Real* correction,                 \
                                      double temperature, Real* value) {                        \
    return logsumexp(t, correction, static_cast<Real>(temperature), value);                     \
  }

LABHOST_FAN_KERNELS(float)
LABHOST_FAN_KERNELS(double)

}  // namespace labhost::kernels
