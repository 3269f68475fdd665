// IQL: implicit Q-learning (Kostrikov et al., 2021), centralised: one learner sees the state and
// chooses the joint action.  Section 5.1; Appendix A, Eq. 1-3.
//
// Symbols: B batch, I inputs of the networks, W joint action of the team, W' of the single learner.
// Differences from the released code: 1. gradient norms are clipped to 1 as the paper says
// (released code: not clipped here; gradient_clip = 0). From the official IQL: 2. log standard
// deviations depend on the state (paper); 3. no dropout, no layer norm.
#include <cmath>

#include "core/nn/common_params.hpp"
#include "core/nn/iql_losses.hpp"
#include "core/nn/perception.hpp"
#include "core/nn/values.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    params::kExpectile,    params::kTemperature,
    params::kWeightMax,    params::kPolicySchedule,
    params::kScaleRewards, params::kDiscount,
    params::kPolyak,       params::kLearningRate,
    params::kBatchSize,    params::kHidden,
    params::kGradientClip, params::kPrecision,
    params::kMemory,       params::kMemoryLength,
    params::kMemoryWidth,  params::kMemoryLearningRate,
};

/// The dataset as the single learner sees it.
Transitions joined(const TaskSpec& task, const Transitions& data) {
  Transitions joint = data;
  joint.action = join_actions(task, data.action);
  return joint;
}

/// Acts for the whole team: the learner's choice, split among the agents.
class CentralisedPolicy final : public Policy {
 public:
  CentralisedPolicy(const TaskSpec& team, std::unique_ptr<Policy> single)
      : team_(team), single_(std::move(single)) {}
  void begin(const Tensor& index) override { single_->begin(index); }
  Tensor act(const Tensor& index, const Tensor& state) override {
    return split_actions(team_, single_->act(index, state));
  }

 private:
  const TaskSpec& team_;
  std::unique_ptr<Policy> single_;
};

class Iql final : public Algorithm {
 public:
  // --- networks ---------------------------------------------------------------------------------

  explicit Iql(const AlgorithmContext& c)
      : team_(c.task),
        task_(centralised(c.task)),
        total_steps_(c.total_steps),
        expectile_(c.params.real("expectile")),
        temperature_(c.params.real("temperature")),
        weight_max_(c.params.real("weight_max")),
        discount_(c.params.real("discount")),
        polyak_(c.params.real("polyak")),
        learning_rate_(c.params.real("learning_rate")),
        cosine_(c.params.text("policy_schedule") == "cosine"),
        data_(joined(c.task, c.data)),
        perception_(c, task_, data_, c.params.real("gradient_clip")),
        sampler_(data_, c.params.integer("batch_size"), c.streams.get("batches"),
                 c.params.flag("scale_rewards") ? iql_reward_scale(data_) : 1.0),
        v_(task_, perception_.width(), c.params.integer("hidden"), c.device,
           c.streams.get("networks")),
        q_(task_, perception_.width(), c.params.integer("hidden"), c.device,
           c.streams.get("networks")),
        q_target_(task_, perception_.width(), c.params.integer("hidden"), c.device,
                  c.streams.get("networks")),
        policy_(task_, Distribution::kSquashedGaussian, perception_.width(),
                c.params.integer("hidden"), c.device, c.streams.get("networks")),
        clip_(c.params.real("gradient_clip") > 0 ? Clip::kPerCopy : Clip::kNone),
        v_optimiser_({&v_}, learning_rate_, clip_, c.params.real("gradient_clip")),
        q_optimiser_({&q_}, learning_rate_, clip_, c.params.real("gradient_clip")),
        policy_optimiser_({&policy_}, learning_rate_, clip_, c.params.real("gradient_clip")) {
    q_target_.copy_from(q_);
    set_precision(precision_of(c.params.text("precision"), c.device),
                  {&v_, &q_, &q_target_, &policy_});
  }

  // --- update -----------------------------------------------------------------------------------

  Metrics update() override {
    const Batch batch = sampler_.draw();
    const View seen = perception_.now(batch);
    // What values are asked about stands still during an update: seen through the target memory.
    const Tensor s = perception_.see_as_target(seen),
                 s_next = perception_.see_as_target(perception_.next(batch));  // [1, B, I]
    const Tensor q = target_q(s, batch.action);                                // [B]
    Metrics metrics;

    const Tensor v = v_.forward(perception_.see(seen)).squeeze(0);
    metrics.add("value/loss", minimise(iql::expectile_loss(q, v, expectile_),
                                       {&v_optimiser_, perception_.optimiser()}));

    const Tensor weight = iql::awr_weight(q, value(s), temperature_, weight_max_);
    const Tensor log_prob = policy_.log_prob(perception_.see(seen), batch.action).squeeze(0);
    schedule_policy();
    metrics.add("policy/loss", minimise(iql::awr_loss(weight, log_prob),
                                        {&policy_optimiser_, perception_.optimiser()}));

    const Tensor target = batch.reward + discount_ * batch.mask * value(s_next);
    const Tensor twin_q = q_.forward(perception_.see(seen), batch.action).squeeze(1);  // [2, B]
    metrics.add("critic/loss", minimise(iql::critic_loss(twin_q, target),
                                        {&q_optimiser_, perception_.optimiser()}));

    q_target_.polyak(q_, polyak_);
    perception_.polyak(polyak_);
    ++updates_;
    metrics.add("value/mean", v.mean());
    metrics.add("policy/weight_mean", weight.mean());
    return metrics;
  }

  // --- policy, save, load -----------------------------------------------------------------------

  std::unique_ptr<Policy> policy(bool greedy, at::Generator generator) override {
    return std::make_unique<CentralisedPolicy>(team_, perception_.team(policy_, greedy, generator));
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
  Tensor target_q(const Tensor& s, const Tensor& action) const {
    const torch::NoGradGuard no_grad;
    return std::get<0>(q_target_.forward(s, action).min(0)).squeeze(0);
  }
  Tensor value(const Tensor& s) const {
    const torch::NoGradGuard no_grad;
    return v_.forward(s).squeeze(0);
  }
  void schedule_policy() {
    if (!cosine_) return;
    const double progress = static_cast<double>(updates_) / static_cast<double>(total_steps_);
    policy_optimiser_.set_learning_rate(learning_rate_ * 0.5 *
                                        (1 + std::cos(std::acos(-1.0) * progress)));
  }

  const TaskSpec team_, task_;
  const std::int64_t total_steps_;
  const double expectile_, temperature_, weight_max_, discount_, polyak_, learning_rate_;
  const bool cosine_;
  const Transitions data_;
  Perception perception_;
  Sampler sampler_;
  StateValue v_;
  TwinQ q_, q_target_;
  TeamPolicy policy_;
  Clip clip_;
  Adam v_optimiser_, q_optimiser_, policy_optimiser_;
  std::int64_t updates_ = 0;
  const StateList state_ = {{"perception", &perception_},
                            {"v", &v_},
                            {"q", &q_},
                            {"q_target", &q_target_},
                            {"policy", &policy_},
                            {"v_optimiser", &v_optimiser_},
                            {"q_optimiser", &q_optimiser_},
                            {"policy_optimiser", &policy_optimiser_}};
};

}  // namespace

}  // namespace labhost

LABHOST_ALGORITHM(labhost::Iql, "iql", "1.1.0",
                  "Implicit Q-learning, centralised: sees the state, chooses the joint action",
                  labhost::kParams, "policy");
