// MAIQL-ft: MAIQL, then fine-tuned with its own interactions.  Section 5.1; Appendix A, "Finetuning
// MAIQL".
//
// Symbols: B batch, N agents, I inputs of the networks, W joint action, S state, E encoded joint
// action. The first half of the run is maiql on the dataset. In the second half the team also acts
// in the true simulator, from states of the dataset, k steps at a time; what it meets is kept until
// there are as many online as offline transitions, and batches are drawn from both alike.
// Differences: those of maiql (1 to 3). 4. The buffer grows evenly over the second half, a wave of
// rollouts at a time. 5. The cosine decay runs over the whole run (the paper does not say).
#include <algorithm>
#include <cmath>

#include "core/nn/common_params.hpp"
#include "core/nn/iql_losses.hpp"
#include "core/nn/mixer.hpp"
#include "core/nn/perception.hpp"
#include "core/nn/values.hpp"
#include "plugins/algorithms/maiql-ft/online_buffer.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    {"rollout_length", ParamType::kInteger, "10", "1", "1000", nullptr, "steps",
     "of the rollouts from dataset states (k)", "Section 3.2"},
    {"rollout_transitions", ParamType::kInteger, "2000", "1", "100000000", nullptr, "transitions",
     "of a wave of rollouts", "Appendix A.2"},
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

class MaiqlFt final : public Algorithm {
 public:
  // --- networks ---------------------------------------------------------------------------------

  explicit MaiqlFt(const AlgorithmContext& c)
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
        data_(c.data),
        reward_scale_(c.params.flag("scale_rewards") ? iql_reward_scale(c.data) : 1.0),
        sampler_(data_, c.params.integer("batch_size"), c.streams.get("batches"), reward_scale_),
        length_(c.params.integer("rollout_length")),
        wave_(c.params.integer("rollout_transitions")),
        rollouts_(c.streams.get("rollouts")),
        online_(task_, perception_, data_.size(), c.device),
        environment_(c.make_environment((wave_ + length_ - 1) / length_, "environment")),
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
    Metrics metrics;
    interact(metrics);
    const auto [batch, seen, next_seen] = draw();
    // What values are asked about stands still during an update: seen through the target memory.
    const Tensor h = perception_.see_as_target(seen),
                 h_next = perception_.see_as_target(next_seen);  // [N, B, I]
    const Tensor q_inputs = q_mixer_input(batch);
    const Values q = target_q(h, batch.action, q_inputs);

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
    environment_->save(archive, "environment");
  }
  void load(const Archive& archive) override {
    if (!archive.contains("updates")) {  // an artifact: enough to act with
      perception_.load(archive, "perception");
      policy_.load(archive, "policy");
      return;
    }
    updates_ = archive.integer("updates");
    state_.load(archive);
    environment_->load(archive, "environment");
  }
  /// The policies alone: what was collected is as large as the dataset.
  void write_artifact(const std::filesystem::path& file) const override {
    Archive archive;
    perception_.save(archive, "perception");
    policy_.save(archive, "policy");
    archive.save(file);
  }

 private:
  struct Values {
    Tensor own;    ///< of each agent [N, B]
    Tensor mixed;  ///< of the team [B]
  };

  struct Drawn {
    Batch batch;
    View seen, next_seen;
  };
  /// A batch from the dataset and from what was collected, each as likely as it is large.
  Drawn draw() {
    const std::int64_t offline = data_.size();
    const Tensor rows = sampler_.draw_rows(offline + online_.size());
    if (online_.size() == 0) {
      const Batch batch = sampler_.at(rows);
      return {batch, perception_.now(batch), perception_.next(batch)};
    }
    const Batch old = sampler_.at(rows.masked_select(rows.lt(offline)));
    const Batch own = online_.at(rows.masked_select(rows.ge(offline)) - offline);
    const auto both = [](const Tensor& a, const Tensor& b) { return torch::cat({a, b}); };
    Drawn drawn;
    drawn.batch = {both(old.state, own.state), both(old.action, own.action),
                   both(old.reward, own.reward), both(old.next_state, own.next_state),
                   both(old.mask, own.mask)};
    drawn.seen.observation = perception_.observer()(drawn.batch.state);
    drawn.next_seen.observation = perception_.observer()(drawn.batch.next_state);
    if (perception_.remembers()) {
      const Histories& histories = perception_.histories();
      drawn.seen.history = torch::cat({histories.before(old.rows), online_.before(own.rows)}, 1);
      drawn.next_seen.history = torch::cat({histories.after(old.rows), online_.after(own.rows)}, 1);
    }
    return drawn;
  }

  /// In the second half: waves of rollouts, while the buffer is behind its even growth.
  void interact(Metrics& metrics) {
    const std::int64_t half = total_steps_ / 2, into = updates_ - half;
    if (into < 0) return;
    const double grown = static_cast<double>(into + 1) / static_cast<double>(total_steps_ - half);
    const double due = static_cast<double>(data_.size()) * std::min(grown, 1.0);
    double reward = 0;
    std::int64_t waves = 0;
    for (; static_cast<double>(online_.size()) < due; ++waves) {
      const std::int64_t missing = std::min(wave_, online_.capacity() - online_.size());
      const std::int64_t count = (missing + length_ - 1) / length_;
      const Tensor rows =
          torch::randint(data_.size(), {count}, rollouts_, torch::kLong).to(data_.state.device());
      const auto act = [this](const Tensor& input) {
        return policy_.sample(input, rollouts_).action;
      };
      reward += online_.roll(*environment_, data_, rows, length_, reward_scale_, act);
    }
    if (waves > 0) metrics.add("rollout/reward", reward / static_cast<double>(waves));
    metrics.add("rollout/transitions", static_cast<double>(online_.size()));
  }

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
  const Transitions& data_;
  const double reward_scale_;
  Sampler sampler_;
  const std::int64_t length_, wave_;  // k, transitions of a wave of rollouts
  at::Generator rollouts_;
  maiql_ft::OnlineBuffer online_;
  std::unique_ptr<Environment> environment_;
  StateValue v_;
  TwinQ q_, q_target_;
  Mixer mixer_v_, mixer_q_, mixer_q_target_;
  TeamPolicy policy_;
  Clip clip_;
  Adam v_optimiser_, q_optimiser_, policy_optimiser_;
  std::int64_t updates_ = 0;
  const StateList state_ = {{"perception", &perception_},
                            {"online", &online_},
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

LABHOST_ALGORITHM(labhost::MaiqlFt, "maiql-ft", "1.0.0",
                  "MAIQL, then fine-tuned with rollouts of the true simulator from dataset states",
                  labhost::kParams, "policy");
