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

Archive load_checkpoint(const std::filesystem::path& file) {
  try {
    return Archive::load(file);
  } catch (const InputError& error) {
    throw InputError(std::string(error.what()) + "; delete it to start that run anew");
  }
}

}  // namespace

Session::Session(Store& store, const Job& job, Logger& logger)
    : store_(store),
      job_(job),
      logger_(logger),
      started_(now_seconds()),
      parts_(store, job, logger),
      spec_(parts_.spec()),
      algorithm_(parts_.algorithm()) {
  std::filesystem::create_directories(parts_.folder());
  resume();
  record_provenance();
}

Session::~Session() = default;

std::filesystem::path Session::file(const std::string& name) const {
  return parts_.folder() / name;
}

void Session::resume() {
  remove_leftovers(parts_.folder());  // of writes that a kill cut off
  if (std::filesystem::exists(file("checkpoint.pt"))) {
    const Archive archive = load_checkpoint(file("checkpoint.pt"));
    algorithm_.load(archive);
    parts_.streams().load(archive);
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
  if (!spec_.dataset.plugin.empty()) {
    values["plugin_dataset"] = spec_.dataset.plugin + " " + spec_.dataset.version;
  }
  values["plugin_algorithm"] = spec_.method.plugin + " " + spec_.method.version;
  values["build_stamp"] = host_build_stamp();
  values["device"] = parts_.device().str();
  values["threads"] = std::to_string(job_.runner.threads);
  values["command_line"] = job_.command_line;
  values["log"] = std::filesystem::relative(job_.log, store_.folder()).string();
  for (const auto& [name, value] : parts_.provenance()) values[name] = value;
  store_.set_provenance(job_.run_id, values);
}

Session::End Session::train(bool (*stop)()) {
  double checkpoint_at = now_seconds() + job_.runner.checkpoint_seconds;
  while (step_ < spec_.total_steps) {
    const Metrics metrics = algorithm_.update();
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
  if (!log && !parts_.device().is_cpu()) return;  // reading a value would wait for the device
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
  at::Generator generator = Streams(parts_.streams().seed(stream)).get("policy", parts_.device());
  const std::unique_ptr<Policy> policy = algorithm_.policy(/*greedy=*/true, generator);
  if (!policy) return;
  const std::unique_ptr<Environment> environment = parts_.make_environment(episodes, stream);
  const EvaluationResult result = evaluate(*environment, *policy, episodes);
  for (std::size_t i = 0; i < result.episodes.size(); ++i) {
    const EpisodeResult& episode = result.episodes[i];
    writer_->add(EpisodeRow{step_, static_cast<std::int64_t>(i), episode.episode_return,
                            parts_.task().score(episode.episode_return), episode.length});
  }
  score_ = parts_.task().score(result.mean_return());
  const double now = now_seconds();
  writer_->add(MetricRow{"eval/score", step_, *score_, now});
  writer_->add(MetricRow{"eval/return", step_, result.mean_return(), now});
  writer_->add(MetricRow{"eval/return_median", step_, result.median_return(), now});
  writer_->add(MetricRow{"eval/length", step_, result.mean_length(), now});
  writer_->add(MetricRow{"eval/full_length", step_, result.full_length_share(), now});
  writer_->add(MetricRow{"eval/faults", step_, static_cast<double>(environment->faults()), now});
  for (const auto& [name, measure] : result.measures) {
    writer_->add(MetricRow{"eval/" + name, step_, measure.mean(), now});
    writer_->add(MetricRow{"eval/" + name + "_positive", step_, measure.positive_share(), now});
  }
}

void Session::write_checkpoint() {
  // Metrics first: a checkpoint on disk promises that everything up to its step is in the store.
  writer_->flush();
  Archive archive;
  algorithm_.save(archive);
  parts_.streams().save(archive);
  archive.write("host/step", step_);
  if (score_) archive.write("host/score", *score_);
  archive.save(file("checkpoint.pt"));
}

void Session::complete() {
  const std::string kind = parts_.method().artifact;
  std::vector<ArtifactRow> artifacts;
  if (!kind.empty()) {
    const std::filesystem::path path = file(kind + algorithm_.artifact_ending());
    algorithm_.write_artifact(path);
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
