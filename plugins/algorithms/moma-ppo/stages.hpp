// Where rollouts happen: in the world model, or in the true simulator ("ground truth").
// Section 6.3, Figure 7.
//
// R rollouts, S state, W joint action.
#pragma once

#include <memory>
#include <utility>

#include "core/nn/world_model.hpp"
#include "core/sdk/environment.hpp"

namespace labhost::moma_ppo {

class Stage {
 public:
  virtual ~Stage() = default;
  /// New rollouts begin in `state` [R, S].
  virtual void begin(const Tensor& state) = 0;
  /// One step of the rollouts that go on, which are in `state` [R, S], with `action` [R, W].
  virtual WorldModel::Step step(const Tensor& state, const Tensor& action,
                                at::Generator generator) = 0;
  /// Of those, only `index` [R'] (int64) go on.
  virtual void keep(const Tensor& index) = 0;

  /// What later rollouts depend on.
  virtual void save(Archive&) const {}
  virtual void load(const Archive&) {}
};

class ModelStage final : public Stage {
 public:
  ModelStage(WorldModel model, TaskSpec task, WorldModelOptions options)
      : model_(std::move(model)), task_(std::move(task)), options_(options) {
    if (model_.shape().state_width != task_.state_width ||
        model_.shape().action_width != task_.encoded_width()) {
      throw InputError("moma-ppo: the world model was trained on another task: its states have " +
                       std::to_string(model_.shape().state_width) + " numbers and its actions " +
                       std::to_string(model_.shape().action_width) + ", those of '" + task_.name +
                       "' " + std::to_string(task_.state_width) + " and " +
                       std::to_string(task_.encoded_width()));
    }
  }
  void begin(const Tensor&) override {}
  WorldModel::Step step(const Tensor& state, const Tensor& action,
                        at::Generator generator) override {
    return model_.step(state, encode_actions(task_, action), task_.discrete(), options_,
                       std::move(generator));
  }
  void keep(const Tensor&) override {}

 private:
  WorldModel model_;
  TaskSpec task_;
  WorldModelOptions options_;
};

/// Nothing is uncertain here, and nothing is clipped.
class SimulatorStage final : public Stage {
 public:
  /// `environment` has as many copies as there are rollouts at once; `device` is the rollouts'.
  SimulatorStage(std::unique_ptr<Environment> environment, torch::Device device)
      : environment_(std::move(environment)), device_(device) {}
  void begin(const Tensor& state) override {
    going_ = torch::arange(state.size(0), torch::kLong);
    environment_->set_state(going_, state.to(torch::kCPU));
  }
  WorldModel::Step step(const Tensor&, const Tensor& action, at::Generator) override {
    const StepResult result = environment_->step(going_, action.to(torch::kCPU));
    WorldModel::Step step;
    step.next_state = result.next_state.to(device_);
    step.reward = result.reward.to(device_);
    step.terminal = result.terminal.to(device_);
    step.eps_r = step.eps_g = step.aleatoric = torch::zeros_like(step.reward);
    step.unreliable = result.timeout.to(device_);  // the simulator's horizon: no further
    return step;
  }
  void keep(const Tensor& index) override {
    going_ = going_.index_select(0, index.to(torch::kCPU));
  }
  void save(Archive& archive) const override { environment_->save(archive, "environment"); }
  void load(const Archive& archive) override { environment_->load(archive, "environment"); }

 private:
  std::unique_ptr<Environment> environment_;
  torch::Device device_;
  Tensor going_;  // [R] copies
};

}  // namespace labhost::moma_ppo
