// IBC: independent behavioural cloning.  Section 5.1.
//
// Symbols: B batch, N agents, I inputs of the networks, W joint action.
// Differences from the released code: 1. gradient norms are clipped to 1 as the paper says
// (released code: not clipped for this algorithm; gradient_clip = 0).
#include "core/nn/common_params.hpp"
#include "core/nn/perception.hpp"
#include "plugins/algorithms/ibc/losses.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    params::kLearningRate, params::kBatchSize,   params::kHidden,
    params::kGradientClip, params::kPrecision,   params::kMemory,
    params::kMemoryLength, params::kMemoryWidth, params::kMemoryLearningRate,
};

class Ibc final : public Algorithm {
 public:
  // --- networks ---------------------------------------------------------------------------------

  explicit Ibc(const AlgorithmContext& c)
      : task_(c.task),
        perception_(c, task_, c.data, c.params.real("gradient_clip")),
        sampler_(c.data, c.params.integer("batch_size"), c.streams.get("batches")),
        policy_(c.task, Distribution::kSquashedGaussian, perception_.width(),
                c.params.integer("hidden"), c.device, c.streams.get("networks")),
        optimiser_({&policy_}, c.params.real("learning_rate"),
                   c.params.real("gradient_clip") > 0 ? Clip::kPerCopy : Clip::kNone,
                   c.params.real("gradient_clip")) {
    policy_.set_precision(precision_of(c.params.text("precision"), c.device));
  }

  // --- update -----------------------------------------------------------------------------------

  Metrics update() override {
    const Batch batch = sampler_.draw();
    const Tensor h = perception_.see(perception_.now(batch));   // [N, B, I]
    const Tensor log_prob = policy_.log_prob(h, batch.action);  // [N, B]
    Metrics metrics;
    metrics.add("policy/loss", minimise(ibc::negative_log_likelihood(log_prob),
                                        {&optimiser_, perception_.optimiser()}));
    return metrics;
  }

  // --- policy, save, load -----------------------------------------------------------------------

  std::unique_ptr<Policy> policy(bool greedy, at::Generator generator) override {
    return perception_.team(policy_, greedy, generator);
  }
  void save(Archive& archive) const override { state_.save(archive); }
  void load(const Archive& archive) override { state_.load(archive); }

 private:
  const TaskSpec task_;
  Perception perception_;
  Sampler sampler_;
  TeamPolicy policy_;
  Adam optimiser_;
  const StateList state_ = {
      {"perception", &perception_}, {"policy", &policy_}, {"optimiser", &optimiser_}};
};

}  // namespace

}  // namespace labhost

LABHOST_ALGORITHM(labhost::Ibc, "ibc", "1.1.0", "Independent behavioural cloning", labhost::kParams,
                  "policy");
