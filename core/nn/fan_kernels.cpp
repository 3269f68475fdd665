#include "core/nn/vector_exp.hpp"  // first

#include "core/nn/fan_kernels.hpp"

#include <cmath>

#include "core/nn/bf16_bits.hpp"

namespace labhost::kernels {

namespace {

// Rows are stored as Real, or as the bits of bfloat16.
LABHOST_INLINE float load(float x) { return x; }
LABHOST_INLINE double load(double x) { return x; }
LABHOST_INLINE float load(std::uint16_t x) { return from_bf16(x); }
LABHOST_INLINE void store(float& to, float x) { to = x; }
LABHOST_INLINE void store(double& to, double x) { to = x; }
LABHOST_INLINE void store(std::uint16_t& to, float x) { to = to_bf16(x); }

template <typename Real, typename Row>
LABHOST_INLINE void first(const FanTile& t, const Real* __restrict__ state,
                          const Real* __restrict__ action, const Real* __restrict__ weight,
                          Row* __restrict__ h) {
  for (std::int64_t s = 0; s < t.states; ++s, state += t.units) {
    for (std::int64_t k = 0; k < t.actions; ++k, action += t.components, h += t.units) {
      if (t.components == 2) {  // in one pass, without a row in between
        const Real a = action[0], b = action[1];
        for (std::int64_t u = 0; u < t.units; ++u) {
          const Real sum = state[u] + a * weight[u] + b * weight[t.units + u];
          // Written so that NaN passes through.
          store(h[u], sum < 0 ? Real(0) : sum);
        }
        continue;
      }
      for (std::int64_t u = 0; u < t.units; ++u) {
        Real sum = state[u];
        for (std::int64_t a = 0; a < t.components; ++a) sum += action[a] * weight[a * t.units + u];
        store(h[u], sum < 0 ? Real(0) : sum);
      }
    }
  }
}

template <typename Real, typename Row>
LABHOST_INLINE void last(const FanTile& t, Row* __restrict__ z, const Real* __restrict__ bias,
                         const Real* __restrict__ weight, Real last_bias,
                         Real* __restrict__ value) {
  for (std::int64_t row = 0; row < t.states * t.actions; ++row, z += t.units) {
    Real sum = 0;
    for (std::int64_t u = 0; u < t.units; ++u) {
      const Real x = load(z[u]) + bias[u];
      const Real kept = x < 0 ? Real(0) : x;
      store(z[u], kept);
      sum += kept * weight[u];
    }
    value[row] = sum + last_bias;
  }
}

template <typename Real, typename Row>
LABHOST_INLINE void last_backward(const FanTile& t, const Real* __restrict__ gradient,
                                  Row* __restrict__ z, const Real* __restrict__ weight,
                                  Real* __restrict__ bias_gradient,
                                  Real* __restrict__ weight_gradient) {
  for (std::int64_t row = 0; row < t.states * t.actions; ++row, z += t.units) {
    const Real g = gradient[row];
    for (std::int64_t u = 0; u < t.units; ++u) {
      const Real x = load(z[u]);
      const Real kept = x == 0 ? Real(0) : g * weight[u];
      weight_gradient[u] += g * x;
      bias_gradient[u] += kept;
      store(z[u], kept);
    }
  }
}

template <typename Real, typename Row>
LABHOST_INLINE void first_backward(const FanTile& t, const Row* __restrict__ h,
                                   const Real* __restrict__ action, const Real* __restrict__ weight,
                                   Row* __restrict__ dh, Real* __restrict__ state_gradient,
                                   Real* __restrict__ weight_gradient,
                                   Real* __restrict__ action_gradient) {
  for (std::int64_t s = 0; s < t.states; ++s, state_gradient += t.units) {
    for (std::int64_t u = 0; u < t.units; ++u) state_gradient[u] = 0;
    for (std::int64_t k = 0; k < t.actions; ++k) {
      for (std::int64_t u = 0; u < t.units; ++u) {
        const Real kept = load(h[u]) == 0 ? Real(0) : load(dh[u]);
        state_gradient[u] += kept;
        store(dh[u], kept);
      }
      for (std::int64_t a = 0; a < t.components; ++a) {
        Real* into = weight_gradient + a * t.units;
        for (std::int64_t u = 0; u < t.units; ++u) into[u] += action[a] * load(dh[u]);
      }
      if (action_gradient != nullptr) {
        for (std::int64_t a = 0; a < t.components; ++a) {
          Real sum = 0;
          for (std::int64_t u = 0; u < t.units; ++u) sum += load(dh[u]) * weight[a * t.units + u];
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
#define LABHOST_FAN_KERNELS(Real, Row)                                                             \
  LABHOST_CLONES void fan_first(const FanTile& t, const Real* state, const Real* action,           \
                                const Real* weight, Row* h) {                                      \
    first(t, state, action, weight, h);                                                            \
  }                                                                                                \
  LABHOST_CLONES void fan_last(const FanTile& t, Row* z, const Real* bias, const Real* weight,     \
                               Real last_bias, Real* value) {                                      \
    last(t, z, bias, weight, last_bias, value);                                                    \
  }                                                                                                \
  LABHOST_CLONES void fan_last_backward(const FanTile& t, const Real* gradient, Row* z,            \
                                        const Real* weight, Real* dbias, Real* dweight) {          \
    last_backward(t, gradient, z, weight, dbias, dweight);                                         \
  }                                                                                                \
  LABHOST_CLONES void fan_first_backward(const FanTile& t, const Row* h, const Real* action,       \
                                         const Real* weight, Row* dh, Real* dstate, Real* dweight, \
                                         Real* daction) {                                          \
    first_backward(t, h, action, weight, dh, dstate, dweight, daction);                            \
  }

LABHOST_FAN_KERNELS(float, float)
LABHOST_FAN_KERNELS(double, double)
LABHOST_FAN_KERNELS(float, std::uint16_t)

LABHOST_CLONES double fan_logsumexp(const FanTile& t, const float* correction, double temperature,
                                    float* value) {
  return logsumexp(t, correction, static_cast<float>(temperature), value);
}
LABHOST_CLONES double fan_logsumexp(const FanTile& t, const double* correction, double temperature,
                                    double* value) {
  return logsumexp(t, correction, temperature, value);
}

}  // namespace labhost::kernels
