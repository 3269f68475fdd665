// The environment that BLAS and OpenMP read when they are loaded: set it before liblabhost.so is.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace labhost {

/// Names and values for a worker with `threads` compute threads. `cpu_flags` and `vendor` are those
/// of /proc/cpuinfo.
///
/// OpenBLAS 0.3.21 (Debian 12) takes AMD processors with AVX-512 for Haswell; with
/// OPENBLAS_CORETYPE=SkylakeX its fp32 products ran at 215 instead of 115 GFLOP/s on one Zen 4
/// core. Intel processors are recognised (a Sapphire Rapids core: 166 GFLOP/s as detected, 130 with
/// SkylakeX), so theirs is left alone, and so is a value that the user has set.
std::vector<std::pair<std::string, std::string>> worker_environment(std::int64_t threads,
                                                                    const std::string& vendor,
                                                                    const std::string& cpu_flags);

/// Applies worker_environment() of this machine to this process, without overriding what is set.
void set_worker_environment(std::int64_t threads);

}  // namespace labhost
