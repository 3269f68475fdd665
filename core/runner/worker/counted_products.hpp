// Counts the floating-point operations of matrix products while it lives: the arithmetic floor of
// any algorithm, other people's included, without a word from its author.
#pragma once

#include "core/sdk/types.hpp"

namespace labhost {

/// Counts mm, addmm, bmm and baddbmm (forward and backward) of this process: 2 m n k each. One at a
/// time. Element-wise work is not counted.
class LABHOST_API CountedProducts {
 public:
  CountedProducts();
  ~CountedProducts();
  CountedProducts(const CountedProducts&) = delete;
  double operations() const;

 private:
  std::uint64_t handle_;
};

}  // namespace labhost
