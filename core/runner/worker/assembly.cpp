#include "core/runner/worker/assembly.hpp"

#include <algorithm>

#include "core/base/hash.hpp"

namespace labhost {

namespace {

torch::Device choose_device(const std::string& name) {
  if (name == "cpu") return torch::kCPU;
  const bool available = torch::cuda::is_available();
  if (name == "auto") return available ? torch::Device(torch::kCUDA) : torch::Device(torch::kCPU);
  if (!available) {
    throw InputError("run.device is '" + name + "', but this LibTorch finds no CUDA device");
  }
  return torch::Device(name);
}

RunSpec read_spec(Store& store, std::int64_t run_id) {
  return RunSpec::from_config(nlohmann::json::parse(store.run_config(run_id)));
}

}  // namespace

Assembly::Assembly(Store& store, const Job& job, Logger& logger)
    : store_(store),
      job_(job),
      logger_(logger),
      spec_(read_spec(store, job.run_id)),
      folder_(store.folder() / run_folder(store.run_by_id(job.run_id).value().uuid)),
      device_(choose_device(job.runner.device)),
      streams_(static_cast<std::uint64_t>(spec_.seed)),
      environment_(LoadedPlugin::load(job.environment)),
      environment_params_(spec_.environment.params),
      dataset_params_(spec_.dataset.params),
      method_params_(spec_.method.params) {
  for (const PluginUse* use : {&spec_.environment, &spec_.dataset, &spec_.method}) {
    check_files(*use);
  }
  const LoadedPlugin method = LoadedPlugin::load(job.method);
  method_description_ = method.description();
  const std::unique_ptr<Environment> environment = make_environment(1, "task");
  task_ = environment->task();
  for (const auto& [name, value] : environment->provenance()) {
    provenance_["environment_" + name] = value;
  }
  task_.validate();
  if (job.dataset.empty()) {
    data_ = Transitions::none(task_).to(device_);
  } else {
    load_data(job.dataset);
  }
  build_algorithm(method);
  for (const PluginUse* use : {&spec_.environment, &spec_.dataset, &spec_.method}) {
    check_files(*use);  // again: what was read must be what was checked
  }
}

std::unique_ptr<Environment> Assembly::make_environment(std::int64_t copies,
                                                        const std::string& stream) {
  return environment_.make(EnvironmentContext{environment_params_, copies, streams_.seed(stream),
                                              job_.runner.threads, logger_});
}

void Assembly::load_data(const std::filesystem::path& library) {
  const auto artifact_file = [this](const std::string& role) {
    return store_.folder() / needed_row(kDatasetRole + role).path;
  };
  const std::unique_ptr<Dataset> dataset = LoadedPlugin::load(library).make(
      DatasetContext{task_, dataset_params_, logger_, artifact_file});
  data_ = dataset->load();
  // Again: what was read must be what was checked.
  for (const NeedSpec& need : spec_.needs) {
    if (need.role.rfind(kDatasetRole, 0) == 0) check_artifact(store_, needed_row(need.role));
  }
  data_.validate(task_, "dataset '" + spec_.dataset.plugin + "'");
  data_ = data_.to(device_);
  for (const auto& [name, value] : dataset->provenance()) provenance_["dataset_" + name] = value;
}

void Assembly::build_algorithm(const LoadedPlugin& method) {
  const auto environments = [this](std::int64_t copies, const std::string& stream) {
    return make_environment(copies, stream);
  };
  const auto artifact = [this](const std::string& role) { return needed_artifact(role); };
  const auto ended = [this](const std::string& role) -> Algorithm& { return finished(role); };
  std::vector<std::string> roles;
  for (const NeedSpec& need : spec_.needs) {
    if (need.role.rfind(kDatasetRole, 0) != 0) roles.push_back(need.role);
  }
  std::sort(roles.begin(), roles.end());
  algorithm_ = method.make(AlgorithmContext{task_, data_, method_params_, streams_, device_,
                                            spec_.total_steps, logger_, environments, artifact,
                                            roles, ended});
}

const NeedSpec& Assembly::need(const std::string& role) const {
  for (const NeedSpec& need : spec_.needs) {
    if (need.role == role) return need;
  }
  throw std::logic_error("'" + role + "' is asked for, which the run does not need");
}

ArtifactRow Assembly::needed_row(const std::string& role) {
  const auto row = store_.artifact_of(need(role).run_key);
  if (!row) throw InputError("the run that should provide '" + role + "' left no artifact");
  if (checked_artifacts_.insert(row->id).second) check_artifact(store_, *row);
  store_.add_need(job_.run_id, row->id);
  return *row;
}

void check_artifact(const Store& store, const ArtifactRow& row) {
  const std::filesystem::path file = store.folder() / row.path;
  const std::string remedy = "; `labhost runs delete " + std::to_string(row.run_id) +
                             "` lets the next `labhost run` make that artifact anew";
  std::string found;
  try {
    found = sha256_file(file);
  } catch (const InputError& error) {
    throw InputError(error.what() + remedy);
  }
  if (found == row.sha256) return;
  throw InputError("the artifact " + file.string() + " of run " + std::to_string(row.run_id) +
                   " is not the one that was recorded: expected SHA-256 " + row.sha256 +
                   ", found " + found + remedy);
}

Archive Assembly::needed_artifact(const std::string& role) {
  return Archive::load(store_.folder() / needed_row(role).path);
}

struct Assembly::Finished {
  Job job;
  std::unique_ptr<Assembly> parts;
};

Assembly::~Assembly() = default;

Algorithm& Assembly::finished(const std::string& role) {
  std::unique_ptr<Finished>& entry = finished_[role];
  if (entry) return entry->parts->algorithm();
  const Archive archive = needed_artifact(role);
  auto made = std::make_unique<Finished>();
  made->job = job_;
  made->job.run_id = needed_row(role).run_id;
  made->job.use_plugins(read_spec(store_, made->job.run_id));
  made->parts = std::make_unique<Assembly>(store_, made->job, logger_);
  made->parts->algorithm().load(archive);
  entry = std::move(made);
  return entry->parts->algorithm();
}

}  // namespace labhost
