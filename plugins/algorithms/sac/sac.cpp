// SAC: soft actor-critic with an automatic temperature, learning online from the true simulator.
// Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications" (arXiv 1812.05905). One
// learner controls all agents: it sees the state and chooses the joint action.
//
// It is the collector behind D4RL-like datasets: one run keeps its untrained policy ("initial"),
// the first one that was good enough ("medium"), one after every `snapshot_every` transitions, the
// last one, and all that it collected.
// Symbols: B batch, C copies, S state, W joint action. Differences: 1. Log standard deviations are
// clamped to [-6, 0] instead of [-20, 2], and start at -0.5. 2. The target entropy is given per
// action component. 3. Several copies can be stepped together; each of their transitions is
// followed by as many gradient steps as the original makes per step. 4. Nothing is ever dropped
// from the replay buffer: a run that would not fit is refused. 5. Continuous actions only.
#include <algorithm>
#include <cmath>
#include <deque>
#include <string_view>

#include "core/nn/adam.hpp"
#include "core/nn/common_params.hpp"
#include "core/nn/policy.hpp"
#include "core/nn/team_file.hpp"
#include "core/nn/values.hpp"
#include "plugins/algorithms/sac/losses.hpp"
#include "plugins/algorithms/sac/replay.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    {"copies", ParamType::kInteger, "1", "1", "100000", nullptr, "copies",
     "of the simulator, stepped together", "SAC's paper"},
    {"steps_per_update", ParamType::kInteger, "200", "1", "100000000", nullptr, "transitions",
     "collected per update, rounded up to whole steps of all copies", "ours"},
    {"gradient_steps_per_step", ParamType::kReal, "1", "0", "1000", nullptr, "",
     "gradient steps per collected transition; rounded to whole ones after a step of all copies, "
     "at "
     "least one",
     "SAC's paper"},
    {"start_steps", ParamType::kInteger, "10000", "1", "100000000", nullptr, "transitions",
     "collected by uniformly random actions before the learning starts", "SAC's code"},
    {"batch_size", ParamType::kInteger, "256", "1", "1000000", nullptr, "transitions",
     "mini-batch size", "SAC's paper"},
    {"hidden", ParamType::kInteger, "256", "1", "65536", nullptr, "units",
     "units of each of the two hidden layers", "SAC's paper"},
    {"learning_rate", ParamType::kReal, "3e-4", "0", "1", nullptr, "",
     "Adam's, of critics, policy and temperature", "SAC's paper"},
    {"discount", ParamType::kReal, "0.99", "0", "1", nullptr, "", "discount factor", "SAC's paper"},
    {"polyak", ParamType::kReal, "0.005", "0", "1", nullptr, "",
     "share of the critics that goes into their targets per gradient step", "SAC's paper"},
    {"target_entropy", ParamType::kReal, "-1", nullptr, nullptr, nullptr, "",
     "entropy that the temperature keeps, per action component: -dim(A) in all", "SAC's paper"},
    {"initial_temperature", ParamType::kReal, "1", "1e-8", nullptr, nullptr, "",
     "temperature at the start", "SAC's code"},
    {"reward_scale", ParamType::kReal, "1", "0", nullptr, nullptr, "",
     "factor of the rewards that the critics learn from", "SAC's paper"},
    {"capacity", ParamType::kInteger, "1000000", "1", "1000000000", nullptr, "transitions",
     "most that the replay buffer may hold; a longer run is refused", "SAC's paper"},
    {"medium_score", ParamType::kReal, "0.75", nullptr, nullptr, nullptr, "",
     "score of the last 10 training episodes at which the policy is kept as \"medium\"", "ours"},
    {"snapshot_every", ParamType::kInteger, "0", "0", "1000000000", nullptr, "transitions",
     "distance of the policies that are kept by the number of transitions before them; 0: none",
     "ours"},
    params::kPrecision,
};

constexpr double kInitialLogStd = -0.5;      // ours: inside the clamp, where it has a gradient
constexpr std::size_t kMediumEpisodes = 10;  // that the score of "medium" is the mean of
constexpr std::string_view kSnapshotPrefix = "snapshot/";  // in archives

/// The task as the learner sees it: one agent.
TaskSpec single_agent(const TaskSpec& task) {
  if (task.discrete()) {
    throw InputError("sac needs continuous actions; those of task '" + task.name +
                     "' are discrete");
  }
  return centralised(task);
}

/// ln(alpha), one number.
class Temperature final : public FlatModule {
 public:
  Temperature(double initial, torch::Device device) : FlatModule(1, {{1}}, device) {
    flat().fill_(std::log(initial));
  }
  const Tensor& log() const { return parameters()[0]; }  // [1, 1]
  Tensor value() const { return flat().exp(); }          // [1], without a graph
};

/// Acts with parameters of its own: what later updates do does not reach it.
class KeptPolicy final : public Policy {
 public:
  KeptPolicy(TeamPolicy network, const TaskSpec& task, torch::Device device, bool greedy,
             at::Generator generator)
      : network_(std::move(network)), acting_(task, network_, device, greedy, generator) {}
  void begin(const Tensor& index) override { acting_.begin(index); }
  Tensor act(const Tensor& index, const Tensor& state) override {
    return acting_.act(index, state);
  }

 private:
  TeamPolicy network_;
  MemorylessPolicy acting_;
};

class Sac final : public Algorithm {
 public:
  explicit Sac(const AlgorithmContext& c)
      : task_(single_agent(c.task)),
        device_(c.device),
        logger_(c.logger),
        copies_(c.params.integer("copies")),
        steps_((c.params.integer("steps_per_update") + copies_ - 1) / copies_),
        gradient_steps_(std::max<std::int64_t>(
            1,
            std::llround(static_cast<double>(copies_) * c.params.real("gradient_steps_per_step")))),
        start_steps_(c.params.integer("start_steps")),
        batch_size_(c.params.integer("batch_size")),
        hidden_(c.params.integer("hidden")),
        discount_(c.params.real("discount")),
        polyak_(c.params.real("polyak")),
        target_entropy_(c.params.real("target_entropy") * static_cast<double>(task_.joint_width())),
        reward_scale_(c.params.real("reward_scale")),
        medium_score_(c.params.real("medium_score")),
        snapshot_every_(c.params.integer("snapshot_every")),
        actions_(c.streams.get("rollouts")),
        batches_(c.streams.get("batches")),
        noise_(c.streams.get("noise")),
        policy_(new_policy(c.streams.get("networks"))),
        q_(task_, task_.state_width, hidden_, device_, c.streams.get("networks")),
        target_q_(task_, task_.state_width, hidden_, device_, c.streams.get("networks")),
        temperature_(c.params.real("initial_temperature"), device_),
        policy_optimiser_({&policy_}, c.params.real("learning_rate"), Clip::kNone),
        q_optimiser_({&q_}, c.params.real("learning_rate"), Clip::kNone),
        temperature_optimiser_({&temperature_}, c.params.real("learning_rate"), Clip::kNone),
        replay_(task_, needed_capacity(c), copies_, device_),
        environment_(c.make_environment(copies_, "environment")),
        all_(torch::arange(copies_, torch::kLong)),
        state_(environment_->reset(all_)),
        returns_(torch::zeros({copies_}, torch::kFloat64)) {
    set_precision(precision_of(c.params.text("precision"), c.device), {&policy_, &q_, &target_q_});
    if (snapshot_every_ > 0 && snapshot_every_ < copies_) {
      throw InputError("sac: snapshot_every must be at least the number of copies, " +
                       std::to_string(copies_) + ", which make a step together; found " +
                       std::to_string(snapshot_every_));
    }
    policy_.start_log_std(kInitialLogStd);
    keep("initial");
    target_q_.copy_from(q_);
  }

  // --- update -----------------------------------------------------------------------------------

  Metrics update() override {
    Progress progress;
    for (std::int64_t step = 0; step < steps_; ++step) {
      const std::int64_t before = replay_.size();
      interact(progress);
      if (replay_.size() > start_steps_) {
        for (std::int64_t i = 0; i < gradient_steps_; ++i) train(progress);
      }
      if (snapshot_every_ == 0) continue;
      const std::int64_t kept = replay_.size() / snapshot_every_;
      if (kept > before / snapshot_every_) keep(std::to_string(kept * snapshot_every_));
    }
    return report(progress);
  }

  // --- policy, snapshots, save, load ------------------------------------------------------------

  std::unique_ptr<Policy> policy(bool greedy, at::Generator generator) override {
    return std::make_unique<MemorylessPolicy>(task_, policy_, device_, greedy, generator);
  }

  std::unique_ptr<Policy> snapshot(const std::string& name, bool greedy,
                                   at::Generator generator) override {
    if (name.empty() || name == "final") return policy(greedy, generator);
    return std::make_unique<KeptPolicy>(kept_policy(name), task_, device_, greedy, generator);
  }

  std::optional<TensorFile> policy_file(const std::string& name) const override {
    if (name.empty() || name == "final") return team_file(task_, policy_, /*scaled=*/false);
    return team_file(task_, kept_policy(name), /*scaled=*/false);
  }

  std::optional<Transitions> replay() const override { return replay_.episodes(); }

  void save(Archive& archive) const override {
    state_list_.save(archive);
    for (const auto& [name, parameters] : kept_) {
      archive.write(std::string(kSnapshotPrefix) + name, parameters);
    }
    archive.write("state", state_);
    archive.write("returns", returns_);
    const std::vector<double> recent(recent_.begin(), recent_.end());
    archive.write("recent_returns", torch::tensor(recent, torch::kFloat64));
    environment_->save(archive, "environment");
  }

  void load(const Archive& archive) override {
    state_list_.load(archive);
    kept_.clear();
    for (const auto& [path, parameters] : archive.tensors()) {
      if (path.rfind(kSnapshotPrefix, 0) != 0) continue;
      archive.read_into(
          path, kept_[path.substr(kSnapshotPrefix.size())] = torch::empty_like(policy_.flat()));
    }
    archive.read_into("state", state_);
    archive.read_into("returns", returns_);
    const Tensor recent = archive.tensor("recent_returns");
    recent_.assign(recent.data_ptr<double>(), recent.data_ptr<double>() + recent.size(0));
    environment_->load(archive, "environment");
  }

 private:
  /// What one update reports.
  struct Progress {
    std::vector<double> finished;              // returns of the episodes that ended
    Tensor critic_loss, policy_loss, entropy;  // sums over the gradient steps
    std::int64_t gradient_steps = 0;
  };

  void keep(const std::string& name) { kept_[name] = policy_.flat().clone(); }

  TeamPolicy kept_policy(const std::string& name) const {
    const auto kept = kept_.find(name);
    if (kept == kept_.end()) {
      throw InputError("sac: no snapshot '" + name + "'; this run keeps: " + names_of_kept() +
                       (name == "medium"
                            ? ". The training never reached medium_score (" +
                                  std::to_string(medium_score_) + "): train longer or lower it"
                            : ""));
    }
    TeamPolicy network = new_policy(Streams(0).get("networks"));
    network.flat().copy_(kept->second);
    return network;
  }

  std::string names_of_kept() const {
    std::string names;
    for (const auto& [name, parameters] : kept_) names += name + ", ";
    return names + "final";
  }

  TeamPolicy new_policy(at::Generator generator) const {
    return {task_, Distribution::kSquashedGaussian, task_.state_width, hidden_, device_, generator};
  }

  std::int64_t needed_capacity(const AlgorithmContext& c) const {
    const std::int64_t needed = c.total_steps * steps_ * copies_;
    if (needed <= c.params.integer("capacity")) return needed;
    throw InputError("sac: the run collects " + std::to_string(needed) +
                     " transitions, but capacity is " +
                     std::to_string(c.params.integer("capacity")) +
                     "; all of them are kept, so raise capacity or lower steps");
  }

  /// An action of the current policy in states [B, S].
  sac::Action draw(const Tensor& state, at::Generator& generator) const {
    const TeamPolicy::Gaussian gaussian = policy_.gaussian(state.unsqueeze(0));
    const Tensor mean = gaussian.mean.squeeze(0);  // [B, W]
    const Tensor noise = torch::randn(mean.sizes(), generator, state.options());
    return sac::squash(mean, gaussian.log_std.squeeze(0), noise);
  }

  /// Values of joint actions [B, W] in states [B, S]: [2, B]
  static Tensor values(const TwinQ& q, const Tensor& state, const Tensor& action) {
    return q.forward(state.unsqueeze(0), action).squeeze(1);
  }

  /// One step of all copies.
  void interact(Progress& progress) {
    const torch::NoGradGuard no_grad;
    const Tensor state = state_.to(device_);
    const Tensor action = replay_.size() < start_steps_
                              ? torch::rand({copies_, task_.joint_width()}, actions_) * 2 - 1
                              : draw(state, actions_).action.to(torch::kCPU);
    const StepResult step = environment_->step(all_, action);
    replay_.append(state, action, step);
    returns_ += step.reward;
    state_ = step.next_state.clone();
    const Tensor ended = (step.terminal | step.timeout).nonzero().squeeze(1);
    if (ended.size(0) == 0) return;
    const Tensor finished = returns_.index_select(0, ended);
    for (std::int64_t i = 0; i < ended.size(0); ++i) book(finished[i].item<double>(), progress);
    returns_.index_fill_(0, ended, 0);
    state_.index_copy_(0, ended, environment_->reset(ended));
  }

  /// An episode has ended; keeps the policy where the last ones are good enough.
  void book(double episode_return, Progress& progress) {
    progress.finished.push_back(episode_return);
    recent_.push_back(episode_return);
    if (recent_.size() > kMediumEpisodes) recent_.pop_front();
    if (kept_.count("medium") > 0 || recent_.size() < kMediumEpisodes) return;
    const double mean = mean_of({recent_.begin(), recent_.end()});
    if (task_.score(mean) < medium_score_) return;
    keep("medium");
    logger_.info("kept the policy as \"medium\" after " + std::to_string(replay_.size()) +
                 " environment steps, at score " + std::to_string(task_.score(mean)));
  }

  Tensor target(const Batch& batch) {
    const torch::NoGradGuard no_grad;
    const sac::Action next = draw(batch.next_state, noise_);
    return sac::target_value(batch.reward * reward_scale_, batch.mask,
                             values(target_q_, batch.next_state, next.action), next.log_prob,
                             temperature_.value(), discount_);
  }

  /// One gradient step of critics, policy and temperature (Algorithm 1).
  void train(Progress& progress) {
    const Batch batch = replay_.draw(batch_size_, batches_);
    const Tensor critic_loss = q_optimiser_.minimise(
        sac::critic_loss(values(q_, batch.state, batch.action), target(batch)));

    const sac::Action own = draw(batch.state, noise_);
    const Tensor log_prob = own.log_prob.detach();
    const Tensor policy_loss = policy_optimiser_.minimise(
        sac::policy_loss(values(q_, batch.state, own.action), own.log_prob, temperature_.value()));

    temperature_optimiser_.minimise(
        sac::temperature_loss(temperature_.log(), log_prob, target_entropy_));
    target_q_.polyak(q_, polyak_);

    const auto add = [](Tensor& sum, const Tensor& value) {
      sum = sum.defined() ? sum + value : value;
    };
    add(progress.critic_loss, critic_loss);
    add(progress.policy_loss, policy_loss);
    add(progress.entropy, -log_prob.mean());
    ++progress.gradient_steps;
  }

  static double mean_of(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
  }

  Metrics report(const Progress& progress) const {
    Metrics metrics;
    if (progress.gradient_steps > 0) {
      const auto count = static_cast<double>(progress.gradient_steps);
      metrics.add("critic/loss", progress.critic_loss / count);
      metrics.add("policy/loss", progress.policy_loss / count);
      metrics.add("policy/entropy", progress.entropy / count);
      metrics.add("temperature", temperature_.value().squeeze(0));
    }
    metrics.add("rollout/environment_steps", static_cast<double>(replay_.size()));
    if (!progress.finished.empty()) metrics.add("rollout/return", mean_of(progress.finished));
    metrics.add("rollout/faults", static_cast<double>(environment_->faults()));
    return metrics;
  }

  const TaskSpec task_;  // with one agent
  const torch::Device device_;
  Logger& logger_;
  const std::int64_t copies_, steps_;  // C, steps of all copies per update
  const std::int64_t gradient_steps_;  // per step of all copies
  const std::int64_t start_steps_, batch_size_, hidden_;
  const double discount_, polyak_, target_entropy_, reward_scale_, medium_score_;
  const std::int64_t snapshot_every_;
  at::Generator actions_, batches_, noise_;
  TeamPolicy policy_;
  TwinQ q_, target_q_;
  Temperature temperature_;
  Adam policy_optimiser_, q_optimiser_, temperature_optimiser_;
  sac::ReplayBuffer replay_;
  std::unique_ptr<Environment> environment_;
  Tensor all_;                          // [C]
  Tensor state_;                        // [C, S] in which the next actions are chosen
  Tensor returns_;                      // [C] of the running episodes
  std::deque<double> recent_;           // returns of the last episodes
  std::map<std::string, Tensor> kept_;  // the policy's parameters at earlier times, by name
  const StateList state_list_ = {{"policy", &policy_},
                                 {"q", &q_},
                                 {"target_q", &target_q_},
                                 {"temperature", &temperature_},
                                 {"policy_optimiser", &policy_optimiser_},
                                 {"q_optimiser", &q_optimiser_},
                                 {"temperature_optimiser", &temperature_optimiser_},
                                 {"replay", &replay_}};
};

}  // namespace

}  // namespace labhost

LABHOST_ONLINE_ALGORITHM(labhost::Sac, "sac", "1.2.0",
                         "Online soft actor-critic for the team as one agent; keeps what it did",
                         labhost::kParams, "policy");
