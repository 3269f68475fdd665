#include "core/runner/worker/export_policy.hpp"

#include <cstdio>

#include "core/base/build_info.hpp"
#include "core/base/hash.hpp"
#include "core/runner/export_request.hpp"
#include "core/runner/worker/team.hpp"

namespace labhost {

namespace {

/// Where the team comes from. No paths and no host: the file may be published.
nlohmann::json origin(const RunRow& run, const RunSpec& spec, std::int64_t step,
                      const std::string& snapshot) {
  const auto plugin = [](const PluginUse& use) { return use.plugin + " " + use.version; };
  return {{"run_key", run.run_key},
          {"algorithm", plugin(spec.method)},
          {"environment", plugin(spec.environment)},
          {"environment_params", spec.environment.params},
          {"seed", spec.seed},
          {"updates", step},
          {"snapshot", snapshot.empty() ? "final" : snapshot},
          {"labhost_commit", git_commit()}};
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
  file->metadata["labhost.origin"] = origin(run, parts.spec(), step, request.snapshot).dump();
  file->save(request.file);
  std::printf("%s: %zu tensors after %lld updates, SHA-256 %s\n", request.file.c_str(),
              file->tensors.size(), static_cast<long long>(step),
              sha256_file(request.file).c_str());
  return 0;
}

}  // namespace labhost
