#include "core/runner/worker/export_policy.hpp"

#include <cstdio>
#include <system_error>

#include "core/base/hash.hpp"
#include "core/runner/export_request.hpp"
#include "core/runner/worker/team.hpp"

namespace labhost {

namespace {

/// Where the team comes from. No paths and no host: the file may be published.
nlohmann::json origin(Store& store, const RunRow& run, const RunSpec& spec, std::int64_t step,
                      const std::string& snapshot) {
  const nlohmann::json identity = spec.identity();
  nlohmann::json origin = {{"run_key", run.run_key},
                           {"algorithm", identity.at("algorithm")},
                           {"environment", identity.at("environment")},
                           {"seed", spec.seed},
                           {"snapshot", snapshot.empty() ? "final" : snapshot}};
  if (snapshot.empty()) origin["updates"] = step;
  // Of the program that trained the team, not of this one.
  for (const auto& row :
       store
           .query("SELECT value FROM provenance WHERE run_id = ?1 AND name = 'git_commit'",
                  {run.id})
           .rows) {
    origin["labhost_commit"] = std::get<std::string>(row.front());
  }
  return origin;
}

void round_to_half(TensorFile& file) {
  for (auto& [name, tensor] : file.tensors) {
    if (!tensor.is_floating_point()) continue;
    tensor = tensor.to(torch::kFloat16);
    if (tensor.isfinite().all().item<bool>()) continue;
    throw InputError("--half: '" + name + "' holds numbers that 16 bits cannot hold");
  }
}

}  // namespace

int export_policy(const std::string& text) {
  const auto request = nlohmann::json::parse(text).get<ExportRequest>();
  torch::set_num_threads(1);
  StderrLogger logger;
  const Job job = Job::from_text(request.job);
  Store store(job.store, Store::Access::kReadWrite);
  Assembly parts(store, job, logger);
  const RunRow run = store.run_by_id(job.run_id).value();
  const std::int64_t step = load_team(store, run, parts);
  std::optional<TensorFile> file = parts.algorithm().policy_file(request.snapshot);
  if (!file) {
    throw InputError("run " + std::to_string(run.id) + ": the teams of " +
                     parts.spec().method.plugin + " cannot be written to a policy file");
  }
  if (request.half) round_to_half(*file);
  file->metadata["labhost.origin"] =
      origin(store, run, parts.spec(), step, request.snapshot).dump();
  try {
    file->save(request.file);
  } catch (const std::system_error& error) {
    throw InputError(error.what());
  }
  std::printf("%s: %zu tensors after %lld updates, SHA-256 %s\n", request.file.c_str(),
              file->tensors.size(), static_cast<long long>(step),
              sha256_file(request.file).c_str());
  return 0;
}

}  // namespace labhost
