// MATD3+BC: TD3 with behavioural cloning (Fujimoto and Gu, 2021) for a team, whose critics are
// mixed as in QMIX.  Section 5.1; Appendix A.2.
//
// Symbols: N agents, B batch, I inputs of the networks, A action components, W joint action, S
// state, E encoded joint action.
// The paper gives no equations for it. What we decided: 1. the mixer of Q sees the joint action, as
// in maiql (action_aware_mixer = false: the state alone). 2. The target is the smaller of both
// mixed target critics, each with a mixer of its own: TD3's rule on the team's value. 3. One lambda
// for the team, from the mixed Q_1. 4. Gradient norms are clipped to 1 as the paper says.
#include "core/nn/common_params.hpp"
#include "core/nn/mixer.hpp"
#include "core/nn/perception.hpp"
#include "core/nn/td3_losses.hpp"
#include "core/nn/values.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    {"alpha", ParamType::kReal, "2.5", "0", nullptr, nullptr, "",
     "weight of the values: lambda = alpha / mean |Q|; 0: cloning alone", "Appendix A.2"},
    {"cloning_error", ParamType::kText, "sum", nullptr, nullptr, "sum|mean", "",
     "squared distance to the data's action: sum or mean over its components", "released code"},
    {"action_aware_mixer", ParamType::kFlag, "true", nullptr, nullptr, nullptr, "",
     "the mixer of Q sees the joint action; false: the state alone", "released code"},
    params::kPolicyEvery,
    params::kTargetNoise,
    params::kTargetNoiseClip,
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

class Matd3Bc final : public Algorithm {
 public:
  // --- networks ---------------------------------------------------------------------------------

  explicit Matd3Bc(const AlgorithmContext& c)
      : task_(c.task),
        alpha_(c.params.real("alpha")),
        noise_(c.params.real("target_noise")),
        noise_clip_(c.params.real("target_noise_clip")),
        discount_(c.params.real("discount")),
        polyak_(c.params.real("polyak")),
        policy_every_(c.params.integer("policy_every")),
        action_aware_(c.params.flag("action_aware_mixer")),
        draws_(c.streams.get("noise")),
        perception_(c, task_, c.data, c.params.real("gradient_clip")),
        sampler_(c.data, c.params.integer("batch_size"), c.streams.get("batches")),
        q_(critics(c)),
        q_target_(critics(c)),
        mixer_(mixers(c)),
        mixer_target_(mixers(c)),
        policy_(actors(c)),
        policy_target_(actors(c)),
        clip_(c.params.real("gradient_clip") > 0 ? Clip::kPerCopy : Clip::kNone),
        q_optimiser_({&q_, &mixer_}, c.params.real("learning_rate"), clip_,
                     c.params.real("gradient_clip")),
        policy_optimiser_({&policy_}, c.params.real("learning_rate"), clip_,
                          c.params.real("gradient_clip")),
        components_(c.params.text("cloning_error") == "mean" ? policy_.layout().sizes().to(c.device)
                                                             : Tensor()) {
    q_target_.copy_from(q_);
    mixer_target_.copy_from(mixer_);
    policy_target_.copy_from(policy_);
    set_precision(precision_of(c.params.text("precision"), c.device),
                  {&q_, &q_target_, &mixer_, &mixer_target_, &policy_, &policy_target_});
  }

  // --- update -----------------------------------------------------------------------------------

  Metrics update() override {
    const Batch batch = sampler_.draw();
    const View now = perception_.now(batch);
    Metrics metrics;

    const Tensor target = target_value(batch);                                       // [B]
    const Tensor own_q = q_.forward(perception_.see(now), batch.action);             // [2, N, B]
    const Tensor q = mixer_.forward(mixer_input(batch.state, batch.action), own_q);  // [2, B]
    metrics.add("critic/loss",
                minimise(td3::critic_loss(q, target), {&q_optimiser_, perception_.optimiser()}));
    metrics.add("critic/mean", q.detach().mean());
    if (++updates_ % policy_every_ == 0) improve_policies(batch, now, metrics);
    return metrics;
  }

  // --- policy, save, load -----------------------------------------------------------------------

  std::unique_ptr<Policy> policy(bool /*greedy*/, at::Generator /*generator*/) override {
    return perception_.team([this](const Tensor& input) { return policy_.joint(input); });
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
  TwinQ critics(const AlgorithmContext& c) const {
    return {task_, perception_.width(), c.params.integer("hidden"), c.device,
            c.streams.get("networks")};
  }
  DeterministicPolicy actors(const AlgorithmContext& c) const {
    return {task_,
            "matd3-bc",
            perception_.width(),
            c.params.integer("hidden"),
            c.device,
            c.streams.get("networks")};
  }

  Mixer mixers(const AlgorithmContext& c) const {
    return {
        task_.agent_count(),        task_.state_width + (action_aware_ ? task_.encoded_width() : 0),
        c.params.integer("hidden"), c.device,
        c.streams.get("networks"),  2};
  }

  /// States [B, S] and joint actions [B, W] as the mixer sees them.
  Tensor mixer_input(const Tensor& state, const Tensor& action) const {
    return action_aware_ ? torch::cat({state, action}, -1) : state;
  }

  /// r + discount Q'(s', a') with the noisy actions of the target policies [B].
  Tensor target_value(const Batch& batch) {
    const torch::NoGradGuard no_grad;
    const Tensor h = perception_.see_as_target(perception_.next(batch));
    const Tensor action = policy_target_.forward(h);  // [N, B, A]
    const Tensor noise = td3::target_noise(torch::randn(action.sizes(), draws_, action.options()),
                                           noise_, noise_clip_);
    const Tensor own = policy_target_.bounded(action + noise);
    const Tensor joint = policy_.layout().merge(own);
    const Tensor next = mixer_target_.forward(mixer_input(batch.next_state, joint),
                                              q_target_.forward_own(h, own));  // [2, B]
    return td3::target_value(batch.reward, batch.mask, next, discount_);
  }

  /// One step of policies and targets: all agents climb the mixed Q_1 together.
  void improve_policies(const Batch& batch, const View& now, Metrics& metrics) {
    const Tensor h = perception_.see(now);
    const Tensor action = policy_.forward(h), data = policy_.layout().split(batch.action);
    const Tensor joint = policy_.layout().merge(action);
    const Tensor q = Mixer::mix(mixer_.weights_fixed(mixer_input(batch.state, joint)),
                                q_.first_fixed(h, action));  // [B]
    const Tensor cloning = components_.defined()
                               ? td3::mean_cloning_error(action, data, components_)
                               : td3::cloning_error(action, data);
    const Tensor loss = td3::value_objective(q, td3::value_scale(q, alpha_)) + cloning;
    metrics.add("policy/loss", minimise(loss, {&policy_optimiser_, perception_.optimiser()}));
    metrics.add("policy/cloning_error", cloning);
    q_target_.polyak(q_, polyak_);
    mixer_target_.polyak(mixer_, polyak_);
    policy_target_.polyak(policy_, polyak_);
    perception_.polyak(polyak_);
  }

  const TaskSpec task_;
  const double alpha_, noise_, noise_clip_, discount_, polyak_;
  const std::int64_t policy_every_;
  const bool action_aware_;
  at::Generator draws_;
  Perception perception_;
  Sampler sampler_;
  TwinQ q_, q_target_;
  Mixer mixer_, mixer_target_;
  DeterministicPolicy policy_, policy_target_;
  Clip clip_;
  Adam q_optimiser_, policy_optimiser_;
  const Tensor components_;  // [N]; undefined: errors are summed
  std::int64_t updates_ = 0;
  const StateList state_ = {{"perception", &perception_},
                            {"q", &q_},
                            {"q_target", &q_target_},
                            {"mixer", &mixer_},
                            {"mixer_target", &mixer_target_},
                            {"policy", &policy_},
                            {"policy_target", &policy_target_},
                            {"q_optimiser", &q_optimiser_},
                            {"policy_optimiser", &policy_optimiser_}};
};

}  // namespace

}  // namespace labhost

LABHOST_ALGORITHM(labhost::Matd3Bc, "matd3-bc", "1.0.0",
                  "TD3 with behavioural cloning for a team, with QMIX-mixed critics",
                  labhost::kParams, "policy");
