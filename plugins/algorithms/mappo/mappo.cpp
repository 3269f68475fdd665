// MAPPO: PPO for a team with a mixed value, learning online from the true simulator.  Appendix A;
// the paper's collector of the Reacher experts.
//
// One update: some steps of all copies of the simulator, then a few passes of mini-batches over
// them. Symbols: B mini-batch, C copies, T steps per copy, N agents, O observation, S state, W
// joint action. Differences: 1. Inputs can be divided by the task's magnitudes, log standard
// deviations can start below 0, and the learning rate can decay: with the paper's settings alone
// teams stay far from the expert (README.md). 2. One side of a task's measure can be preferred
// early on, so that a team settles on a wanted strategy.
#include "core/nn/adam.hpp"
#include "core/nn/common_params.hpp"
#include "core/nn/gae.hpp"
#include "core/nn/mixer.hpp"
#include "core/nn/ppo_losses.hpp"
#include "core/nn/team_file.hpp"
#include "core/nn/values.hpp"
#include "plugins/algorithms/mappo/collector.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    {"copies", ParamType::kInteger, "40", "1", "100000", nullptr, "copies",
     "of the simulator, stepped together", "ours"},
    {"transitions", ParamType::kInteger, "2000", "2", "100000000", nullptr, "transitions",
     "collected per update, rounded up to whole steps of all copies", "Appendix A.2"},
    params::kDiscount,
    params::kGaeLambda,
    {"passes", ParamType::kInteger, "5", "1", "1000", nullptr, "",
     "passes over the collected transitions per update", "Appendix A.2"},
    params::kPpoBatchSize,
    params::kPpoClip,
    params::kCriticWeight,
    params::kEntropyRate,
    params::kEntropyTarget,
    params::kActionPenalty,
    params::kPenalisedAction,
    params::kPpoLearningRate,
    params::kFinalLearningRate,
    params::kHidden,
    params::kPpoGradientClip,
    params::kScaleInputs,
    params::kInitialLogStd,
    {"preferred_measure", ParamType::kText, "", nullptr, nullptr, nullptr, "",
     "a measure of the task whose sign is to be settled (\"elbow\"); empty: none", "ours"},
    {"preferred_sign", ParamType::kInteger, "1", "-1", "1", nullptr, "",
     "the wanted sign of that measure: 1 or -1", "ours"},
    {"preference_weight", ParamType::kReal, "0.1", "0", nullptr, nullptr, "",
     "reward taken per unit of the measure on the unwanted side, while training", "ours"},
    {"preference_share", ParamType::kReal, "0.4", "0", "1", nullptr, "",
     "share of the updates, from the first, in which it is taken", "ours"},
};

mappo::CollectorOptions collector_options(const Params& p) {
  mappo::CollectorOptions options;
  options.copies = p.integer("copies");
  options.steps = (p.integer("transitions") + options.copies - 1) / options.copies;
  options.preferred_measure = p.text("preferred_measure");
  options.preferred_sign = static_cast<double>(p.integer("preferred_sign"));
  return options;
}

class Mappo final : public Algorithm {
 public:
  explicit Mappo(const AlgorithmContext& c)
      : task_(c.task),
        device_(c.device),
        total_updates_(c.total_steps),
        discount_(c.params.real("discount")),
        lambda_(c.params.real("gae_lambda")),
        clip_(c.params.real("clip")),
        critic_weight_(c.params.real("critic_weight")),
        entropy_rate_(c.params.real("entropy_rate")),
        entropy_target_(c.params.real("entropy_target")),
        action_penalty_(c.params.real("action_penalty")),
        learning_rate_(c.params.real("learning_rate")),
        final_share_(c.params.real("final_learning_rate")),
        preference_weight_(c.params.real("preference_weight")),
        preference_share_(c.params.real("preference_share")),
        penalise_mean_(c.params.text("penalised_action") == "mean"),
        passes_(c.params.integer("passes")),
        collector_(c.task, collector_options(c.params), c.make_environment, c.device),
        batch_size_(std::min(c.params.integer("batch_size"), collector_.transitions())),
        scale_inputs_(c.params.flag("scale_inputs")),
        see_(c.task, c.device, scale_inputs_),
        layout_(c.task),
        generator_(c.streams.get("rollouts")),
        policy_(c.task, Distribution::kGaussian, c.task.observation_width(),
                c.params.integer("hidden"), c.device, c.streams.get("networks")),
        v_(c.task, c.task.observation_width(), c.params.integer("hidden"), c.device,
           c.streams.get("networks")),
        mixer_(c.task.agent_count(), c.task.state_width, c.params.integer("hidden"), c.device,
               c.streams.get("networks")),
        optimiser_({&policy_, &v_, &mixer_}, learning_rate_,
                   c.params.real("gradient_clip") > 0 ? Clip::kGlobal : Clip::kNone,
                   c.params.real("gradient_clip")) {
    policy_.shrink_last_layer(0.1);  // released code
    policy_.start_log_std(c.params.real("initial_log_std"));
  }

  // --- update -----------------------------------------------------------------------------------

  Metrics update() override {
    const double progress = static_cast<double>(updates_) / static_cast<double>(total_updates_);
    optimiser_.set_learning_rate(learning_rate_ * (1 - (1 - final_share_) * progress));
    const double preference = progress < preference_share_ ? preference_weight_ : 0;
    const mappo::Collected collected = collector_.collect(policy_, see_, generator_, preference);
    const Prepared all = prepare(collected);
    const std::int64_t count = all.returns.size(0);
    for (std::int64_t pass = 0; pass < passes_; ++pass) {
      const Tensor order = torch::randperm(count, generator_, torch::kLong).to(device_);
      for (std::int64_t first = 0; first + batch_size_ <= count; first += batch_size_) {
        train(all, order.narrow(0, first, batch_size_));
      }
    }
    ++updates_;
    return report(collected);
  }

  // --- policy, save, load -----------------------------------------------------------------------

  std::unique_ptr<Policy> policy(bool greedy, at::Generator generator) override {
    return std::make_unique<MemorylessPolicy>(see_, policy_, device_, greedy, generator);
  }

  std::optional<TensorFile> policy_file(const std::string& name) const override {
    if (!name.empty() && name != "final") {
      throw InputError("mappo: no snapshot '" + name + "'; this algorithm keeps: final");
    }
    if (task_.discrete()) return std::nullopt;
    return team_file(task_, policy_, scale_inputs_);
  }

  void save(Archive& archive) const override {
    archive.write("updates", updates_);
    archive.write("entropy_weight", entropy_weight_);
    collector_.save(archive, "collector");
    state_.save(archive);
  }
  void load(const Archive& archive) override {
    updates_ = archive.integer("updates");
    entropy_weight_ = archive.real("entropy_weight");
    collector_.load(archive, "collector");
    state_.load(archive);
  }

 private:
  /// What the passes over one update's transitions read.
  struct Prepared {
    Tensor observation;                ///< [N, C T, O]
    Tensor state, action, log_prob;    ///< [C T, S], [C T, W], [N, C T]
    Tensor value, returns, advantage;  ///< [C T]
  };
  /// Diagnostics of the last mini-batch of an update.
  struct Losses {
    Tensor actor, critic, entropy, bound_error;
  };

  Tensor team_value(const Tensor& scaled, const Tensor& observation) const {
    return mixer_.forward(scaled, v_.forward(observation));
  }

  Prepared prepare(const mappo::Collected& c) const {
    const torch::NoGradGuard no_grad;
    Prepared all;
    all.state = see_.scale(c.state);
    all.observation = see_.observe(all.state);
    all.action = c.action;
    all.log_prob = c.log_prob;
    all.value = team_value(all.state, all.observation);
    const Tensor next = see_.scale(c.next_state);
    const Advantages gae =
        generalised_advantages(c.reward, all.value, team_value(next, see_.observe(next)),
                               c.terminal, c.timeout, discount_, lambda_);
    all.returns = gae.returns;
    all.advantage = standardise(gae.advantages);
    return all;
  }

  void train(const Prepared& all, const Tensor& rows) {
    const Tensor h = all.observation.index_select(1, rows);  // [N, B, O]
    const Tensor action = all.action.index_select(0, rows);
    const Tensor log_prob = policy_.log_prob(h, action);  // [N, B]
    const Tensor ratio = ppo::team_ratio(log_prob, all.log_prob.index_select(1, rows));
    const Tensor value = team_value(all.state.index_select(0, rows), h);
    losses_.actor = ppo::actor_loss(ratio, all.advantage.index_select(0, rows), clip_);
    losses_.critic = ppo::critic_loss(value, all.value.index_select(0, rows),
                                      all.returns.index_select(0, rows), clip_);
    losses_.entropy = ppo::entropy(ratio, log_prob.sum(0), clip_);
    entropy_weight_ = std::max(
        0.0, entropy_weight_ + entropy_rate_ * (entropy_target_ - losses_.entropy.item<double>()));
    Tensor loss =
        losses_.actor + critic_weight_ * losses_.critic - entropy_weight_ * losses_.entropy;
    if (!task_.discrete()) {
      const Tensor penalised = penalise_mean_ ? policy_.gaussian(h).mean : layout_.split(action);
      losses_.bound_error = ppo::action_bound_error(ratio, penalised, clip_);
      loss = loss + action_penalty_ * losses_.bound_error;
    }
    optimiser_.minimise(loss);
  }

  Metrics report(const mappo::Collected& c) const {
    Metrics metrics;
    metrics.add("policy/loss", losses_.actor);
    metrics.add("critic/loss", losses_.critic);
    metrics.add("policy/entropy", losses_.entropy);
    metrics.add("policy/entropy_weight", entropy_weight_);
    if (losses_.bound_error.defined()) metrics.add("policy/bound_error", losses_.bound_error);
    metrics.add("rollout/environment_steps",
                static_cast<double>(updates_ * collector_.transitions()));
    metrics.add("rollout/reward", c.reward.mean());
    if (!c.finished_returns.empty()) {
      double sum = 0;
      for (const double value : c.finished_returns) sum += value;
      metrics.add("rollout/return", sum / static_cast<double>(c.finished_returns.size()));
    }
    metrics.add("rollout/faults", static_cast<double>(collector_.faults()));
    return metrics;
  }

  const TaskSpec task_;
  const torch::Device device_;
  const std::int64_t total_updates_;
  const double discount_, lambda_, clip_, critic_weight_, entropy_rate_, entropy_target_,
      action_penalty_, learning_rate_, final_share_, preference_weight_, preference_share_;
  const bool penalise_mean_;
  const std::int64_t passes_;
  mappo::Collector collector_;
  const std::int64_t batch_size_;
  const bool scale_inputs_;
  ScaledObserver see_;
  ActionLayout layout_;
  at::Generator generator_;
  TeamPolicy policy_;
  StateValue v_;
  Mixer mixer_;
  Adam optimiser_;
  Losses losses_;
  double entropy_weight_ = 0;
  std::int64_t updates_ = 0;
  const StateList state_ = {
      {"policy", &policy_}, {"v", &v_}, {"mixer", &mixer_}, {"optimiser", &optimiser_}};
};

}  // namespace

}  // namespace labhost

LABHOST_ONLINE_ALGORITHM(labhost::Mappo, "mappo", "1.0.0",
                         "Online multi-agent PPO with a mixed value: trains teams in the simulator",
                         labhost::kParams, "policy");
