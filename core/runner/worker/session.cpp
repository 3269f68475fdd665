#include "core/runner/worker/session.hpp"

#include <cmath>
#include <filesystem>

#include "core/base/build_info.hpp"
#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/runner/worker/evaluation.hpp"
#include "core/runner/worker/provenance.hpp"

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

Archive load_checkpoint(const std::filesystem::path& file) {
  try {
    return Archive::load(file);
  } catch (const InputError& error) {
    throw InputError(std::string(error.what()) + "; delete it to start that run anew");
  }
}

RunSpec read_spec(Store& store, std::int64_t run_id) {
  return RunSpec::from_config(nlohmann::json::parse(store.run_config(run_id)));
}

}  // namespace

Session::Session(Store& store, const Job& job, Logger& logger)
    : store_(store),
      job_(job),
      logger_(logger),
      spec_(read_spec(store, job.run_id)),
      folder_(store.folder() / run_folder(store.run_by_id(job.run_id).value().uuid)),
      device_(choose_device(job.runner.device)),
      streams_(static_cast<std::uint64_t>(spec_.seed)),
      started_(now_seconds()),
      environment_(LoadedPlugin::load(job.environment)),
      dataset_(LoadedPlugin::load(job.dataset)),
      method_(LoadedPlugin::load(job.method)),
      environment_params_(spec_.environment.params),
      dataset_params_(spec_.dataset.params),
      method_params_(spec_.method.params) {
  std::filesystem::create_directories(file(""));
  load_data();
  build_algorithm();
  resume();
  record_provenance();
}

Session::~Session() = default;

std::filesystem::path Session::file(const std::string& name) const { return folder_ / name; }

std::unique_ptr<Environment> Session::make_environment(std::int64_t copies,
                                                       const std::string& stream) {
  return environment_.make(EnvironmentContext{environment_params_, copies, streams_.seed(stream),
                                              job_.runner.threads, logger_});
}

void Session::load_data() {
  task_ = make_environment(1, "task")->task();
  task_.validate();
  const std::unique_ptr<Dataset> dataset =
      dataset_.make(DatasetContext{task_, dataset_params_, logger_});
  data_ = dataset->load();
  data_.validate(task_, "dataset '" + spec_.dataset.plugin + "'");
  data_ = data_.to(device_);
  data_provenance_ = dataset->provenance();
}

void Session::build_algorithm() {
  const auto artifact = [this](const std::string& role) {
    for (const NeedSpec& need : spec_.needs) {
      if (need.role != role) continue;
      const auto row = store_.artifact_of(need.run_key, role);
      if (!row) throw InputError("the run that should provide '" + role + "' left no artifact");
      store_.add_need(job_.run_id, row->id);
      try {
        return Archive::load(store_.folder() / row->path);
      } catch (const InputError& error) {
        throw InputError(std::string(error.what()) + "; `labhost runs delete " +
                         std::to_string(row->run_id) +
                         "` lets the next `labhost run` make that artifact anew");
      }
    }
    throw std::logic_error("the algorithm asks for '" + role + "', which it did not declare");
  };
  const auto environments = [this](std::int64_t copies, const std::string& stream) {
    return make_environment(copies, stream);
  };
  algorithm_ = method_.make(AlgorithmContext{task_, data_, method_params_, streams_, device_,
                                             spec_.total_steps, logger_, environments, artifact});
}

void Session::resume() {
  remove_leftovers(folder_);  // of writes that a kill cut off
  if (std::filesystem::exists(file("checkpoint.pt"))) {
    const Archive archive = load_checkpoint(file("checkpoint.pt"));
    algorithm_->load(archive);
    streams_.load(archive);
    step_ = archive.integer("host/step");
    if (archive.contains("host/score")) score_ = archive.real("host/score");
    logger_.info("resumed at step " + std::to_string(step_));
  }
  // What an attempt wrote after its last checkpoint is computed again.
  store_.drop_after(job_.run_id, step_ > 0 ? step_ : -1);
  writer_ = std::make_unique<MetricWriter>(store_.file(), job_.run_id, job_.attempt);
  writer_->progress(step_);
}

void Session::record_provenance() {
  std::map<std::string, std::string> values = machine_provenance();
  values["git_commit"] = git_commit();
  values["git_dirty_hash"] = git_dirty_hash();
  values["plugin_environment"] = spec_.environment.plugin + " " + spec_.environment.version;
  values["plugin_dataset"] = spec_.dataset.plugin + " " + spec_.dataset.version;
  values["plugin_algorithm"] = spec_.method.plugin + " " + spec_.method.version;
  values["build_stamp"] = host_build_stamp();
  values["device"] = device_.str();
  values["threads"] = std::to_string(job_.runner.threads);
  values["command_line"] = job_.command_line;
  values["log"] = std::filesystem::relative(job_.log, store_.folder()).string();
  for (const auto& [name, value] : data_provenance_) values["dataset_" + name] = value;
  store_.set_provenance(job_.run_id, values);
}

Session::End Session::train(bool (*stop)()) {
  double checkpoint_at = now_seconds() + job_.runner.checkpoint_seconds;
  while (step_ < spec_.total_steps) {
    const Metrics metrics = algorithm_->update();
    ++step_;
    check_and_log(metrics);
    writer_->progress(step_);
    const bool last = step_ == spec_.total_steps;
    if (!last && spec_.evaluation.every > 0 && step_ % spec_.evaluation.every == 0) {
      evaluate_team(spec_.evaluation.episodes_during);
    }
    if (writer_->failed()) writer_->flush();  // throws the reason
    if (last) break;
    if (stop()) {
      write_checkpoint();
      return End::kInterrupted;
    }
    if (now_seconds() >= checkpoint_at) {
      write_checkpoint();
      checkpoint_at = now_seconds() + job_.runner.checkpoint_seconds;
    }
  }
  evaluate_team(spec_.evaluation.episodes);
  complete();
  return End::kCompleted;
}

void Session::check_and_log(const Metrics& metrics) {
  const bool log = step_ % spec_.log_every == 0 || step_ == spec_.total_steps;
  if (!log && !device_.is_cpu()) return;  // reading a value would wait for the device
  const double now = now_seconds();
  for (const auto& [name, tensor] : metrics.values()) {
    const double value = tensor.item<double>();
    const bool finite = std::isfinite(value);
    if (log || !finite) writer_->add(MetricRow{name, step_, value, now});
    if (log && name == "eval/score") score_ = value;
    if (!finite) {
      writer_->flush();
      throw std::runtime_error("metric '" + name + "' is " +
                               (std::isnan(value) ? "NaN" : "infinite") + " at step " +
                               std::to_string(step_) + ": the run diverged");
    }
  }
}

void Session::evaluate_team(std::int64_t episodes) {
  if (episodes < 1) return;
  // Both streams depend on the step alone, so that an evaluation leaves no trace in later ones.
  const std::string stream = "evaluation/" + std::to_string(step_);
  at::Generator generator = Streams(streams_.seed(stream)).get("policy", device_);
  const std::unique_ptr<Policy> policy = algorithm_->policy(/*greedy=*/true, generator);
  if (!policy) return;
  const std::unique_ptr<Environment> environment = make_environment(episodes, stream);
  const EvaluationResult result = evaluate(*environment, *policy, episodes);
  for (std::size_t i = 0; i < result.episodes.size(); ++i) {
    const EpisodeResult& episode = result.episodes[i];
    writer_->add(EpisodeRow{step_, static_cast<std::int64_t>(i), episode.episode_return,
                            task_.score(episode.episode_return), episode.length});
  }
  score_ = task_.score(result.mean_return());
  const double now = now_seconds();
  writer_->add(MetricRow{"eval/score", step_, *score_, now});
  writer_->add(MetricRow{"eval/return", step_, result.mean_return(), now});
  writer_->add(MetricRow{"eval/return_median", step_, result.median_return(), now});
  writer_->add(MetricRow{"eval/length", step_, result.mean_length(), now});
  writer_->add(MetricRow{"eval/full_length", step_, result.full_length_share(), now});
}

Archive Session::snapshot() const {
  Archive archive;
  algorithm_->save(archive);
  return archive;
}

void Session::write_checkpoint() {
  // Metrics first: a checkpoint on disk promises that everything up to its step is in the store.
  writer_->flush();
  Archive archive = snapshot();
  streams_.save(archive);
  archive.write("host/step", step_);
  if (score_) archive.write("host/score", *score_);
  archive.save(file("checkpoint.pt"));
}

void Session::complete() {
  const std::string kind = method_.description().artifact;
  std::vector<ArtifactRow> artifacts;
  if (!kind.empty()) {
    const std::filesystem::path path = file(kind + ".pt");
    snapshot().save(path);
    ArtifactRow row;
    row.kind = kind;
    row.run_id = job_.run_id;
    row.path = std::filesystem::relative(path, store_.folder()).string();
    row.sha256 = sha256_file(path);
    row.bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
    artifacts.push_back(row);
  }
  writer_->flush();
  writer_.reset();
  store_.complete(job_.run_id, job_.attempt, score_, artifacts, now_seconds() - started_);
  std::filesystem::remove(file("checkpoint.pt"));
}

}  // namespace labhost
