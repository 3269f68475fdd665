// Element-wise passes that are fused because they would otherwise cost as much as the matrix
// products they stand between. Each is compiled for several instruction sets; the library's loader
// picks one. float and double run the same code, so that what is tested in double is what trains in
// float.
#pragma once

#include <cstdint>

namespace labhost::kernels {

/// y[r, :] = max(y[r, :] + bias, 0), or without the maximum; y [rows, width], in place.
void add_bias(float* y, const float* bias, std::int64_t rows, std::int64_t width, bool relu);
void add_bias(double* y, const double* bias, std::int64_t rows, std::int64_t width, bool relu);

/// Backward of ReLU and bias: g = 0 where activation = 0 (in place; not when activation is
/// nullptr), bias_gradient += sum of g over the rows. g, activation [rows, width].
void relu_bias_backward(float* g, const float* activation, float* bias_gradient, std::int64_t rows,
                        std::int64_t width);
void relu_bias_backward(double* g, const double* activation, double* bias_gradient,
                        std::int64_t rows, std::int64_t width);

/// The same on bfloat16 numbers, given by their bits; biases and sums are floats.
void add_bias_relu_bf16(std::uint16_t* y, const float* bias, std::int64_t rows, std::int64_t width);
void relu_bias_backward_bf16(std::uint16_t* g, const std::uint16_t* activation,
                             float* bias_gradient, std::int64_t rows, std::int64_t width);

double squared_norm(const float* x, std::int64_t count);
double squared_norm(const double* x, std::int64_t count);

/// Adam on `count` parameters. `step_size` = rate / (1 - beta1^t), `root_scale` = 1 / sqrt(1 -
/// beta2^t), gradients are multiplied by `scale` (clipping) first.
void adam(float* parameter, const float* gradient, float* first, float* second, std::int64_t count,
          double scale, double step_size, double root_scale);
void adam(double* parameter, const double* gradient, double* first, double* second,
          std::int64_t count, double scale, double step_size, double root_scale);

}  // namespace labhost::kernels
