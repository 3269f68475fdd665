#include "core/nn/action_fan.hpp"

#include <ATen/core/LegacyTypeDispatch.h>

#include <algorithm>
#include <type_traits>

#include "core/nn/fan_kernels.hpp"

namespace labhost {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kTileRows = 512;  // of 256 units: half a megabyte

/// The critics' parameters with the first layer's weight taken apart: rows for the input, rows for
/// the action.
struct Critics {
  Tensor of_input, of_action, bias0;  // [2N, I, U], [2N, A, U], [2N, 1, U]
  Tensor weight1, bias1;              // [2N, U, U], [2N, 1, U]
  Tensor weight2, bias2;              // [2N, U, 1], [2N, 1, 1]

  Critics(const variable_list& p, std::int64_t inputs)
      : of_input(p[0].narrow(1, 0, inputs)),
        of_action(p[0].narrow(1, inputs, p[0].size(1) - inputs)),
        bias0(p[1]),
        weight1(p[2]),
        bias1(p[3]),
        weight2(p[4]),
        bias2(p[5]) {}
};

template <typename Real>
Real* data(const Tensor& all, std::int64_t copy) {
  return all.data_ptr<Real>() + copy * all.stride(0);
}

/// The input's part of the first layer, for all copies [copies, B, U].
Tensor state_part(const Critics& critics, const Tensor& input, std::int64_t copies) {
  std::vector<Tensor> parts;
  for (std::int64_t c = 0; c < copies; ++c) {
    parts.push_back(torch::addmm(critics.bias0.select(0, c), input.select(0, c % input.size(0)),
                                 critics.of_input.select(0, c)));
  }
  return torch::stack(parts);
}

struct Sizes {
  std::int64_t agents, batch, actions, components, units, tile_states;
  Sizes(const Tensor& all_actions, std::int64_t hidden)
      : agents(all_actions.size(0)),
        batch(all_actions.size(1)),
        actions(all_actions.size(2)),
        components(all_actions.size(3)),
        units(hidden),
        tile_states(std::max<std::int64_t>(1, kTileRows / all_actions.size(2))) {}
  kernels::FanTile tile(std::int64_t first) const {
    return {std::min(tile_states, batch - first), actions, components, units};
  }
  std::int64_t tile_rows() const { return std::min(tile_states, batch) * actions; }
};

/// Rows of one tile, used again for every tile; bfloat16 where the critics are.
struct Buffers {
  Tensor h, z, dh, dweight;
  Buffers(const Sizes& s, const torch::TensorOptions& options, bool backward)
      : h(torch::empty({s.tile_rows(), s.units}, options)),
        z(torch::empty({s.tile_rows(), s.units}, options)),
        dh(backward ? torch::empty({s.tile_rows(), s.units}, options) : Tensor()),
        dweight(backward ? torch::empty({s.units, s.units}, options) : Tensor()) {}
};

torch::TensorOptions row_options(const TwinQ& q, const Tensor& input) {
  return q.precision() == Precision::kBFloat16 ? input.options().dtype(torch::kBFloat16)
                                               : input.options();
}

/// Calls `call` with a null pointer of the rows' type: as the floats beside them, or bits.
template <typename Real, typename Call>
void with_rows(const Tensor& rows, Call call) {
  if constexpr (std::is_same_v<Real, float>) {
    if (rows.scalar_type() == torch::kBFloat16) {
      call(static_cast<std::uint16_t*>(nullptr));
      return;
    }
  }
  call(static_cast<Real*>(nullptr));
}
template <typename Row>
Row* rows_of(const Tensor& rows) {
  return static_cast<Row*>(rows.data_ptr());
}

/// Values of a tile: [rows] at `value`; h and z are left for the way back. `weight1` is the second
/// layer's weight in the rows' type.
template <typename Real, typename Row>
void tile_forward(const Critics& critics, const Tensor& weight1, const Tensor& state,
                  const Tensor& actions, const Sizes& sizes, std::int64_t copy, std::int64_t first,
                  const Buffers& buffers, Real* value) {
  const kernels::FanTile tile = sizes.tile(first);
  const std::int64_t rows = tile.states * tile.actions;
  Tensor h = buffers.h.narrow(0, 0, rows), z = buffers.z.narrow(0, 0, rows);
  kernels::fan_first(
      tile, data<Real>(state, copy) + first * sizes.units,
      data<Real>(actions, copy % sizes.agents) + first * sizes.actions * sizes.components,
      data<Real>(critics.of_action, copy), rows_of<Row>(h));
  at::mm_out(z, h, weight1.select(0, copy));
  kernels::fan_last(tile, rows_of<Row>(z), data<Real>(critics.bias1, copy),
                    data<Real>(critics.weight2, copy), *data<Real>(critics.bias2, copy), value);
}

/// Gradients of one unit of each copy's mean logsumexp, and what of the first layer is still to do:
/// state is the gradient of its input's part.
struct FanGradients {
  Tensor state, of_action, weight1, bias1, weight2, bias2;  // of_action [2N, A, U]
  Tensor actions;                                           // [2N, B, K, A]; undefined: not wanted
};

FanGradients empty_gradients(const Critics& critics, const Sizes& s,
                             const torch::TensorOptions& options, bool of_actions) {
  const std::int64_t copies = 2 * s.agents;
  return {
      torch::empty({copies, s.batch, s.units}, options),
      torch::zeros({copies, s.components, s.units}, options),
      torch::zeros_like(critics.weight1),
      torch::zeros_like(critics.bias1),
      torch::zeros_like(critics.weight2),
      torch::zeros_like(critics.bias2),
      of_actions ? torch::zeros({copies, s.batch, s.actions, s.components}, options) : Tensor()};
}

/// Back through a tile whose values' derivatives are `gradient`; adds to the gradients of `copy`.
template <typename Real, typename Row>
void tile_backward(const Critics& critics, const Tensor& weight1, const Tensor& actions,
                   const Sizes& sizes, std::int64_t copy, std::int64_t first,
                   const Buffers& buffers, const Real* gradient, const FanGradients& out) {
  const kernels::FanTile tile = sizes.tile(first);
  const std::int64_t rows = tile.states * tile.actions;
  const std::int64_t at = first * sizes.actions * sizes.components;
  Tensor h = buffers.h.narrow(0, 0, rows), z = buffers.z.narrow(0, 0, rows),
         dh = buffers.dh.narrow(0, 0, rows), dweight = buffers.dweight;
  kernels::fan_last_backward(tile, gradient, rows_of<Row>(z), data<Real>(critics.weight2, copy),
                             data<Real>(out.bias1, copy), data<Real>(out.weight2, copy));
  if (std::is_same_v<Real, Row>) {
    out.weight1.select(0, copy).addmm_(h.t(), z);
  } else {
    at::mm_out(dweight, h.t(), z);
    out.weight1.select(0, copy).add_(dweight);
  }
  at::mm_out(dh, z, weight1.select(0, copy).t());
  kernels::fan_first_backward(tile, rows_of<Row>(h), data<Real>(actions, copy % sizes.agents) + at,
                              data<Real>(critics.of_action, copy), rows_of<Row>(dh),
                              data<Real>(out.state, copy) + first * sizes.units,
                              data<Real>(out.of_action, copy),
                              out.actions.defined() ? data<Real>(out.actions, copy) + at : nullptr);
}

/// Forward and back through every tile: the mean logsumexp of each copy [2N], and its gradients.
std::pair<Tensor, FanGradients> fan_both_ways(const Critics& critics, const Tensor& input,
                                              const Tensor& actions, const Tensor& correction,
                                              double temperature,
                                              const torch::TensorOptions& row_type,
                                              bool of_actions) {
  const Sizes s(actions, critics.weight1.size(1));
  const Tensor state = state_part(critics, input, 2 * s.agents);
  const Tensor weight1 = critics.weight1.to(row_type.dtype().toScalarType());
  const FanGradients out = empty_gradients(critics, s, input.options(), of_actions);
  const Buffers buffers(s, row_type, /*backward=*/true);
  const Tensor means = torch::empty({2 * s.agents}, input.options());
  const Tensor value = torch::empty({s.tile_rows()}, input.options());
  AT_DISPATCH_FLOATING_TYPES(input.scalar_type(), "action_fan", [&] {
    with_rows<scalar_t>(buffers.h, [&](auto* row) {
      using Row = std::remove_pointer_t<decltype(row)>;
      scalar_t* values = value.data_ptr<scalar_t>();
      for (std::int64_t copy = 0; copy < 2 * s.agents; ++copy) {
        const scalar_t* corrections = data<scalar_t>(correction, copy % s.agents);
        double sum = 0;
        for (std::int64_t first = 0; first < s.batch; first += s.tile_states) {
          tile_forward<scalar_t, Row>(critics, weight1, state, actions, s, copy, first, buffers,
                                      values);
          sum += kernels::fan_logsumexp(s.tile(first), corrections + first * s.actions, temperature,
                                        values);
          tile_backward<scalar_t, Row>(critics, weight1, actions, s, copy, first, buffers, values,
                                       out);
        }
        means.data_ptr<scalar_t>()[copy] =
            static_cast<scalar_t>(sum / static_cast<double>(s.batch));
      }
    });
  });
  out.bias2.fill_(s.batch);  // the derivatives of a logsumexp sum to 1
  return {means, out};
}

/// The mean logsumexp as one autograd node that has been all the way back when it is made: its
/// backward pass scales gradients. Inputs: input, actions, correction, temperature, parameters.
struct FanFunction : torch::autograd::Function<FanFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& actions,
                        const Tensor& correction, double temperature,
                        const torch::TensorOptions& row_type, at::TensorList parameters) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const Critics critics(parameters.vec(), input.size(2));
    const auto [means, g] = fan_both_ways(critics, input, actions, correction, temperature,
                                          row_type, actions.requires_grad());
    context->save_for_backward({input, parameters[0], g.state, g.of_action, g.weight1, g.bias1,
                                g.weight2, g.bias2, g.actions});
    return means.view({2, input.size(0)});
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const at::AutoDispatchBelowADInplaceOrView below;
    const variable_list saved = context->get_saved_variables();
    const Tensor &input = saved[0], &weight0 = saved[1];
    const std::int64_t agents = input.size(0), batch = input.size(1), inputs = input.size(2);
    // Of each copy's mean, for tensors [2N, ., .].
    const Tensor factor = gradients[0].reshape({2 * agents, 1, 1}) / static_cast<double>(batch);
    const Tensor state = saved[2] * factor;  // [2N, B, U]
    const Tensor both = torch::cat({input, input}, 0);
    const Tensor of_input = torch::bmm(both.transpose(1, 2), state);
    Tensor input_gradient, action_gradient;
    if (context->needs_input_grad(0)) {
      input_gradient = torch::bmm(state, weight0.narrow(1, 0, inputs).transpose(1, 2))
                           .view({2, agents, batch, inputs})
                           .sum(0);
    }
    if (saved[8].defined()) {
      action_gradient = (saved[8] * factor.unsqueeze(3))
                            .view({2, agents, batch, saved[8].size(2), saved[8].size(3)})
                            .sum(0);
    }
    return {input_gradient,
            action_gradient,
            Tensor(),  // of the correction, the temperature and the rows' type
            Tensor(),
            Tensor(),
            torch::cat({of_input, saved[3] * factor}, 1),
            state.sum(1, /*keepdim=*/true),
            saved[4] * factor,
            saved[5] * factor,
            saved[6] * factor,
            saved[7] * factor};
  }
};

/// [2, N, B, K] by one pass over all rows.
Tensor values_as_written(const TwinQ& q, const Tensor& input, const Tensor& actions) {
  const std::int64_t agents = actions.size(0), batch = actions.size(1), count = actions.size(2);
  const Tensor repeated = input.unsqueeze(2)
                              .expand({-1, -1, count, -1})
                              .reshape({agents, batch * count, input.size(2)});
  return q.forward_own(repeated, actions.reshape({agents, batch * count, actions.size(3)}))
      .view({2, agents, batch, count});
}

bool has_kernels(const TwinQ& q, const Tensor& input) {
  return input.is_cpu() && q.shape().layers == 2;
}

}  // namespace

Tensor fan_values(const TwinQ& q, const Tensor& input, const Tensor& actions,
                  std::int64_t critics) {
  const torch::NoGradGuard no_grad;
  if (!has_kernels(q, input)) return values_as_written(q, input, actions).narrow(0, 0, critics);
  const Critics parts(q.parameters(), input.size(2));
  const Tensor own = actions.contiguous();
  const Sizes s(own, q.shape().hidden);
  const Tensor state = state_part(parts, input, critics * s.agents);
  const auto row_type = row_options(q, input);
  const Tensor weight1 = parts.weight1.to(row_type.dtype().toScalarType());
  const Buffers buffers(s, row_type, /*backward=*/false);
  const Tensor values = torch::empty({critics * s.agents, s.batch, s.actions}, input.options());
  AT_DISPATCH_FLOATING_TYPES(input.scalar_type(), "fan_values", [&] {
    with_rows<scalar_t>(buffers.h, [&](auto* row) {
      using Row = std::remove_pointer_t<decltype(row)>;
      for (std::int64_t copy = 0; copy < critics * s.agents; ++copy) {
        for (std::int64_t first = 0; first < s.batch; first += s.tile_states) {
          tile_forward<scalar_t, Row>(parts, weight1, state, own, s, copy, first, buffers,
                                      data<scalar_t>(values, copy) + first * s.actions);
        }
      }
    });
  });
  return values.view({critics, s.agents, s.batch, s.actions});
}

Tensor fan_logsumexp(const TwinQ& q, const Tensor& input, const Tensor& actions,
                     const Tensor& correction, double temperature) {
  if (!has_kernels(q, input) || !torch::GradMode::is_enabled()) {
    return fan_logsumexp_as_written(q, input, actions, correction, temperature);
  }
  return FanFunction::apply(input, actions.contiguous(), correction.contiguous(), temperature,
                            row_options(q, input), at::TensorList(q.parameters()));
}

Tensor fan_logsumexp_as_written(const TwinQ& q, const Tensor& input, const Tensor& actions,
                                const Tensor& correction, double temperature) {
  const Tensor values = values_as_written(q, input, actions) - correction;
  return temperature * torch::logsumexp(values / temperature, -1).mean(-1);
}

}  // namespace labhost
