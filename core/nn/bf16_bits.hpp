// bfloat16 numbers by their bits, in loops that are vectorised.
#pragma once

#include <cstdint>

#include "core/nn/clones.hpp"

namespace labhost::kernels {

LABHOST_INLINE float from_bf16(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float value;
  __builtin_memcpy(&value, &wide, sizeof value);
  return value;
}

/// To the nearest, ties to even; NaN stays NaN.
LABHOST_INLINE std::uint16_t to_bf16(float value) {
  std::uint32_t wide;
  __builtin_memcpy(&wide, &value, sizeof wide);
  const std::uint32_t nearest = (wide + 0x7fffU + ((wide >> 16) & 1U)) >> 16;
  return static_cast<std::uint16_t>(value != value ? 0x7fc0U : nearest);
}

}  // namespace labhost::kernels
