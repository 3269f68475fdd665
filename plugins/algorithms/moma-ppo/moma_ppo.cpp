// MOMA-PPO: model-based offline multi-agent PPO.  Section 3, Algorithm 1; Appendix A.
//
// One update is one epoch: about 2000 synthetic transitions from the world model, then MAPPO on
// them. Symbols: B mini-batch, T transitions of an epoch, N agents, O observation, S state, W joint
// action, I inputs of the networks (O, and on partially observed tasks the memory's embedding).
// Differences from the released code: 1. reward and terminal are the ensemble's mean and majority
// (paper), not the drawn member's. 2. A rollout stops where eps_g reaches l_eps (paper); the
// released code clips before it compares, so its rollouts never stop early (stop_threshold =
// inf). 3. Inputs can be divided by the task's magnitudes, log standard deviations can start below
// 0 and the learning rate can decay, as in mappo; rewards can be scaled and bootstraps bounded;
// none of it by default.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/nn/adam.hpp"
#include "core/nn/common_params.hpp"
#include "core/nn/gae.hpp"
#include "core/nn/mixer.hpp"
#include "core/nn/ppo_losses.hpp"
#include "core/nn/team_file.hpp"
#include "core/nn/values.hpp"
#include "plugins/algorithms/moma-ppo/rollouts.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    {"k", ParamType::kInteger, "10", "1", "100000", nullptr, "steps", "longest rollout",
     "Section 3.2"},
    {"transitions", ParamType::kInteger, "2000", "2", "100000000", nullptr, "transitions",
     "collected per epoch", "Appendix A.2"},
    {"lambda_g", ParamType::kReal, "0.1", "0", nullptr, nullptr, "",
     "penalty on eps_g, the norm of the ensemble's covariance", "released code"},
    {"lambda_r", ParamType::kReal, "0.05", "0", nullptr, nullptr, "",
     "penalty on eps_r, the variance of the ensemble's rewards", "released code"},
    {"penalty", ParamType::kText, "epistemic", nullptr, nullptr, "epistemic|aleatoric", "",
     "what the reward is penalised by; aleatoric: MOPO's, Figure 4", "Section 6.3"},
    {"lambda_aleatoric", ParamType::kReal, "1", "0", nullptr, nullptr, "",
     "coefficient of the aleatoric penalty", "Section 6.3"},
    {"l_eps", ParamType::kReal, "2", "0", nullptr, nullptr, "",
     "uncertainty threshold: clips eps_r and eps_g, stops rollouts", "released code"},
    {"stop_threshold", ParamType::kReal, "-1", "-1", nullptr, nullptr, "",
     "eps_g that stops a rollout, where it differs from l_eps; -1: l_eps", "Section 3.2"},
    {"clip_to_dataset", ParamType::kFlag, "true", nullptr, nullptr, nullptr, "",
     "clip predictions to the dataset's bounding box", "Section 3.1"},
    params::kDiscount,
    params::kGaeLambda,
    {"passes", ParamType::kInteger, "5", "1", "1000", nullptr, "",
     "passes over the collected transitions per epoch", "Appendix A.2"},
    params::kPpoBatchSize,
    params::kPpoClip,
    params::kCriticWeight,
    params::kEntropyRate,
    params::kEntropyTarget,
    params::kActionPenalty,
    params::kPenalisedAction,
    params::kPpoLearningRate,
    params::kHidden,
    params::kPpoGradientClip,
    {"ground_truth", ParamType::kFlag, "false", nullptr, nullptr, nullptr, "",
     "rollouts in the true simulator: no world model, nothing uncertain", "Section 6.3"},
    params::kFinalLearningRate,
    {"scale_values", ParamType::kFlag, "false", nullptr, nullptr, nullptr, "",
     "multiply rewards by (1 - discount) / mean absolute reward of the dataset: values near 1",
     "ours"},
    {"bound_values", ParamType::kFlag, "false", nullptr, nullptr, nullptr, "",
     "bootstrap with no more and no less than the dataset's extreme rewards could sum up to",
     "ours"},
    params::kScaleInputs,
    params::kInitialLogStd,
    params::kPrecision,
    params::kMemory,
    params::kMemoryLength,
    params::kMemoryWidth,
    params::kMemoryLearningRate,
};

constexpr NeedDecl kNeeds[] = {{"world-model", "world-model", "ground_truth"}};

moma_ppo::RolloutOptions rollout_options(const Params& p) {
  moma_ppo::RolloutOptions options;
  options.horizon = p.integer("k");
  options.transitions = p.integer("transitions");
  options.lambda_r = p.real("lambda_r");
  options.lambda_g = p.real("lambda_g");
  options.aleatoric = p.text("penalty") == "aleatoric";
  options.lambda_aleatoric = p.real("lambda_aleatoric");
  return options;
}

/// The world model that the run needs, or with `ground_truth` the simulator.
std::unique_ptr<moma_ppo::Stage> make_stage(const AlgorithmContext& c,
                                            const moma_ppo::RolloutOptions& options) {
  if (c.params.flag("ground_truth")) {
    return std::make_unique<moma_ppo::SimulatorStage>(
        c.make_environment(options.rollouts(), "environment"), c.device);
  }
  WorldModelOptions model_options;
  model_options.clip_to_dataset = c.params.flag("clip_to_dataset");
  model_options.uncertainty_clip = c.params.real("l_eps");
  const double stop = c.params.real("stop_threshold");
  model_options.stop_threshold = stop < 0 ? c.params.real("l_eps") : stop;
  WorldModel model = WorldModel::restore(c.artifact("world-model"), c.device);
  model.set_precision(precision_of(c.params.text("precision"), c.device));
  model.freeze();
  return std::make_unique<moma_ppo::ModelStage>(std::move(model), c.task, model_options);
}

/// The most that rewards are lowered by; infinite where nothing clips the uncertainties.
double largest_penalty(const Params& p) {
  if (p.text("penalty") == "aleatoric") return std::numeric_limits<double>::infinity();
  const double weight = p.real("lambda_r") + p.real("lambda_g");
  return weight > 0 ? weight * p.real("l_eps") : 0;
}

/// What a value can be: discounted sums of the smallest and the largest reward, and a factor that
/// brings values near 1.
struct ValueRange {
  double scale = 1;
  double low = -std::numeric_limits<double>::infinity(), high = -low;  ///< after scaling
};

ValueRange value_range(const AlgorithmContext& c) {
  ValueRange range;
  const double discount = c.params.real("discount");
  if (discount == 1) return range;
  const double sum = 1 / (1 - discount);  // of a reward of 1, for ever
  const double mean = c.data.reward.abs().mean().item<double>();
  if (c.params.flag("scale_values") && mean > 0) range.scale = 1 / (sum * mean);
  if (!c.params.flag("bound_values")) return range;
  const double penalty = c.params.flag("ground_truth") ? 0 : largest_penalty(c.params);
  range.low = (c.data.reward.min().item<double>() - penalty) * sum * range.scale;
  range.high = c.data.reward.max().item<double>() * sum * range.scale;
  return range;
}

class MomaPpo final : public Algorithm {
 public:
  // --- networks ---------------------------------------------------------------------------------

  explicit MomaPpo(const AlgorithmContext& c)
      : task_(c.task),
        data_(c.data),
        device_(c.device),
        total_updates_(c.total_steps),
        options_(rollout_options(c.params)),
        discount_(c.params.real("discount")),
        lambda_(c.params.real("gae_lambda")),
        clip_(c.params.real("clip")),
        critic_weight_(c.params.real("critic_weight")),
        entropy_rate_(c.params.real("entropy_rate")),
        entropy_target_(c.params.real("entropy_target")),
        action_penalty_(c.params.real("action_penalty")),
        learning_rate_(c.params.real("learning_rate")),
        memory_rate_(c.params.real("memory_learning_rate")),
        final_share_(c.params.real("final_learning_rate")),
        penalise_mean_(c.params.text("penalised_action") == "mean"),
        passes_(c.params.integer("passes")),
        batch_size_(std::min(c.params.integer("batch_size"), options_.transitions)),
        values_(value_range(c)),
        layout_(c.task),
        generator_(c.streams.get("rollouts")),
        stage_(make_stage(c, options_)),
        scale_inputs_(c.params.flag("scale_inputs")),
        perception_(c, c.task, c.data, SteppedByTheAlgorithm{scale_inputs_}),
        policy_(c.task, Distribution::kGaussian, perception_.width(), c.params.integer("hidden"),
                c.device, c.streams.get("networks")),
        v_(c.task, perception_.width(), c.params.integer("hidden"), c.device,
           c.streams.get("networks")),
        mixer_(c.task.agent_count(), c.task.state_width, c.params.integer("hidden"), c.device,
               c.streams.get("networks")),
        optimiser_(trained(), learning_rate_,
                   c.params.real("gradient_clip") > 0 ? Clip::kGlobal : Clip::kNone,
                   c.params.real("gradient_clip")) {
    policy_.shrink_last_layer(0.1);  // released code
    policy_.start_log_std(c.params.real("initial_log_std"));
    set_precision(precision_of(c.params.text("precision"), c.device), {&policy_, &v_, &mixer_});
  }

  // --- update: one epoch of Algorithm 1 ---------------------------------------------------------

  Metrics update() override {
    decay_learning_rates();
    const moma_ppo::Rollouts rollouts =
        moma_ppo::collect(*stage_, {data_, perception_, policy_}, options_, generator_);
    const Prepared all = prepare(rollouts);
    const std::int64_t count = all.returns.size(0);
    for (std::int64_t pass = 0; pass < passes_; ++pass) {
      const Tensor order = torch::randperm(count, generator_, torch::kLong).to(device_);
      for (std::int64_t first = 0; first + batch_size_ <= count; first += batch_size_) {
        train(all, order.narrow(0, first, batch_size_));
      }
    }
    generated_ += count;
    ++updates_;
    return report(rollouts);
  }

  // --- policy, save, load -----------------------------------------------------------------------

  std::unique_ptr<Policy> policy(bool greedy, at::Generator generator) override {
    return perception_.team(policy_, greedy, std::move(generator));
  }
  std::optional<TensorFile> policy_file(const std::string& name) const override {
    if (!name.empty() && name != "final") {
      throw InputError("moma-ppo: no snapshot '" + name + "'; this algorithm keeps: final");
    }
    if (perception_.remembers() || task_.discrete()) return std::nullopt;
    return team_file(task_, policy_, scale_inputs_);
  }

  void save(Archive& archive) const override {
    archive.write("updates", updates_);
    archive.write("generated", generated_);
    archive.write("entropy_weight", entropy_weight_);
    stage_->save(archive);
    state_.save(archive);
  }
  void load(const Archive& archive) override {
    updates_ = archive.integer("updates");
    generated_ = archive.integer("generated");
    entropy_weight_ = archive.real("entropy_weight");
    stage_->load(archive);
    state_.load(archive);
  }

 private:
  /// What the passes over one epoch's transitions read.
  struct Prepared {
    View seen;                         ///< [N, T, ...]
    Tensor state, action, log_prob;    ///< [T, S], [T, W], [N, T]
    Tensor value, returns, advantage;  ///< [T]
  };
  /// Diagnostics of the last mini-batch of an epoch.
  struct Losses {
    Tensor actor, critic, entropy, deviation, bound_error;
  };

  /// All that one Adam steps; the memory comes last.
  std::vector<FlatModule*> trained() {
    std::vector<FlatModule*> modules = {&policy_, &v_, &mixer_};
    if (perception_.remembers()) modules.push_back(perception_.memory());
    return modules;
  }
  void decay_learning_rates() {
    const double progress = static_cast<double>(updates_) / static_cast<double>(total_updates_);
    const double share = 1 - (1 - final_share_) * progress;
    optimiser_.set_learning_rate(share * learning_rate_);
    if (perception_.remembers()) optimiser_.set_learning_rate(3, share * memory_rate_);
  }

  /// V(s) [B] of scaled states [B, S] with the networks' inputs [N, B, I].
  Tensor team_value(const Tensor& state, const Tensor& input) const {
    return mixer_.forward(state, v_.forward(input));
  }

  Prepared prepare(const moma_ppo::Rollouts& r) {
    const torch::NoGradGuard no_grad;
    Prepared all;
    all.seen = r.seen;
    all.state = perception_.observer().scale(r.state);
    all.action = r.action;
    all.log_prob = r.log_prob;
    all.value = team_value(all.state, perception_.see(r.seen));
    const Tensor next = next_value(r, all.value).clamp(values_.low, values_.high);
    const Advantages gae = generalised_advantages(r.reward * values_.scale, all.value, next,
                                                  r.terminal, r.timeout, discount_, lambda_);
    all.returns = gae.returns;
    all.advantage = standardise(gae.advantages);
    mean_value_ = all.value.mean();
    return all;
  }

  /// V(s') [T]: of the following row, and where a rollout ends of a state that no row has.
  Tensor next_value(const moma_ppo::Rollouts& r, const Tensor& value) const {
    const Tensor ends = (r.terminal | r.timeout).nonzero().squeeze(1);  // [E]
    const Tensor state = r.next_state.index_select(0, ends);
    View view = {perception_.observer()(state), Tensor()};
    if (perception_.remembers()) {
      view.history = perception_.histories().append(r.seen.history.index_select(1, ends),
                                                    r.seen.observation.index_select(1, ends),
                                                    r.action.index_select(0, ends));
    }
    const Tensor last = team_value(perception_.observer().scale(state), perception_.see(view));
    return value.roll(-1).index_copy(0, ends, last);
  }

  void train(const Prepared& all, const Tensor& rows) {
    const auto of_agents = [&rows](const Tensor& x) { return x.index_select(1, rows); };
    const View view = {of_agents(all.seen.observation),
                       perception_.remembers() ? of_agents(all.seen.history) : Tensor()};
    const Tensor h = perception_.see(view);  // [N, B, I]
    const Tensor action = all.action.index_select(0, rows);
    TeamPolicy::Gaussian gaussian;
    if (!task_.discrete()) gaussian = policy_.gaussian(h);
    const Tensor log_prob =  // [N, B]
        task_.discrete() ? policy_.log_prob(h, action) : policy_.log_prob(gaussian, action);
    const Tensor ratio = ppo::team_ratio(log_prob, of_agents(all.log_prob));
    const Tensor value = team_value(all.state.index_select(0, rows), h);
    Losses& losses = losses_;
    losses.actor = ppo::actor_loss(ratio, all.advantage.index_select(0, rows), clip_);
    losses.critic = ppo::critic_loss(value, all.value.index_select(0, rows),
                                     all.returns.index_select(0, rows), clip_);
    losses.entropy = ppo::entropy(ratio, log_prob.sum(0), clip_);
    entropy_weight_ = std::max(
        0.0, entropy_weight_ + entropy_rate_ * (entropy_target_ - losses.entropy.item<double>()));
    Tensor loss = losses.actor + critic_weight_ * losses.critic - entropy_weight_ * losses.entropy;
    if (!task_.discrete()) {
      const Tensor penalised = penalise_mean_ ? gaussian.mean : layout_.split(action);
      losses.bound_error = ppo::action_bound_error(ratio, penalised, clip_);
      losses.deviation = gaussian.log_std.detach().exp().mean();
      loss = loss + action_penalty_ * losses.bound_error;
    }
    optimiser_.minimise(loss);
  }

  static Tensor share_of(const Tensor& flags) { return flags.to(torch::kFloat64).mean(); }

  Metrics report(const moma_ppo::Rollouts& r) const {
    Metrics metrics;
    metrics.add("policy/loss", losses_.actor);
    metrics.add("critic/loss", losses_.critic);
    metrics.add("critic/mean", mean_value_);
    metrics.add("policy/entropy", losses_.entropy);
    metrics.add("policy/entropy_weight", entropy_weight_);
    if (!task_.discrete()) {
      metrics.add("policy/bound_error", losses_.bound_error);
      metrics.add("policy/deviation", losses_.deviation);
    }
    metrics.add("rollout/generated", static_cast<double>(generated_));
    metrics.add("rollout/length", r.mean_length);
    metrics.add("rollout/reward", r.raw_reward.mean());
    metrics.add("rollout/penalised_reward", r.reward.mean());
    metrics.add("rollout/terminal", share_of(r.terminal));
    metrics.add("rollout/unreliable", share_of(r.unreliable));
    metrics.add("rollout/eps_r", r.eps_r.mean());
    metrics.add("rollout/eps_g", r.eps_g.mean());
    metrics.add("rollout/eps_g_95", r.eps_g.quantile(0.95));
    metrics.add("rollout/aleatoric", r.aleatoric.mean());
    return metrics;
  }

  const TaskSpec task_;
  const Transitions& data_;
  const torch::Device device_;
  const std::int64_t total_updates_;
  const moma_ppo::RolloutOptions options_;
  const double discount_, lambda_, clip_, critic_weight_, entropy_rate_, entropy_target_,
      action_penalty_, learning_rate_, memory_rate_, final_share_;
  const bool penalise_mean_;
  const std::int64_t passes_, batch_size_;
  const ValueRange values_;
  ActionLayout layout_;
  at::Generator generator_;
  std::unique_ptr<moma_ppo::Stage> stage_;
  const bool scale_inputs_;
  Perception perception_;
  TeamPolicy policy_;
  StateValue v_;
  Mixer mixer_;
  Adam optimiser_;
  Losses losses_;
  Tensor mean_value_;  // of an epoch's states, as the rewards are scaled
  double entropy_weight_ = 0;
  std::int64_t updates_ = 0, generated_ = 0;
  const StateList state_ = {{"perception", &perception_},
                            {"policy", &policy_},
                            {"v", &v_},
                            {"mixer", &mixer_},
                            {"optimiser", &optimiser_}};
};

}  // namespace

}  // namespace labhost

LABHOST_ALGORITHM_WITH_NEEDS(
    labhost::MomaPpo, "moma-ppo", "1.1.0",
    "Model-based offline multi-agent PPO: rollouts in a world model, then MAPPO", labhost::kParams,
    "policy", labhost::kNeeds);
