// A worker's top: claims, catches once, writes the reason.
#pragma once

#include "core/runner/job.hpp"

namespace labhost {

/// Runs a claimed job in this process and returns a WorkerExit. Never throws; every failure is a
/// row.
int run_job(const Job& job);

/// Arranges that SIGTERM, SIGINT, SIGHUP and SIGUSR1 ask the running job to checkpoint and stop.
void install_stop_signals();

/// The last of them that has come, or 0.
int stop_signal();

}  // namespace labhost
