// The parts of `labhost bench` on work beyond one machine.
#pragma once

#include "core/base/process.hpp"

namespace labhost {

template <typename Call>
double seconds_of(Call call) {
  const double begun = now_seconds();
  call();
  return now_seconds() - begun;
}

/// A thousand shards into one store, beside SQLite's own copying of the same rows.
void bench_merge();

/// Many short runs on the cluster that SLURM_CONF names, beside the same runs here. Throws
/// InputError where no Slurm is.
void bench_slurm();

}  // namespace labhost
