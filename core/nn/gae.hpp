// Generalised advantage estimation with terminals and timeouts.  Appendix A, listing "GAE".
#pragma once

#include "core/sdk/types.hpp"

namespace labhost {

struct Advantages {
  Tensor returns;     ///< [T]
  Tensor advantages;  ///< [T], not standardised
};

/// One sequence of T transitions in the order of time, all tensors [T]. A terminal ends the return;
/// a timeout (a rollout's last step) bootstraps with the next state's value and stops accumulation.
/// The last transition bootstraps as a timeout does.
LABHOST_API Advantages generalised_advantages(const Tensor& reward, const Tensor& value,
                                              const Tensor& next_value, const Tensor& terminal,
                                              const Tensor& timeout, double discount,
                                              double lambda);

/// (A - mean) / (std + 1e-3), std with n - 1 (released code).
LABHOST_API Tensor standardise(const Tensor& advantages);

}  // namespace labhost
