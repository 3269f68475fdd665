// MAIQL: implicit Q-learning with QMIX-mixed critics.  Section 5.1; Appendix A, Eq. 1-7.
//
// Symbols: B batch, N agents, I inputs of the networks, W joint action, S state, E encoded joint
// action.
// Differences: 1. the mixer of Q sees the joint action (released code; action_aware_mixer = false
// gives the paper's w_Q(s)). 2. Mixer weights are not constrained to be positive (released code).
// 3. Twin critics, the smaller of both per agent before mixing; weights capped at 100 (released
// code).
#include <cmath>

#include "core/nn/common_params.hpp"
#include "core/nn/iql_losses.hpp"
#include "core/nn/mixer.hpp"
#include "core/nn/perception.hpp"
#include "core/nn/values.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    {"weights", ParamType::kText, "team", nullptr, nullptr, "team|agent", "",
     "one regression weight from the mixed Q - V, or one per agent from its own Q^i - V^i",
     "Eq. 7; released code"},
    {"action_aware_mixer", ParamType::kFlag, "true", nullptr, nullptr, nullptr, "",
     "the mixer of Q sees the joint action; false: w_Q(s) as printed in Eq. 4", "released code"},
    params::kExpectile,
    params::kTemperature,
    params::kWeightMax,
    params::kPolicySchedule,
    params::kScaleRewards,
    params::kDiscount,
    params::kPolyak,
    params::kLearningRate,
    params::kBatchSize,
    params::kHidden,
    params::kGradientClip,
    params::kPrecision,
    params::kMemory,
    params::kMemoryLength,
    params::kMemoryWidth,
    params::kMemoryLearningRate,
};

class Maiql final : public Algorithm {
 public:
  // --- networks ---------------------------------------------------------------------------------

  explicit Maiql(const AlgorithmContext& c)
      : task_(c.task),
        total_steps_(c.total_steps),
        expectile_(c.params.real("expectile")),
        temperature_(c.params.real("temperature")),
        weight_max_(c.params.real("weight_max")),
        discount_(c.params.real("discount")),
        polyak_(c.params.real("polyak")),
        learning_rate_(c.params.real("learning_rate")),
        cosine_(c.params.text("policy_schedule") == "cosine"),
        team_weight_(c.params.text("weights") == "team"),
        action_aware_(c.params.flag("action_aware_mixer")),
        perception_(c, task_, c.data, c.params.real("gradient_clip")),
        sampler_(c.data, c.params.integer("batch_size"), c.streams.get("batches"),
                 c.params.flag("scale_rewards") ? iql_reward_scale(c.data) : 1.0),
        v_(task_, perception_.width(), hidden(c), c.device, networks(c)),
        q_(task_, perception_.width(), hidden(c), c.device, networks(c)),
        q_target_(task_, perception_.width(), hidden(c), c.device, networks(c)),
        mixer_v_(task_.agent_count(), task_.state_width, hidden(c), c.device, networks(c)),
        mixer_q_(task_.agent_count(), q_mixer_inputs(), hidden(c), c.device, networks(c)),
        mixer_q_target_(task_.agent_count(), q_mixer_inputs(), hidden(c), c.device, networks(c)),
        policy_(task_, Distribution::kSquashedGaussian, perception_.width(), hidden(c), c.device,
                networks(c)),
        clip_(c.params.real("gradient_clip") > 0 ? Clip::kPerCopy : Clip::kNone),
        v_optimiser_({&v_, &mixer_v_}, learning_rate_, clip_, c.params.real("gradient_clip")),
        q_optimiser_({&q_, &mixer_q_}, learning_rate_, clip_, c.params.real("gradient_clip")),
        policy_optimiser_({&policy_}, learning_rate_, clip_, c.params.real("gradient_clip")) {
    q_target_.copy_from(q_);
    mixer_q_target_.copy_from(mixer_q_);
    set_precision(precision_of(c.params.text("precision"), c.device),
                  {&v_, &q_, &q_target_, &mixer_v_, &mixer_q_, &mixer_q_target_, &policy_});
  }

  // --- update -----------------------------------------------------------------------------------

  Metrics update() override {
    const Batch batch = sampler_.draw();
    const View seen = perception_.now(batch);
    // What values are asked about stands still during an update: seen through the target memory.
    const Tensor h = perception_.see_as_target(seen),
                 h_next = perception_.see_as_target(perception_.next(batch));  // [N, B, I]
    const Tensor q_inputs = q_mixer_input(batch);
    const Values q = target_q(h, batch.action, q_inputs);
    Metrics metrics;

    const Tensor v = mixer_v_.forward(batch.state, v_.forward(perception_.see(seen)));  // [B]
    metrics.add("value/loss", minimise(iql::expectile_loss(q.mixed, v, expectile_),
                                       {&v_optimiser_, perception_.optimiser()}));

    const Values now = value(h, batch.state);
    const Tensor weight = team_weight_
                              ? iql::awr_weight(q.mixed, now.mixed, temperature_, weight_max_)
                              : iql::awr_weight(q.own, now.own, temperature_, weight_max_);
    schedule_policy();
    const Tensor log_prob = policy_.log_prob(perception_.see(seen), batch.action);  // [N, B]
    metrics.add("policy/loss", minimise(iql::team_awr_loss(weight, log_prob),
                                        {&policy_optimiser_, perception_.optimiser()}));

    const Tensor next = value(h_next, batch.next_state).mixed;
    const Tensor target = batch.reward + discount_ * batch.mask * next;
    const Tensor own_q = q_.forward(perception_.see(seen), batch.action);  // [2, N, B]
    const Tensor twin_q = Mixer::mix(mixer_q_.weights(q_inputs), own_q);   // [2, B]
    metrics.add("critic/loss", minimise(iql::critic_loss(twin_q, target),
                                        {&q_optimiser_, perception_.optimiser()}));

    q_target_.polyak(q_, polyak_);
    mixer_q_target_.polyak(mixer_q_, polyak_);
    perception_.polyak(polyak_);
    ++updates_;
    metrics.add("value/mean", v.mean());
    metrics.add("policy/weight_mean", weight.mean());
    return metrics;
  }

  // --- policy, save, load -----------------------------------------------------------------------

  std::unique_ptr<Policy> policy(bool greedy, at::Generator generator) override {
    return perception_.team(policy_, greedy, generator);
  }

  void save(Archive& archive) const override {
    archive.write("updates", updates_);
    state_.save(archive);
  }
  void load(const Archive& archive) override {
    updates_ = archive.integer("updates");
    state_.load(archive);
  }

 private:
  struct Values {
    Tensor own;    ///< of each agent [N, B]
    Tensor mixed;  ///< of the team [B]
  };

  static std::int64_t hidden(const AlgorithmContext& c) { return c.params.integer("hidden"); }
  static at::Generator networks(const AlgorithmContext& c) { return c.streams.get("networks"); }

  std::int64_t q_mixer_inputs() const {
    return task_.state_width + (action_aware_ ? task_.encoded_width() : 0);
  }
  Tensor q_mixer_input(const Batch& batch) const {
    if (!action_aware_) return batch.state;
    return torch::cat({batch.state, encode_actions(task_, batch.action)}, -1);  // [B, S + E]
  }
  /// Eq. 5, with the smaller of each agent's twin critics.
  Values target_q(const Tensor& h, const Tensor& action, const Tensor& mixer_input) const {
    const torch::NoGradGuard no_grad;
    const Tensor own = std::get<0>(q_target_.forward(h, action).min(0));
    return {own, mixer_q_target_.forward(mixer_input, own)};
  }
  Values value(const Tensor& h, const Tensor& state) const {
    const torch::NoGradGuard no_grad;
    const Tensor own = v_.forward(h);
    return {own, mixer_v_.forward(state, own)};
  }
  void schedule_policy() {
    if (!cosine_) return;
    const double progress = static_cast<double>(updates_) / static_cast<double>(total_steps_);
    policy_optimiser_.set_learning_rate(learning_rate_ * 0.5 *
                                        (1 + std::cos(std::acos(-1.0) * progress)));
  }

  const TaskSpec task_;
  const std::int64_t total_steps_;
  const double expectile_, temperature_, weight_max_, discount_, polyak_, learning_rate_;
  const bool cosine_, team_weight_, action_aware_;
  Perception perception_;
  Sampler sampler_;
  StateValue v_;
  TwinQ q_, q_target_;
  Mixer mixer_v_, mixer_q_, mixer_q_target_;
  TeamPolicy policy_;
  Clip clip_;
  Adam v_optimiser_, q_optimiser_, policy_optimiser_;
  std::int64_t updates_ = 0;
  const StateList state_ = {{"perception", &perception_},
                            {"v", &v_},
                            {"q", &q_},
                            {"q_target", &q_target_},
                            {"mixer_v", &mixer_v_},
                            {"mixer_q", &mixer_q_},
                            {"mixer_q_target", &mixer_q_target_},
                            {"policy", &policy_},
                            {"v_optimiser", &v_optimiser_},
                            {"q_optimiser", &q_optimiser_},
                            {"policy_optimiser", &policy_optimiser_}};
};

}  // namespace

}  // namespace labhost

LABHOST_ALGORITHM(labhost::Maiql, "maiql", "1.1.0",
                  "Multi-agent implicit Q-learning: centralised training with QMIX-mixed critics",
                  labhost::kParams, "policy");
