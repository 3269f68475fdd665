// A simulator by formulas that has terminal states, and that refuses what environments refuse.
#pragma once

#include <stdexcept>
#include <utility>

#include "core/sdk/environment.hpp"

namespace labhost::testing {

/// Continuous actions. An episode ends where the first component of the state leaves [-1, 1], and
/// times out at the task's horizon.
class MadeUpSimulator final : public Environment {
 public:
  MadeUpSimulator(TaskSpec task, std::int64_t copies)
      : task_(std::move(task)),
        state_(torch::zeros({copies, task_.state_width})),
        taken_(torch::zeros({copies}, torch::kLong)),
        over_(torch::ones({copies}, torch::kBool)) {}

  static Tensor next_state_of(const Tensor& state, const Tensor& action) {
    return 0.9 * state + 0.4 * action.sum(1, /*keepdim=*/true);
  }
  static Tensor reward_of(const Tensor& state, const Tensor& action) {
    return 3 * state.select(1, 1) - action.square().sum(1);
  }
  static Tensor terminal_of(const Tensor& next_state) {
    return next_state.select(1, 0).abs().gt(1);
  }

  const TaskSpec& task() const override { return task_; }
  Tensor reset(const Tensor& index) override {
    set_state(index, torch::zeros({index.size(0), task_.state_width}));
    return state_.index_select(0, index);
  }
  void set_state(const Tensor& index, const Tensor& state) override {
    state_.index_copy_(0, index, state);
    taken_.index_fill_(0, index, 0);
    over_.index_fill_(0, index, false);
  }
  StepResult step(const Tensor& index, const Tensor& action) override {
    if (over_.index_select(0, index).any().item<bool>()) {
      throw std::logic_error("a copy whose episode ended was stepped");
    }
    steps_ += index.size(0);
    const Tensor state = state_.index_select(0, index);
    const Tensor taken = taken_.index_select(0, index) + 1;
    const Tensor next_state = next_state_of(state, action);
    const StepResult result = {next_state, reward_of(state, action), terminal_of(next_state),
                               taken.ge(task_.horizon)};
    state_.index_copy_(0, index, next_state);
    taken_.index_copy_(0, index, taken);
    over_.index_copy_(0, index, result.terminal | result.timeout);
    return result;
  }
  /// Of all copies since construction.
  std::int64_t steps() const { return steps_; }

  void save(Archive& archive, const std::string& prefix) const override {
    archive.write(prefix + "/state", state_);
    archive.write(prefix + "/taken", taken_);
    archive.write(prefix + "/over", over_);
  }
  void load(const Archive& archive, const std::string& prefix) override {
    archive.read_into(prefix + "/state", state_);
    archive.read_into(prefix + "/taken", taken_);
    archive.read_into(prefix + "/over", over_);
  }

 private:
  TaskSpec task_;
  Tensor state_, taken_, over_;  // [copies, S], [copies], [copies]
  std::int64_t steps_ = 0;
};

}  // namespace labhost::testing
