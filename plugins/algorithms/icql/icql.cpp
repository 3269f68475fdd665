// ICQL: independent conservative Q-learning (Kumar et al., 2020) on TD3.  Section 5.1; Appendix
// A.2.
//
// Symbols: N agents, B batch, I inputs of the networks, A action components, W joint action, K
// sampled actions of each kind.
// Differences from the released code: 1. gradient norms are clipped to 1 as the paper says
// (released code: not clipped here; gradient_clip = 0). 2. Values of the policies' samples are
// corrected by the logarithm of the noise's density; the released code subtracts the density itself
// (importance = density).
#include "core/nn/action_fan.hpp"
#include "core/nn/common_params.hpp"
#include "core/nn/cql_sampling.hpp"
#include "core/nn/perception.hpp"
#include "core/nn/td3_losses.hpp"
#include "core/nn/values.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    params::kPolicyEvery,
    params::kTargetNoise,
    params::kTargetNoiseClip,
    params::kCqlCoefficient,
    params::kCqlTemperature,
    params::kCqlActions,
    params::kCqlNoise,
    params::kImportance,
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

class Icql final : public Algorithm {
 public:
  // --- networks ---------------------------------------------------------------------------------

  explicit Icql(const AlgorithmContext& c)
      : task_(c.task),
        cql_coefficient_(c.params.real("cql_coefficient")),
        cql_temperature_(c.params.real("cql_temperature")),
        noise_(c.params.real("target_noise")),
        noise_clip_(c.params.real("target_noise_clip")),
        discount_(c.params.real("discount")),
        polyak_(c.params.real("polyak")),
        policy_every_(c.params.integer("policy_every")),
        draws_(c.streams.get("noise")),
        sampling_(c.params, task_.action_size(), draws_),
        perception_(c, task_, c.data, c.params.real("gradient_clip")),
        sampler_(c.data, c.params.integer("batch_size"), c.streams.get("batches")),
        q_(critics(c)),
        q_target_(critics(c)),
        policy_(actors(c)),
        policy_target_(actors(c)),
        clip_(c.params.real("gradient_clip") > 0 ? Clip::kPerCopy : Clip::kNone),
        q_optimiser_({&q_}, c.params.real("learning_rate"), clip_, c.params.real("gradient_clip")),
        policy_optimiser_({&policy_}, c.params.real("learning_rate"), clip_,
                          c.params.real("gradient_clip")) {
    q_target_.copy_from(q_);
    policy_target_.copy_from(policy_);
    set_precision(precision_of(c.params.text("precision"), c.device),
                  {&q_, &q_target_, &policy_, &policy_target_});
  }

  // --- update -----------------------------------------------------------------------------------

  Metrics update() override {
    const Batch batch = sampler_.draw();
    const View now = perception_.now(batch);
    const Tensor h_next = perception_.see_as_target(perception_.next(batch));  // [N, B, I]
    Metrics metrics;

    const Tensor target = target_value(batch, h_next);  // [N, B]
    const Tensor h = perception_.see(now);              // [N, B, I]
    const Tensor q = q_.forward(h, batch.action);       // [2, N, B]
    const cql::Samples samples = sampling_.draw(policy_, h, h_next, perception_.remembers());
    const Tensor soft_maximum =
        fan_logsumexp(q_, h, samples.action, samples.correction, cql_temperature_);  // [2, N]
    const Tensor conservative = cql::conservative_term(soft_maximum, q);
    const Tensor loss = td3::critic_loss(q, target) + cql_coefficient_ * conservative;
    metrics.add("critic/loss", minimise(loss, {&q_optimiser_, perception_.optimiser()}));
    metrics.add("critic/conservative", conservative);
    metrics.add("critic/mean", q.detach().mean());
    if (++updates_ % policy_every_ == 0) improve_policies(now, metrics);
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
            "icql",
            perception_.width(),
            c.params.integer("hidden"),
            c.device,
            c.streams.get("networks")};
  }

  Tensor normal(const Tensor& like) {
    return torch::randn(like.sizes(), draws_, like.options().requires_grad(false));
  }

  /// r + discount Q'(h', a') with the noisy actions of the target policies [N, B].
  Tensor target_value(const Batch& batch, const Tensor& h_next) {
    const torch::NoGradGuard no_grad;
    const Tensor action = policy_target_.forward(h_next);  // [N, B, A]
    const Tensor noise = td3::target_noise(normal(action), noise_, noise_clip_);
    const Tensor next = q_target_.forward_own(h_next, policy_target_.bounded(action + noise));
    return td3::target_value(batch.reward, batch.mask, next, discount_);
  }

  /// One step of policies and targets.
  void improve_policies(const View& now, Metrics& metrics) {
    const Tensor h = perception_.see(now);
    const Tensor q = q_.first_fixed(h, policy_.forward(h));  // [N, B]
    const Tensor loss = -q.mean(-1).sum();
    metrics.add("policy/loss", minimise(loss, {&policy_optimiser_, perception_.optimiser()}));
    q_target_.polyak(q_, polyak_);
    policy_target_.polyak(policy_, polyak_);
    perception_.polyak(polyak_);
  }

  const TaskSpec task_;
  const double cql_coefficient_, cql_temperature_;
  const double noise_, noise_clip_, discount_, polyak_;
  const std::int64_t policy_every_;
  at::Generator draws_;
  cql::Sampling sampling_;
  Perception perception_;
  Sampler sampler_;
  TwinQ q_, q_target_;
  DeterministicPolicy policy_, policy_target_;
  Clip clip_;
  Adam q_optimiser_, policy_optimiser_;
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

LABHOST_ALGORITHM(labhost::Icql, "icql", "1.0.0", "Independent conservative Q-learning on TD3",
                  labhost::kParams, "policy");
