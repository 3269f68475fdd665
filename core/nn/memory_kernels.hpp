// The element-wise parts of the memory (core/nn/memory.hpp), tile by tile, fused so that a tile
// stays in the cache between two matrix products. float and double run the same code.
//
// B histories of H pairs; E features per pair, padded to a multiple of kLanes: the pair's numbers,
// then a one for its place among the H. D width of the embedding.
#pragma once

#include <cstdint>

namespace labhost::kernels {

constexpr std::int64_t kLanes = 16;           // floats of a vector register
constexpr std::int64_t kMaxPairs = 64;        // H at most, so that scores stay on the stack
constexpr std::int64_t kStackNumbers = 4096;  // numbers * H (padded) + E at most, for the same

struct MemoryTile {
  std::int64_t batch, pairs, numbers, features, width;  ///< B, H, numbers of a pair, E, D
};

/// features[b, i] = (f_i, sum_j A_ij f_j) with A = softmax_j(f_i G f_j): [B, H, 2E] from histories
/// [B, H, numbers] and G [E, E].
void attend(const MemoryTile& tile, const float* history, const float* g, float* features);
void attend(const MemoryTile& tile, const double* history, const double* g, double* features);
/// z_i = sum_j dS_ij f_j [B, H, E] from the gradient of the second half of the features [B, H, E];
/// dG = sum f^T z.
void attend_backward(const MemoryTile& tile, const float* features, const float* gradient,
                     float* z);
void attend_backward(const MemoryTile& tile, const double* features, const double* gradient,
                     double* z);

/// Layer normalisation of rows [B H, D]: u becomes (u - mean) / deviation, y = that * gain + shift,
/// scale = 1 / deviation [B H].
void normalise(const MemoryTile& tile, float* u, const float* gain, const float* shift, float* y,
               float* scale);
void normalise(const MemoryTile& tile, double* u, const double* gain, const double* shift,
               double* y, double* scale);
/// dy becomes du; gain and shift gradients [D] are added to.
void normalise_backward(const MemoryTile& tile, float* dy, const float* normalised,
                        const float* gain, const float* scale, float* gain_gradient,
                        float* shift_gradient);
void normalise_backward(const MemoryTile& tile, double* dy, const double* normalised,
                        const double* gain, const double* scale, double* gain_gradient,
                        double* shift_gradient);

/// Soft attention: keys become tanh(keys), weights = softmax_i(tanh(key_i) . query) [B, H],
/// embedding = sum_i weight_i y_i [B, D].
void pool(const MemoryTile& tile, float* keys, const float* y, const float* query, float* weights,
          float* embedding);
void pool(const MemoryTile& tile, double* keys, const double* y, const double* query,
          double* weights, double* embedding);
/// Gradients of keys (before tanh) and y [B H, D]; the query's [D] is added to.
void pool_backward(const MemoryTile& tile, const float* gradient, const float* keys, const float* y,
                   const float* query, const float* weights, float* key_gradient, float* y_gradient,
                   float* query_gradient);
void pool_backward(const MemoryTile& tile, const double* gradient, const double* keys,
                   const double* y, const double* query, const double* weights,
                   double* key_gradient, double* y_gradient, double* query_gradient);

}  // namespace labhost::kernels
