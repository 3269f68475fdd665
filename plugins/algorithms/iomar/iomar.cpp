// IOMAR: independent CQL whose policies regress on the best action that a short random search finds
// (OMAR: Pan et al., 2022).  Section 5.1; Appendix A.2.
//
// Symbols: N agents, B batch, I inputs of the networks, A action components, W joint action, K
// sampled actions of each kind.
// Differences from the released code: 1. gradient norms are clipped to 1 as the paper says
// (released code: not clipped here; gradient_clip = 0). 2. Values of the policies' samples are
// corrected by the logarithm of the noise's density; the released code subtracts the density itself
// (importance = density). From the official OMAR: 3. target policies act with noise, policies are
// stepped every second update (released code).
#include "core/nn/action_fan.hpp"
#include "core/nn/common_params.hpp"
#include "core/nn/cql_sampling.hpp"
#include "core/nn/perception.hpp"
#include "core/nn/td3_losses.hpp"
#include "core/nn/values.hpp"
#include "plugins/algorithms/iomar/losses.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    {"coefficient", ParamType::kReal, "1", "0", "1", nullptr, "",
     "weight of the regression on the searched action; the rest goes to -lambda Q", "Appendix A.2"},
    {"iterations", ParamType::kInteger, "2", "1", "1000", nullptr, "", "of the search",
     "Appendix A.2"},
    {"initial_mean", ParamType::kReal, "0", "-1", "1", nullptr, "", "of the search's first draws",
     "Appendix A.2"},
    {"initial_deviation", ParamType::kReal, "2", "1e-6", nullptr, nullptr, "",
     "of the search's first draws", "Appendix A.2"},
    {"samples", ParamType::kInteger, "20", "2", "10000", nullptr, "actions",
     "drawn in each iteration of the search", "Appendix A.2"},
    {"elites", ParamType::kInteger, "5", "2", "10000", nullptr, "actions",
     "that the next iteration's distribution is fitted to; at most `samples`", "Appendix A.2"},
    {"alpha", ParamType::kReal, "0", "0", nullptr, nullptr, "",
     "above 0 a cloning error is added and lambda = alpha / mean |Q|, as in itd3-bc; else lambda = "
     "1",
     "released code"},
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

class Iomar final : public Algorithm {
 public:
  // --- networks ---------------------------------------------------------------------------------

  explicit Iomar(const AlgorithmContext& c)
      : task_(c.task),
        coefficient_(c.params.real("coefficient")),
        initial_mean_(c.params.real("initial_mean")),
        initial_deviation_(c.params.real("initial_deviation")),
        alpha_(c.params.real("alpha")),
        iterations_(c.params.integer("iterations")),
        samples_(c.params.integer("samples")),
        elites_(elite_count(c.params)),
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
                          c.params.real("gradient_clip")),
        components_(policy_.layout().sizes().to(c.device)) {
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
            "iomar",
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

  static std::int64_t elite_count(const Params& params) {
    const std::int64_t elites = params.integer("elites"), samples = params.integer("samples");
    if (elites <= samples) return elites;
    throw InputError("iomar: elites (" + std::to_string(elites) + ") must not exceed samples (" +
                     std::to_string(samples) + ")");
  }

  /// The action with the highest Q_1 among the policy's own and those of the search [N, B, A].
  Tensor search(const Tensor& h, const Tensor& action) {
    const torch::NoGradGuard no_grad;
    const auto values = [&](const Tensor& actions) { return fan_values(q_, h, actions, 1)[0]; };
    omar::Search search(initial_mean_, initial_deviation_, action);
    for (std::int64_t i = 0; i < iterations_; ++i) {
      const Tensor draws = torch::randn({action.size(0), action.size(1), samples_, action.size(2)},
                                        draws_, action.options());
      search.iterate(draws, elites_, policy_.layout().mask(), values);
    }
    return search.target(action, values(action.unsqueeze(2)).squeeze(2));
  }

  /// One step of policies and targets.
  void improve_policies(const Batch& batch, const View& now, Metrics& metrics) {
    const Tensor h = perception_.see(now);
    const Tensor action = policy_.forward(h);  // [N, B, A]
    const Tensor target = search(h.detach(), action.detach());
    Tensor loss = omar::regression(action, target, components_, coefficient_);
    if (coefficient_ < 1) {
      const Tensor q = q_.first_fixed(h, action);  // [N, B]
      const Tensor lambda =
          alpha_ > 0 ? td3::value_scale(q, alpha_) : torch::ones_like(components_);
      loss = loss + td3::value_objective(q, (1 - coefficient_) * lambda);
    }
    if (alpha_ > 0) {
      loss = loss + td3::cloning_error(action, policy_.layout().split(batch.action));
    }
    metrics.add("policy/loss", minimise(loss, {&policy_optimiser_, perception_.optimiser()}));
    metrics.add("policy/searched",
                (target - action.detach()).abs().gt(0).any(-1).to(action.scalar_type()).mean());
    q_target_.polyak(q_, polyak_);
    policy_target_.polyak(policy_, polyak_);
    perception_.polyak(polyak_);
  }

  const TaskSpec task_;
  const double coefficient_, initial_mean_, initial_deviation_, alpha_;
  const std::int64_t iterations_, samples_, elites_;
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
  const Tensor components_;  // [N]
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

LABHOST_ALGORITHM(labhost::Iomar, "iomar", "1.0.0",
                  "Independent CQL with OMAR's zeroth-order search for the policies' targets",
                  labhost::kParams, "policy");
