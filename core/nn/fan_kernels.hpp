// Element-wise parts of core/nn/action_fan.hpp, a tile of states at a time. float and double run
// the same code. Rows of hidden units may also be bfloat16, given by their bits, beside floats.
//
// A tile has S states with K actions each: R = S K rows, U hidden units, A action components.
#pragma once

#include <cstdint>

namespace labhost::kernels {

struct FanTile {
  std::int64_t states, actions, components, units;  ///< S, K, A, U
};

/// First layer: h[s k, :] = relu(state[s, :] + sum_a action[s k, a] weight[a, :]).
void fan_first(const FanTile& tile, const float* state, const float* action, const float* weight,
               float* h);
void fan_first(const FanTile& tile, const double* state, const double* action, const double* weight,
               double* h);
void fan_first(const FanTile& tile, const float* state, const float* action, const float* weight,
               std::uint16_t* h);

/// Second layer and last: z becomes relu(z + bias), value[row] = z . weight + last_bias.
void fan_last(const FanTile& tile, float* z, const float* bias, const float* weight,
              float last_bias, float* value);
void fan_last(const FanTile& tile, double* z, const double* bias, const double* weight,
              double last_bias, double* value);
void fan_last(const FanTile& tile, std::uint16_t* z, const float* bias, const float* weight,
              float last_bias, float* value);

/// Backward of fan_last: z becomes its gradient; the gradients of bias [U] and weight [U] are added
/// to.
void fan_last_backward(const FanTile& tile, const float* gradient, float* z, const float* weight,
                       float* bias_gradient, float* weight_gradient);
void fan_last_backward(const FanTile& tile, const double* gradient, double* z, const double* weight,
                       double* bias_gradient, double* weight_gradient);
void fan_last_backward(const FanTile& tile, const float* gradient, std::uint16_t* z,
                       const float* weight, float* bias_gradient, float* weight_gradient);

/// Backward of fan_first: dh becomes the gradient before the ReLU; state_gradient [S, U] is set,
/// weight_gradient [A, U] is added to, and so is action_gradient [R, A] unless it is nullptr.
void fan_first_backward(const FanTile& tile, const float* h, const float* action,
                        const float* weight, float* dh, float* state_gradient,
                        float* weight_gradient, float* action_gradient);
void fan_first_backward(const FanTile& tile, const double* h, const double* action,
                        const double* weight, double* dh, double* state_gradient,
                        double* weight_gradient, double* action_gradient);
void fan_first_backward(const FanTile& tile, const std::uint16_t* h, const float* action,
                        const float* weight, std::uint16_t* dh, float* state_gradient,
                        float* weight_gradient, float* action_gradient);

/// Of each state: t logsumexp_k((value - correction) / t), its sum over states returned; values
/// become its derivatives (weights that sum to 1 over k).
double fan_logsumexp(const FanTile& tile, const float* correction, double temperature,
                     float* value);
double fan_logsumexp(const FanTile& tile, const double* correction, double temperature,
                     double* value);

}  // namespace labhost::kernels
