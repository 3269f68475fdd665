// Twin critics asked about many actions in each state: CQL's samples, OMAR's search.
//
// N agents, B batch, I inputs, K actions, A action components. The state's part of the first layer
// is computed once for its K actions, and a tile of states goes through all layers (and, where a
// gradient is wanted, back) while its rows are in the cache.
#pragma once

#include "core/nn/values.hpp"

namespace labhost {

/// Q_c^i(h^i, a_k) of the first `critics` (1 or 2) critics, without a graph: inputs [N, B, I] and
/// actions [N, B, K, A] -> [critics, N, B, K].
LABHOST_API Tensor fan_values(const TwinQ& q, const Tensor& input, const Tensor& actions,
                              std::int64_t critics);

/// mean_b t logsumexp_k((Q_c^i(h_b^i, a_k) - correction) / t) with temperature t: [2, N].
/// Differentiable with respect to critics, inputs and, where they ask for it, actions. actions
/// [N, B, K, A], correction [N, B, K] without a graph.
LABHOST_API Tensor fan_logsumexp(const TwinQ& q, const Tensor& input, const Tensor& actions,
                                 const Tensor& correction, double temperature);

/// The same by one pass of the critics over N x B x K rows: for other devices and for tests.
LABHOST_API Tensor fan_logsumexp_as_written(const TwinQ& q, const Tensor& input,
                                            const Tensor& actions, const Tensor& correction,
                                            double temperature);

}  // namespace labhost
