// The world-model ensemble that MOMA-PPO rolls out.  Section 3.1; Appendix A.2.
//
// Symbols: M members, B batch, S state, E encoded joint action.
// Differences from the released code: 1. the state is the global one, once; not every agent's
// observations side by side. 2. One reward and one terminal output, not one per agent. 3. Members
// are chosen by the error of their means, not of sampled predictions. 4. The next state can be
// predicted as a difference (predicts; not by default).
#include <algorithm>
#include <limits>
#include <optional>

#include "core/nn/adam.hpp"
#include "core/nn/common_params.hpp"
#include "core/nn/world_model.hpp"
#include "core/sdk/algorithm.hpp"
#include "plugins/algorithms/world-model/checks.hpp"
#include "plugins/algorithms/world-model/losses.hpp"

namespace labhost {

namespace {

// --- parameters ---------------------------------------------------------------------------------

constexpr ParamDecl kParams[] = {
    {"members", ParamType::kInteger, "7", "2", "100", nullptr, "", "members trained, N_m",
     "Section 3.1"},
    {"kept", ParamType::kInteger, "5", "2", "100", nullptr, "",
     "members kept by validation error, N", "Section 3.1"},
    {"hidden", ParamType::kInteger, "1024", "1", "65536", nullptr, "units",
     "units of each hidden layer", "Appendix A.2"},
    {"layers", ParamType::kInteger, "4", "1", "16", nullptr, "",
     "hidden layers of the next-state and reward networks", "Appendix A.2"},
    {"terminal_layers", ParamType::kInteger, "2", "1", "16", nullptr, "",
     "hidden layers of the terminal head", "released code"},
    {"learning_rate", ParamType::kReal, "3e-5", "0", "1", nullptr, "", "Adam's learning rate",
     "Appendix A.2"},
    params::kFinalLearningRate,
    {"batch_size", ParamType::kInteger, "256", "1", "1000000", nullptr, "transitions",
     "mini-batch size of each member", "Appendix A.2"},
    {"gradient_clip", ParamType::kReal, "1", "0", nullptr, nullptr, "",
     "bound of each member's gradient norm; 0: none", "Appendix A.2"},
    {"validation_share", ParamType::kReal, "0.1", "0.001", "0.5", nullptr, "",
     "share of the transitions held out, drawn once", "Section 3.1 (as in MOPO)"},
    {"validation_rows", ParamType::kInteger, "10000", "1", nullptr, nullptr, "transitions",
     "most held-out transitions used per validation", "ours"},
    {"validation_every", ParamType::kInteger, "1000", "1", nullptr, nullptr, "updates",
     "updates between validations (one more at the end)", "ours"},
    {"predicts", ParamType::kText, "state", nullptr, nullptr, "state|difference", "",
     "what the next-state network gives: the state, or its difference from the one before", "ours"},
    {"standardise", ParamType::kFlag, "false", nullptr, nullptr, nullptr, "",
     "inputs and targets by their mean and standard deviation over the training rows", "ours"},
    {"open_loop_steps", ParamType::kInteger, "20", "0", "10000", nullptr, "steps",
     "of the open-loop predictions that are compared with the simulator; 0: none", "ours"},
    {"open_loop_rollouts", ParamType::kInteger, "256", "1", "100000", nullptr, "rollouts",
     "of that comparison, from held-out rows of the dataset", "ours"},
    params::kPrecision,
};

constexpr double kConstant = 1e-6;  // smaller deviations are rounding
constexpr std::int64_t kReportedSteps[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

class WorldModelTraining final : public Algorithm {
 public:
  // --- networks ---------------------------------------------------------------------------------

  explicit WorldModelTraining(const AlgorithmContext& c)
      : task_(c.task),
        data_(c.data),
        device_(c.device),
        total_steps_(c.total_steps),
        kept_(c.params.integer("kept")),
        learning_rate_(c.params.real("learning_rate")),
        final_share_(c.params.real("final_learning_rate")),
        batch_size_(c.params.integer("batch_size")),
        validation_every_(c.params.integer("validation_every")),
        batches_(c.streams.get("batches")),
        checks_(c.streams.get("checks")),
        model_({c.task.state_width, c.task.encoded_width(), c.params.integer("members"),
                c.params.integer("hidden"), c.params.integer("layers"),
                c.params.integer("terminal_layers"), c.params.text("predicts") == "difference"},
               c.device, c.streams.get("networks")),
        optimiser_(model_.modules(), learning_rate_,
                   c.params.real("gradient_clip") > 0 ? Clip::kJointCopy : Clip::kNone,
                   c.params.real("gradient_clip")) {
    if (kept_ > model_.shape().members) {
      throw InputError("world-model: kept = " + std::to_string(kept_) +
                       " of members = " + std::to_string(model_.shape().members));
    }
    model_.set_precision(precision_of(c.params.text("precision"), c.device));
    split_rows(c);
    play_truth(c);
    if (c.params.flag("standardise")) standardise();
    const auto low = [](const Tensor& x) { return std::get<0>(x.min(0)); };
    const auto high = [](const Tensor& x) { return std::get<0>(x.max(0)); };
    model_.set_box(torch::minimum(low(data_.state), low(data_.next_state)),
                   torch::maximum(high(data_.state), high(data_.next_state)), data_.reward.min(),
                   data_.reward.max());
  }

  // --- update -----------------------------------------------------------------------------------

  Metrics update() override {
    const std::int64_t members = model_.shape().members;
    const Tensor rows = training_rows_.index_select(
        0, torch::randint(training_rows_.size(0), {members * batch_size_}, batches_, torch::kLong)
               .to(device_));
    const Rows batch = take(rows, {members, batch_size_});
    const WorldModel::Gaussians s = model_.next_state(batch.input), r = model_.reward(batch.input);
    const Tensor state_loss = world_model::gaussian_loss(s.mean, s.log_std, batch.next_state);
    const Tensor reward_loss = world_model::gaussian_loss(r.mean, r.log_std, batch.reward);
    const Tensor terminal_loss =
        world_model::terminal_loss(model_.terminal_logit(batch.input), batch.terminal);
    const double progress = static_cast<double>(updates_) / static_cast<double>(total_steps_);
    optimiser_.set_learning_rate(learning_rate_ * (1 - (1 - final_share_) * progress));
    optimiser_.minimise(state_loss + reward_loss + terminal_loss);
    ++updates_;

    Metrics metrics;
    const auto per_member = static_cast<double>(members);
    metrics.add("model/state_loss", state_loss / per_member);
    metrics.add("model/reward_loss", reward_loss / per_member);
    metrics.add("model/terminal_loss", terminal_loss / per_member);
    if (updates_ % validation_every_ == 0 || updates_ == total_steps_) {
      validate(metrics);
      check(metrics);
    }
    return metrics;
  }

  // --- policy, save, load -----------------------------------------------------------------------

  std::unique_ptr<Policy> policy(bool, at::Generator) override { return nullptr; }

  void save(Archive& archive) const override {
    archive.write("updates", updates_);
    model_.save(archive);
    optimiser_.save(archive, "optimiser");
  }
  void load(const Archive& archive) override {
    updates_ = archive.integer("updates");
    model_.load(archive);
    optimiser_.load(archive, "optimiser");
  }

 private:
  struct Rows {
    Tensor input, next_state, reward, terminal;  ///< [.., S + E], [.., S], [.., 1], [..]
  };

  void split_rows(const AlgorithmContext& c) {
    const std::int64_t rows = data_.size();
    const auto share = static_cast<double>(rows) * c.params.real("validation_share");
    const std::int64_t held_out = std::max<std::int64_t>(1, static_cast<std::int64_t>(share));
    if (held_out >= rows) throw InputError("world-model: expected at least 2 transitions");
    const Tensor order =
        torch::randperm(rows, c.streams.get("validation split"), torch::kLong).to(device_);
    validation_rows_ = order.narrow(0, 0, std::min(held_out, c.params.integer("validation_rows")));
    training_rows_ = order.narrow(0, held_out, rows - held_out);
  }

  /// A component that never changes keeps its shift alone.
  static WorldModel::Scaling scaling_of(const Tensor& rows) {
    const Tensor deviation = rows.std(0);
    return {rows.mean(0), torch::where(deviation.gt(kConstant), deviation, kConstant)};
  }
  void standardise() {
    const Rows rows = take(training_rows_, {training_rows_.size(0)});
    const Tensor target = model_.shape().difference
                              ? rows.next_state - rows.input.narrow(1, 0, task_.state_width)
                              : rows.next_state;
    model_.set_scaling(scaling_of(rows.input), scaling_of(target), scaling_of(rows.reward));
  }

  /// Rollouts of the simulator from held-out rows, once: the truth of all later checks.
  void play_truth(const AlgorithmContext& c) {
    const std::int64_t steps = std::min(c.params.integer("open_loop_steps"), task_.horizon);
    if (steps == 0) return;
    Tensor starts = world_model::window_starts(data_, validation_rows_, steps);
    const std::int64_t count = std::min(starts.size(0), c.params.integer("open_loop_rollouts"));
    if (count == 0) {
      c.logger.info("no held-out transition has " + std::to_string(steps) +
                    " transitions of its episode after it: open-loop errors are left out");
      return;
    }
    starts = starts.narrow(0, 0, count);  // the rows are in random order
    truth_ = world_model::play(*c.make_environment(count, "open loop"), data_, starts, steps);
  }

  /// Rows of the dataset as the members' inputs and targets, in shape `leading`.
  Rows take(const Tensor& rows, std::vector<std::int64_t> leading) const {
    const auto shaped = [&leading](const Tensor& x, std::int64_t width) {
      std::vector<std::int64_t> shape = leading;
      if (width > 0) shape.push_back(width);
      return x.view(shape);
    };
    const Tensor action = encode_actions(task_, data_.action.index_select(0, rows));
    const Tensor input =
        WorldModel::input(data_.state.index_select(0, rows), action, task_.discrete());
    const Tensor reward = data_.reward.index_select(0, rows);
    return {shaped(input, input.size(1)),
            shaped(data_.next_state.index_select(0, rows), task_.state_width), shaped(reward, 1),
            shaped(data_.terminal.index_select(0, rows).to(reward.scalar_type()), 0)};
  }

  /// Mean of the next-state and reward L2 errors of each member on the held-out rows; keeps the
  /// best.
  void validate(Metrics& metrics) {
    const torch::NoGradGuard no_grad;
    const std::int64_t count = validation_rows_.size(0);
    const Rows rows = take(validation_rows_, {1, count});
    const Tensor input = rows.input.expand({model_.shape().members, -1, -1});
    const Tensor state_error =
        world_model::l2_error(model_.next_state(input).mean, rows.next_state);
    const Tensor reward_error = world_model::l2_error(model_.reward(input).mean, rows.reward);
    const Tensor error = 0.5 * (state_error + reward_error);  // [M]
    model_.keep(error.argsort().narrow(0, 0, kept_));
    for (std::int64_t m = 0; m < error.size(0); ++m) {
      metrics.add("validation/error_" + std::to_string(m), error[m]);
    }
    metrics.add("validation/error_kept", error.index_select(0, model_.kept()).mean());
    metrics.add("validation/state_error", state_error.index_select(0, model_.kept()).mean());
    metrics.add("validation/reward_error", reward_error.index_select(0, model_.kept()).mean());
    metrics.add("validation/state_change", (data_.next_state.index_select(0, validation_rows_) -
                                            data_.state.index_select(0, validation_rows_))
                                               .norm(2, {-1})
                                               .mean());
  }

  /// Whether uncertainties rank errors, on held-out rows, and how open-loop predictions drift.
  void check(Metrics& metrics) {
    const torch::NoGradGuard no_grad;
    const WorldModel kept = model_.of_kept();
    WorldModelOptions raw;
    raw.uncertainty_clip = std::numeric_limits<double>::infinity();
    const auto rows = [this](const Tensor& x) { return x.index_select(0, validation_rows_); };
    const WorldModel::Step step =
        kept.step(rows(data_.state), encode_actions(task_, rows(data_.action)), task_.discrete(),
                  raw, checks_);
    const Tensor state_error = (step.next_state - rows(data_.next_state)).norm(2, {-1}),
                 reward_error = (step.reward - rows(data_.reward)).abs();
    const Tensor error = (state_error.square() + reward_error.square()).sqrt();
    metrics.add("calibration/eps_g", world_model::rank_correlation(step.eps_g, error));
    metrics.add("calibration/eps_r", world_model::rank_correlation(step.eps_r, reward_error));
    metrics.add("calibration/aleatoric", world_model::rank_correlation(step.aleatoric, error));
    metrics.add("validation/eps_g", step.eps_g.mean());
    metrics.add("validation/eps_g_95", step.eps_g.quantile(0.95));
    metrics.add("validation/eps_r", step.eps_r.mean());
    metrics.add("validation/aleatoric", step.aleatoric.mean());
    metrics.add("validation/terminal_errors",
                step.terminal.logical_xor(rows(data_.terminal)).to(torch::kFloat64).mean());
    if (!truth_) return;
    const auto drift = world_model::open_loop_error(kept, task_, *truth_, checks_);
    for (const std::int64_t k : kReportedSteps) {
      if (k > drift.error.size(0)) break;
      metrics.add("open_loop/error_" + std::to_string(k), drift.error[k - 1]);
      metrics.add("open_loop/change_" + std::to_string(k), drift.change[k - 1]);
    }
  }

  const TaskSpec task_;
  const Transitions& data_;
  const torch::Device device_;
  const std::int64_t total_steps_, kept_;
  const double learning_rate_, final_share_;
  const std::int64_t batch_size_, validation_every_;
  at::Generator batches_, checks_;
  WorldModel model_;
  Adam optimiser_;
  Tensor training_rows_, validation_rows_;  // [.] int64 into the dataset
  std::optional<world_model::TrueRollouts> truth_;
  std::int64_t updates_ = 0;
};

}  // namespace

}  // namespace labhost

LABHOST_ALGORITHM(labhost::WorldModelTraining, "world-model", "1.1.0",
                  "Ensemble of probabilistic world models, trained once per dataset",
                  labhost::kParams, "world-model");
