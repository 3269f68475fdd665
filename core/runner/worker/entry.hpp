// The door of liblabhost.so: what the executable calls after it has loaded the library.
#pragma once

namespace labhost {

/// Modes: serve FD | run JOB | task SUBMISSION THREADS | describe FILE | check FILE | bench NAME
/// [ARG...] | render REQUEST VIDEO STILL. Returns an exit code; throws nothing.
using WorkerMain = int (*)(int argc, const char* const* argv);
inline constexpr const char* kWorkerMainSymbol = "labhost_worker_main";

/// Exit codes of `worker run`.
enum WorkerExit {
  kWorkerCompleted = 0,
  kWorkerFailed = 1,       ///< the reason is in run.error
  kWorkerInterrupted = 3,  ///< stopped by a signal, checkpoint written
  kWorkerSuperseded = 4    ///< another process has taken the run over
};

}  // namespace labhost
