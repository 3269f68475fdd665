#include "core/runner/worker/team.hpp"

#include <cstdio>
#include <filesystem>

namespace labhost {

void StderrLogger::warn(const std::string& message) {
  std::fprintf(stderr, "labhost: %s\n", message.c_str());
}

std::int64_t load_team(Store& store, const RunRow& run, Assembly& parts) {
  if (const auto row = store.artifact_of(run.run_key)) {
    if (row->kind == "dataset") {
      throw InputError("run " + std::to_string(run.id) + " (" + run.algorithm +
                       ") has left a dataset, and no team");
    }
    check_artifact(store, *row);
    parts.algorithm().load(Archive::load(store.folder() / row->path));
    return run.total_steps;
  }
  const std::filesystem::path checkpoint = parts.folder() / "checkpoint.pt";
  if (!std::filesystem::exists(checkpoint)) {
    throw InputError("run " + std::to_string(run.id) + " (" + run.algorithm + ", " + run.status +
                     ") has left no team: neither an artifact nor a checkpoint");
  }
  const Archive archive = Archive::load(checkpoint);
  parts.algorithm().load(archive);
  return archive.integer("host/step");
}

}  // namespace labhost
