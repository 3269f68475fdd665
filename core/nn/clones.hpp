// Functions compiled for several instruction sets; the library's loader picks one.
#pragma once

// Sanitizers do not support functions that are chosen at load time.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LABHOST_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define LABHOST_CLONES
#endif
// What such a function calls must be inlined into each clone to be vectorised there.
#define LABHOST_INLINE __attribute__((always_inline)) inline
