#include "core/nn/vector_exp.hpp"  // first

#include "core/nn/memory_kernels.hpp"

#include <algorithm>
#include <cmath>

namespace labhost::kernels {

namespace {

constexpr double kNormEpsilon = 1e-5;  // released code

/// tanh from the exponential, exact to the last digits of 1: relative errors grow near 0.
template <typename Real>
LABHOST_INLINE Real hyperbolic_tangent(Real x) {
  return 1 - 2 / (1 + exponential(2 * x));
}
LABHOST_INLINE float root(float x) { return __builtin_sqrtf(x); }
LABHOST_INLINE double root(double x) { return __builtin_sqrt(x); }

template <typename Real>
LABHOST_INLINE Real dot(const Real* __restrict__ a, const Real* __restrict__ b,
                        std::int64_t count) {
  Real sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

template <typename Real>
LABHOST_INLINE void add_scaled(Real* __restrict__ to, const Real* __restrict__ from, Real factor,
                               std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += factor * from[i];
}

LABHOST_INLINE std::int64_t padded(std::int64_t count) {
  return (count + kLanes - 1) / kLanes * kLanes;
}

/// kLanes numbers side by side: one register or several, as the instruction set has it.
template <typename Real>
struct Lanes {
  typedef Real Type __attribute__((vector_size(kLanes * sizeof(Real)), aligned(sizeof(Real))));
};
template <typename Real>
LABHOST_INLINE typename Lanes<Real>::Type& lanes(Real* at) {
  return *reinterpret_cast<typename Lanes<Real>::Type*>(at);
}
template <typename Real>
LABHOST_INLINE const typename Lanes<Real>::Type& lanes(const Real* at) {
  return *reinterpret_cast<const typename Lanes<Real>::Type*>(at);
}

/// to[k] = start[k] + sum_i factors[i] rows[i, k] for `width` (a multiple of kLanes) numbers.
template <typename Real>
LABHOST_INLINE void weighted_sum(const Real* start, const Real* factors, const Real* rows,
                                 std::int64_t stride, std::int64_t count, std::int64_t width,
                                 Real* to) {
  for (std::int64_t k = 0; k < width; k += kLanes) {
    typename Lanes<Real>::Type sum = lanes(start + k);
    for (std::int64_t i = 0; i < count; ++i) sum += factors[i] * lanes(rows + i * stride + k);
    lanes(to + k) = sum;
  }
}

/// The largest of the first `count` <= padded(count) numbers; those behind are overwritten.
template <typename Real>
LABHOST_INLINE Real largest(Real* x, std::int64_t count) {
  Real most = x[0];
  for (std::int64_t k = 0; k < padded(count); k += kLanes) {
    Real half[kLanes / 2];
    for (std::int64_t i = count - k; i < kLanes; ++i) x[k + i] = x[0];
    for (std::int64_t i = 0; i < 8; ++i)
      half[i] = x[k + i] > x[k + i + 8] ? x[k + i] : x[k + i + 8];
    for (std::int64_t i = 0; i < 4; ++i) half[i] = half[i] > half[i + 4] ? half[i] : half[i + 4];
    for (std::int64_t i = 0; i < 4; ++i) most = half[i] > most ? half[i] : most;
  }
  return most;
}

/// In place: softmax of the first `count` of padded(count) numbers; the others become 0.
template <typename Real>
LABHOST_INLINE void softmax(Real* x, std::int64_t count) {
  const Real most = largest(x, count);
  for (std::int64_t i = 0; i < padded(count); ++i) x[i] = exponential(x[i] - most);
  for (std::int64_t i = count; i < padded(count); ++i) x[i] = 0;
  Real sum = 0;
  for (std::int64_t i = 0; i < padded(count); ++i) sum += x[i];
  const Real factor = 1 / sum;
  for (std::int64_t i = 0; i < padded(count); ++i) x[i] *= factor;
}

/// One history as the kernels work with it.
template <typename Real>
struct Worked {
  Real columns[kStackNumbers];  // pair number p of all pairs side by side [numbers, padded(H)]
  Real row[kStackNumbers];      // of features, behind them zeros
  Real scores[kMaxPairs];       // of one pair with all others
  const Real zeros[kMaxPairs] = {};
};

/// Fills columns from rows that lie `stride` apart.
template <typename Real>
LABHOST_INLINE void transpose(const MemoryTile& t, const Real* rows, std::int64_t stride,
                              Real* columns) {
  const std::int64_t across = padded(t.pairs);
  for (std::int64_t p = 0; p < t.numbers; ++p) {
    for (std::int64_t j = 0; j < t.pairs; ++j) columns[p * across + j] = rows[j * stride + p];
    for (std::int64_t j = t.pairs; j < across; ++j) columns[p * across + j] = 0;
  }
}

template <typename Real>
LABHOST_INLINE void attend_to(const MemoryTile& t, const Real* history, const Real* g,
                              Real* features) {
  const std::int64_t e = t.features, across = padded(t.pairs);
  Worked<Real> work;
  for (std::int64_t k = 0; k < e + kMaxPairs; ++k) work.row[k] = 0;
  for (std::int64_t b = 0; b < t.batch; ++b, features += t.pairs * 2 * e) {
    const Real* pairs = history + b * t.pairs * t.numbers;
    for (std::int64_t i = 0; i < t.pairs; ++i) {
      Real* row = features + i * 2 * e;
      for (std::int64_t p = 0; p < t.numbers; ++p) row[p] = pairs[i * t.numbers + p];
      for (std::int64_t p = t.numbers; p < e; ++p) row[p] = 0;
      row[t.numbers + i] = 1;
    }
    transpose(t, pairs, t.numbers, work.columns);
    for (std::int64_t i = 0; i < t.pairs; ++i) {
      // r = f_i G; r . f_j is r's number at place j and the product with pair j.
      weighted_sum(g + (t.numbers + i) * e, pairs + i * t.numbers, g, e, t.numbers, e, work.row);
      weighted_sum<Real>(work.row + t.numbers, work.row, work.columns, across, t.numbers, across,
                         work.scores);
      softmax(work.scores, t.pairs);
      for (std::int64_t k = 0; k < e; k += kLanes) {
        weighted_sum<Real>(work.zeros, work.scores, features + k, 2 * e, t.pairs, kLanes,
                           features + i * 2 * e + e + k);
      }
    }
  }
}

template <typename Real>
LABHOST_INLINE void attend_backward_of(const MemoryTile& t, const Real* features,
                                       const Real* gradient, Real* z) {
  const std::int64_t e = t.features, across = padded(t.pairs);
  Worked<Real> work;
  for (std::int64_t k = 0; k < e + kMaxPairs; ++k) work.row[k] = 0;
  for (std::int64_t b = 0; b < t.batch; ++b, features += t.pairs * 2 * e) {
    transpose(t, features, 2 * e, work.columns);
    for (std::int64_t i = 0; i < t.pairs; ++i, gradient += e, z += e) {
      for (std::int64_t k = 0; k < e; ++k) work.row[k] = gradient[k];
      weighted_sum<Real>(work.row + t.numbers, work.row, work.columns, across, t.numbers, across,
                         work.scores);  // d loss / d A_ij
      const Real* weights = features + i * 2 * e + e + t.numbers;
      const Real mean = dot(weights, static_cast<const Real*>(work.scores), t.pairs);
      for (std::int64_t j = 0; j < t.pairs; ++j) {
        work.scores[j] = weights[j] * (work.scores[j] - mean);
      }
      for (std::int64_t k = 0; k < e; k += kLanes) {
        weighted_sum<Real>(work.zeros, work.scores, features + k, 2 * e, t.pairs, kLanes, z + k);
      }
    }
  }
}

template <typename Real>
LABHOST_INLINE void normalise_rows(const MemoryTile& t, Real* __restrict__ u,
                                   const Real* __restrict__ gain, const Real* __restrict__ shift,
                                   Real* __restrict__ y, Real* __restrict__ scale) {
  const std::int64_t d = t.width;
  for (std::int64_t row = 0; row < t.batch * t.pairs; ++row, u += d, y += d) {
    Real sum = 0, squares = 0;
    for (std::int64_t k = 0; k < d; ++k) sum += u[k];
    const Real mean = sum / static_cast<Real>(d);
    for (std::int64_t k = 0; k < d; ++k) squares += (u[k] - mean) * (u[k] - mean);
    const Real factor = 1 / root(squares / static_cast<Real>(d) + static_cast<Real>(kNormEpsilon));
    scale[row] = factor;
    for (std::int64_t k = 0; k < d; ++k) {
      u[k] = (u[k] - mean) * factor;
      y[k] = u[k] * gain[k] + shift[k];
    }
  }
}

template <typename Real>
LABHOST_INLINE void normalise_backward_of(const MemoryTile& t, Real* __restrict__ dy,
                                          const Real* __restrict__ normalised,
                                          const Real* __restrict__ gain,
                                          const Real* __restrict__ scale,
                                          Real* __restrict__ gain_gradient,
                                          Real* __restrict__ shift_gradient) {
  const std::int64_t d = t.width;
  for (std::int64_t row = 0; row < t.batch * t.pairs; ++row, dy += d, normalised += d) {
    Real sum = 0, product = 0;
    for (std::int64_t k = 0; k < d; ++k) {
      gain_gradient[k] += dy[k] * normalised[k];
      shift_gradient[k] += dy[k];
    }
    for (std::int64_t k = 0; k < d; ++k) {
      sum += dy[k] * gain[k];
      product += dy[k] * gain[k] * normalised[k];
    }
    const Real mean = sum / static_cast<Real>(d), along = product / static_cast<Real>(d);
    for (std::int64_t k = 0; k < d; ++k) {
      dy[k] = scale[row] * (dy[k] * gain[k] - mean - normalised[k] * along);
    }
  }
}

template <typename Real>
LABHOST_INLINE void pool_over(const MemoryTile& t, Real* __restrict__ keys,
                              const Real* __restrict__ y, const Real* __restrict__ query,
                              Real* __restrict__ weights, Real* __restrict__ embedding) {
  const std::int64_t d = t.width;
  Real scores[kMaxPairs];
  for (std::int64_t b = 0; b < t.batch; ++b, weights += t.pairs, embedding += d) {
    for (std::int64_t i = 0; i < t.pairs; ++i, keys += d) {
      for (std::int64_t k = 0; k < d; ++k) keys[k] = hyperbolic_tangent(keys[k]);
      scores[i] = dot(static_cast<const Real*>(keys), query, d);
    }
    softmax(scores, t.pairs);
    for (std::int64_t k = 0; k < d; ++k) embedding[k] = 0;
    for (std::int64_t i = 0; i < t.pairs; ++i, y += d) {
      weights[i] = scores[i];
      add_scaled(embedding, y, scores[i], d);
    }
  }
}

template <typename Real>
LABHOST_INLINE void pool_backward_of(const MemoryTile& t, const Real* __restrict__ gradient,
                                     const Real* __restrict__ keys, const Real* __restrict__ y,
                                     const Real* __restrict__ query,
                                     const Real* __restrict__ weights,
                                     Real* __restrict__ key_gradient, Real* __restrict__ y_gradient,
                                     Real* __restrict__ query_gradient) {
  const std::int64_t d = t.width;
  Real scores[kMaxPairs];
  for (std::int64_t b = 0; b < t.batch; ++b, weights += t.pairs, gradient += d) {
    Real mean = 0;
    for (std::int64_t i = 0; i < t.pairs; ++i) {
      scores[i] = dot(gradient, y + i * d, d);
      mean += weights[i] * scores[i];
    }
    for (std::int64_t i = 0; i < t.pairs; ++i) {
      const Real weight = weights[i], slope = weight * (scores[i] - mean);
      for (std::int64_t k = 0; k < d; ++k) {
        query_gradient[k] += slope * keys[k];
        key_gradient[k] = slope * query[k] * (1 - keys[k] * keys[k]);
        y_gradient[k] = weight * gradient[k];
      }
      keys += d, key_gradient += d, y_gradient += d;
    }
    y += t.pairs * d;
  }
}

}  // namespace

// A template cannot be compiled for several instruction sets: one plain function per type.
#define LABHOST_MEMORY_KERNELS(Real)                                                               \
  LABHOST_CLONES void attend(const MemoryTile& t, const Real* h, const Real* g, Real* f) {         \
    attend_to(t, h, g, f);                                                                         \
  }                                                                                                \
  LABHOST_CLONES void attend_backward(const MemoryTile& t, const Real* f, const Real* g,           \
                                      Real* z) {                                                   \
    attend_backward_of(t, f, g, z);                                                                \
  }                                                                                                \
  LABHOST_CLONES void normalise(const MemoryTile& t, Real* u, const Real* gain, const Real* shift, \
                                Real* y, Real* scale) {                                            \
    normalise_rows(t, u, gain, shift, y, scale);                                                   \
  }                                                                                                \
  LABHOST_CLONES void normalise_backward(const MemoryTile& t, Real* dy, const Real* x,             \
                                         const Real* gain, const Real* scale, Real* dgain,         \
                                         Real* dshift) {                                           \
    normalise_backward_of(t, dy, x, gain, scale, dgain, dshift);                                   \
  }                                                                                                \
  LABHOST_CLONES void pool(const MemoryTile& t, Real* keys, const Real* y, const Real* query,      \
                           Real* weights, Real* embedding) {                                       \
    pool_over(t, keys, y, query, weights, embedding);                                              \
  }                                                                                                \
  LABHOST_CLONES void pool_backward(const MemoryTile& t, const Real* g, const Real* keys,          \
                                    const Real* y, const Real* query, const Real* weights,         \
                                    Real* dkeys, Real* dy, Real* dquery) {                         \
    pool_backward_of(t, g, keys, y, query, weights, dkeys, dy, dquery);                            \
  }

LABHOST_MEMORY_KERNELS(float)
LABHOST_MEMORY_KERNELS(double)

}  // namespace labhost::kernels
