#include <malloc.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>

#include "core/plugins/contract.hpp"
#include "core/plugins/loader.hpp"
#include "core/runner/job.hpp"
#include "core/runner/worker/bench.hpp"
#include "core/runner/worker/entry.hpp"
#include "core/runner/worker/export_policy.hpp"
#include "core/runner/worker/fork_server.hpp"
#include "core/runner/worker/render.hpp"
#include "core/runner/worker/run_job.hpp"
#include "core/runner/worker/slurm_task.hpp"

namespace labhost {

namespace {

int describe(const std::string& library) {
  std::printf("%s\n", to_json(LoadedPlugin::load(library).description()).dump(1).c_str());
  return 0;
}

int run(const std::string& text) {
  install_stop_signals();
  return run_job(Job::from_text(text));
}

int dispatch(int argc, const char* const* argv) {
  const std::string mode = argc > 0 ? argv[0] : "";
  if (mode == "serve" && argc == 2) return serve(std::stoi(argv[1]));
  if (mode == "run" && argc == 2) return run(argv[1]);
  if (mode == "task" && argc == 3) return run_slurm_task(argv[1]);
  if (mode == "describe" && argc == 2) return describe(argv[1]);
  if (mode == "check" && argc == 2) return check_plugin(argv[1]);
  if (mode == "render" && argc == 4) return render_in_worker({argv + 1, argv + argc});
  if (mode == "export-policy" && argc == 2) return export_policy(argv[1]);
  if (mode == "bench" && argc >= 2) {
    return bench_in_worker({argv + 1, argv + argc});
  }
  throw InputError("worker: unknown mode '" + mode + "'; this command is the host's own");
}

}  // namespace

}  // namespace labhost

extern "C" __attribute__((visibility("default"))) int labhost_worker_main(int argc,
                                                                          const char* const* argv) {
  // Activations of a megabyte come and go at every layer. Kept in the heap they are reused; handed
  // back to the kernel, each would be page-faulted in anew (a tenth of an update's time).
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  try {
    return labhost::dispatch(argc, argv);
  } catch (const labhost::InputError& error) {
    std::fprintf(stderr, "labhost: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "labhost: %s\n", error.what());
    return 1;
  }
}
