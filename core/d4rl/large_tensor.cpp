#include "core/d4rl/large_tensor.hpp"

#include <sys/mman.h>

#include <cstdint>

namespace labhost {

Tensor empty_values(const std::vector<std::int64_t>& shape) {
  constexpr std::uintptr_t kLargePage = 1 << 21;
  Tensor values = torch::empty(shape);
  const auto begin = reinterpret_cast<std::uintptr_t>(values.data_ptr());
  const std::uintptr_t end = begin + values.nbytes();
  const std::uintptr_t first = (begin + kLargePage - 1) / kLargePage * kLargePage;
  // Advice only: where the kernel does not take it, nothing changes.
  if (first + kLargePage <= end) {
    ::madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
  }
  return values;
}

}  // namespace labhost
