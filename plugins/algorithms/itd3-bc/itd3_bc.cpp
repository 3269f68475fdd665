// ITD3+BC: independent TD3 with behavioural cloning (Fujimoto and Gu, 2021).  Section 5.1;
// Appendix A.2.
//
// Symbols: N agents, B batch, I inputs of the networks, A action components, W joint action.
// Differences from the released code: 1. gradient norms are clipped to 1 as the paper says
// (released code: not clipped here; gradient_clip = 0). From the official TD3+BC: 2. the cloning
// error sums over action components (released code; cloning_error = mean averages).
#include "core/nn/common_params.hpp"
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

class Itd3Bc final : public Algorithm {
 public:
  // --- networks ---------------------------------------------------------------------------------

  explicit Itd3Bc(const AlgorithmContext& c)
      : task_(c.task),
        alpha_(c.params.real("alpha")),
        noise_(c.params.real("target_noise")),
        noise_clip_(c.params.real("target_noise_clip")),
        discount_(c.params.real("discount")),
        polyak_(c.params.real("polyak")),
        policy_every_(c.params.integer("policy_every")),
        draws_(c.streams.get("noise")),
        perception_(c, task_, c.data, c.params.real("gradient_clip")),
        sampler_(c.data, c.params.integer("batch_size"), c.streams.get("batches")),
        q_(critics(c)),
        q_target_(critics(c)),
        policy_(actors(c)),
        policy_target_(actors(c)),
        clip_(c.params.real("gradient_clip") > 0 ? Clip::kPerCopy : Clip::kNone),
        q_optimiser_({&q_}, c.params.real("learning_rate"), clip_, c.params.real("gradient_clip")),
        policy_optimiser_({&policy_}, c.params.real("learning_rate"), clip_,
                          c.params.real("gradient_clip")),
        components_(c.params.text("cloning_error") == "mean" ? policy_.layout().sizes().to(c.device)
                                                             : Tensor()) {
    q_target_.copy_from(q_);
    policy_target_.copy_from(policy_);
    set_precision(precision_of(c.params.text("precision"), c.device),
                  {&q_, &q_target_, &policy_, &policy_target_});
  }

  // --- update -----------------------------------------------------------------------------------

  Metrics update() override {
    const Batch batch = sampler_.draw();
    const View now = perception_.now(batch);
    Metrics metrics;

    const Tensor target = target_value(batch);                        // [N, B]
    const Tensor q = q_.forward(perception_.see(now), batch.action);  // [2, N, B]
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
            "itd3-bc",
            perception_.width(),
            c.params.integer("hidden"),
            c.device,
            c.streams.get("networks")};
  }

  /// r + discount Q'(h', a') with the noisy actions of the target policies [N, B].
  Tensor target_value(const Batch& batch) {
    const torch::NoGradGuard no_grad;
    const Tensor h = perception_.see_as_target(perception_.next(batch));
    const Tensor action = policy_target_.forward(h);  // [N, B, A]
    const Tensor noise = td3::target_noise(torch::randn(action.sizes(), draws_, action.options()),
                                           noise_, noise_clip_);
    const Tensor next = q_target_.forward_own(h, policy_target_.bounded(action + noise));
    return td3::target_value(batch.reward, batch.mask, next, discount_);
  }

  /// One step of policies and targets.
  void improve_policies(const Batch& batch, const View& now, Metrics& metrics) {
    const Tensor h = perception_.see(now);
    const Tensor action = policy_.forward(h), data = policy_.layout().split(batch.action);
    const Tensor q = q_.first_fixed(h, action);  // [N, B]
    const Tensor cloning = components_.defined()
                               ? td3::mean_cloning_error(action, data, components_)
                               : td3::cloning_error(action, data);
    const Tensor loss = td3::value_objective(q, td3::value_scale(q, alpha_)) + cloning;
    metrics.add("policy/loss", minimise(loss, {&policy_optimiser_, perception_.optimiser()}));
    metrics.add("policy/cloning_error", cloning);
    q_target_.polyak(q_, polyak_);
    policy_target_.polyak(policy_, polyak_);
    perception_.polyak(polyak_);
  }

  const TaskSpec task_;
  const double alpha_, noise_, noise_clip_, discount_, polyak_;
  const std::int64_t policy_every_;
  at::Generator draws_;
  Perception perception_;
  Sampler sampler_;
  TwinQ q_, q_target_;
  DeterministicPolicy policy_, policy_target_;
  Clip clip_;
  Adam q_optimiser_, policy_optimiser_;
  const Tensor components_;  // [N]; undefined: errors are summed
  std::int64_t updates_ = 0;
  const StateList state_ = {{"perception", &perception_},
                            {"q", &q_},
                            {"q_target", &q_target_},
                            {"policy", &policy_},
                            {"policy_target", &policy_target_},
                            {"q_optimiser", &q_optimiser_},
                            {"policy_optimiser", &policy_optimiser_}};
};

}  // namespace

}  // namespace labhost

LABHOST_ALGORITHM(labhost::Itd3Bc, "itd3-bc", "1.0.0", "Independent TD3 with behavioural cloning",
                  labhost::kParams, "policy");
