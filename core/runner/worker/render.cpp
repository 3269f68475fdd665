#include "core/runner/worker/render.hpp"

#include <cstdio>
#include <filesystem>
#include <optional>

#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/nn/team_file.hpp"
#include "core/nn/uniform_policy.hpp"
#include "core/runner/render_request.hpp"
#include "core/runner/worker/assembly.hpp"
#include "core/runner/worker/picture_files.hpp"
#include "core/runner/worker/team.hpp"

namespace labhost {

namespace {

/// Does nothing: first choices, zeros.
class ZeroPolicy final : public Policy {
 public:
  explicit ZeroPolicy(std::int64_t width) : width_(width) {}
  void begin(const Tensor&) override {}
  Tensor act(const Tensor& index, const Tensor&) override {
    return torch::zeros({index.size(0), width_});
  }

 private:
  std::int64_t width_;
};

/// An environment with one copy and whoever acts in it; keeps alive what they are made of.
class Stage {
 public:
  explicit Stage(const RenderRequest& request)
      : streams_(static_cast<std::uint64_t>(request.seed)) {
    if (request.job.empty()) {
      const LoadedPlugin plugin = LoadedPlugin::load(request.environment);
      params_ = Params(request.params);
      environment_ = plugin.make(
          EnvironmentContext{params_, 1, streams_.seed("environment"), /*threads=*/1, logger_});
      const TaskSpec& task = environment_->task();
      if (!request.team.empty()) {
        policy_ = team_from_file(TensorFile::load(request.team), request.team, task, request.greedy,
                                 streams_.get("policy"));
      } else if (request.policy == "random") {
        policy_ = std::make_unique<UniformPolicy>(task, streams_.get("policy"));
      } else {
        policy_ = std::make_unique<ZeroPolicy>(task.joint_width());
      }
      return;
    }
    job_ = Job::from_text(request.job);
    store_ = std::make_unique<Store>(job_.store, Store::Access::kReadWrite);
    parts_ = std::make_unique<Assembly>(*store_, job_, logger_);
    const RunRow run = store_->run_by_id(job_.run_id).value();
    load_team(*store_, run, *parts_);
    environment_ = parts_->make_environment(1, "render/" + std::to_string(request.seed));
    policy_ = parts_->algorithm().policy(request.greedy, streams_.get("policy", parts_->device()));
    if (!policy_) {
      throw InputError("run " + std::to_string(run.id) + ": " + run.algorithm +
                       " does not act, so there is nothing to watch");
    }
  }

  Environment& environment() { return *environment_; }
  Policy& policy() { return *policy_; }
  /// Books the video as an artifact of the run that it shows.
  void record(const std::filesystem::path& video) {
    if (!store_) return;
    ArtifactRow row;
    row.kind = "video";
    row.run_id = job_.run_id;
    row.path = std::filesystem::relative(std::filesystem::absolute(video),
                                         std::filesystem::absolute(store_->folder()))
                   .string();
    row.sha256 = sha256_file(video);
    row.bytes = static_cast<std::int64_t>(std::filesystem::file_size(video));
    store_->add_artifact(row);
  }

 private:
  StderrLogger logger_;
  Streams streams_;
  Params params_;
  Job job_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Assembly> parts_;
  std::unique_ptr<Environment> environment_;
  std::unique_ptr<Policy> policy_;  // first to go: it may point into the algorithm
};

/// Plays the episodes and shows each state, the last ones included, to `see(episode, step)`; it
/// returns false when it has seen enough.
template <typename See>
void play(Stage& stage, std::int64_t episodes, See see) {
  const torch::NoGradGuard no_grad;
  const Tensor copy = torch::zeros({1}, torch::kLong);
  Environment& environment = stage.environment();
  const TaskSpec& task = environment.task();
  for (std::int64_t episode = 0; episode < episodes; ++episode) {
    Tensor state = environment.reset(copy);
    stage.policy().begin(copy);
    double sum = 0;
    std::int64_t steps = 0;
    for (bool ended = false; !ended; ++steps) {
      if (!see(episode, steps)) return;
      const StepResult step = environment.step(copy, stage.policy().act(copy, state));
      sum += step.reward.item<double>();
      state = step.next_state;
      ended = step.terminal.item<bool>() || step.timeout.item<bool>();
    }
    if (!see(episode, steps)) return;
    std::printf("episode %lld: return %.2f, score %.3f, %lld steps\n",
                static_cast<long long>(episode), sum, task.score(sum),
                static_cast<long long>(steps));
  }
}

void render(const RenderRequest& request, const std::filesystem::path& still, VideoWriter* video,
            Stage& stage) {
  bool shown = still.empty();
  std::int64_t last = 0;
  play(stage, request.episodes, [&](std::int64_t episode, std::int64_t step) {
    const bool is_still = !shown && episode == 0 && step == request.still_at;
    if (episode == 0) last = step;
    if (video == nullptr && !is_still) return !shown;
    const Tensor picture = stage.environment().render(0, request.width, request.height);
    if (video != nullptr) video->add(picture);
    if (is_still) {
      write_png(still, picture);
      shown = true;
    }
    return video != nullptr || !shown;
  });
  if (!shown) {
    throw InputError("--at " + std::to_string(request.still_at) +
                     ": the first episode ended at time step " + std::to_string(last));
  }
}

}  // namespace

int render_in_worker(const std::vector<std::string>& arguments) {
  const auto request = nlohmann::json::parse(arguments.at(0)).get<RenderRequest>();
  const std::filesystem::path video = arguments.at(1), still = arguments.at(2);
  torch::set_num_threads(1);
  Stage stage(request);
  if (video.empty()) {
    render(request, still, nullptr, stage);
    return 0;
  }
  const double time_step = stage.environment().task().time_step;
  write_atomically(video, [&](const std::filesystem::path& temporary) {
    VideoWriter writer(temporary, request.width, request.height,
                       time_step > 0 ? 1 / time_step : 2.0);
    render(request, still, &writer, stage);
    writer.finish();
  });
  stage.record(video);
  return 0;
}

}  // namespace labhost
