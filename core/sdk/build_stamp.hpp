// What must be equal in host and plugin before C++ may cross between them, as one text:
//   "gcc-12 cxx11abi-1 libtorch-1.13.1 assert-0 sanitizer-none"
// The compiler's major version and the libstdc++ ABI decide layouts, LibTorch's version its
// classes, NDEBUG and sanitizers what LibTorch's and libstdc++'s headers compile to.
#pragma once

#include <torch/version.h>

#include <string>

#define LABHOST_TEXT_(x) #x
#define LABHOST_TEXT(x) LABHOST_TEXT_(x)

#if defined(__clang__)
#define LABHOST_COMPILER_ "clang-" LABHOST_TEXT(__clang_major__)
#else
#define LABHOST_COMPILER_ "gcc-" LABHOST_TEXT(__GNUC__)
#endif

#ifdef NDEBUG
#define LABHOST_ASSERT_ "0"
#else
#define LABHOST_ASSERT_ "1"
#endif

#if defined(__SANITIZE_ADDRESS__)
#define LABHOST_SANITIZER_ "address"
#elif defined(__SANITIZE_THREAD__)
#define LABHOST_SANITIZER_ "thread"
#else
#define LABHOST_SANITIZER_ "none"
#endif

#ifndef LABHOST_BUILD_STAMP
#define LABHOST_BUILD_STAMP                                                    \
  LABHOST_COMPILER_                                                            \
  " cxx11abi-" LABHOST_TEXT(_GLIBCXX_USE_CXX11_ABI) " libtorch-" TORCH_VERSION \
                                                    " assert-" LABHOST_ASSERT_ \
                                                    " sanitizer-" LABHOST_SANITIZER_
#endif
