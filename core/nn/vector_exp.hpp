// glibc's exp for whole vectors (libmvec). Saying that it is there is what makes the compiler use
// it, and it must be said before any other header declares the function: include this first.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
extern "C" {
__attribute__((simd("notinbranch"))) float expf(float) noexcept;
__attribute__((simd("notinbranch"))) double exp(double) noexcept;
}
#endif

#include <cmath>

#include "core/nn/clones.hpp"

namespace labhost::kernels {

LABHOST_INLINE float exponential(float x) { return expf(x); }
LABHOST_INLINE double exponential(double x) { return exp(x); }

}  // namespace labhost::kernels
