// Transitions that the team has made itself, in the true simulator, and their histories.
//
// N agents, B batch, S state, W joint action, H pairs of a history, P numbers of a pair, k steps of
// a rollout.
#pragma once

#include <algorithm>
#include <functional>

#include "core/nn/perception.hpp"
#include "core/sdk/environment.hpp"

namespace labhost::maiql_ft {

/// Rows that are appended to; room grows by doubling.
class Column {
 public:
  /// Rows are counted along `dim`, of which `empty` has none.
  Column(Tensor empty, std::int64_t dim) : room_(std::move(empty)), dim_(dim) {}
  std::int64_t size() const { return size_; }
  Tensor rows() const { return room_.narrow(dim_, 0, size_); }
  void append(const Tensor& more) {
    const std::int64_t needed = size_ + more.size(dim_);
    if (needed > room_.size(dim_)) {
      std::vector<std::int64_t> sizes = room_.sizes().vec();
      sizes[static_cast<std::size_t>(dim_)] = std::max(needed, 2 * room_.size(dim_));
      const Tensor wider = torch::empty(sizes, room_.options());
      wider.narrow(dim_, 0, size_).copy_(rows());
      room_ = wider;
    }
    room_.narrow(dim_, size_, more.size(dim_)).copy_(more);
    size_ = needed;
  }
  void replace(const Tensor& rows) {
    room_ = rows.to(room_.device());
    size_ = rows.size(dim_);
  }
  Tensor at(const Tensor& index) const { return room_.index_select(dim_, index); }

 private:
  Tensor room_;
  std::int64_t dim_, size_ = 0;
};

/// Holds at most `capacity` transitions; nothing is ever dropped. With a memory, a rollout keeps
/// the H pairs that its first action was chosen with and one more per step, so that every history
/// is H pairs that lie one after the other.
class OnlineBuffer : public Stateful {
  template <typename Self>
  static auto columns(Self& self) {
    using Pointer = decltype(&self.state_);
    return std::vector<std::pair<std::string, Pointer>>{
        {"/state", &self.state_},   {"/next_state", &self.next_state_},
        {"/action", &self.action_}, {"/reward", &self.reward_},
        {"/mask", &self.mask_},     {"/start", &self.start_},
        {"/pairs", &self.pairs_}};
  }

 public:
  OnlineBuffer(const TaskSpec& task, const Perception& perception, std::int64_t capacity,
               torch::Device device)
      : perception_(perception),
        capacity_(capacity),
        state_(torch::empty({0, task.state_width}, device), 0),
        next_state_(torch::empty({0, task.state_width}, device), 0),
        action_(torch::empty({0, task.joint_width()}, device), 0),
        reward_(torch::empty({0}, device), 0),
        mask_(torch::empty({0}, device), 0),
        start_(torch::empty({0}, torch::TensorOptions(torch::kLong).device(device)), 0),
        pairs_(torch::empty({task.agent_count(), 0,
                             perception.remembers() ? perception.histories().pair_width() : 0},
                            device),
               1) {}

  std::int64_t size() const { return reward_.size(); }
  std::int64_t capacity() const { return capacity_; }

  Batch at(const Tensor& rows) const {
    return {state_.at(rows),      action_.at(rows), reward_.at(rows),
            next_state_.at(rows), mask_.at(rows),   rows};
  }
  /// Histories in the states of these rows, and in their next states: [N, B, H, P].
  Tensor before(const Tensor& rows) const { return histories(start_.at(rows)); }
  Tensor after(const Tensor& rows) const { return histories(start_.at(rows) + 1); }

  /// Rolls the team from rows [R] of the dataset for at most `length` steps; `act` gives joint
  /// actions [R', W] for inputs [N, R', I]. Rewards are multiplied by `reward_scale`. Returns the
  /// mean raw reward.
  double roll(Environment& environment, const Transitions& data, const Tensor& rows,
              std::int64_t length, double reward_scale,
              const std::function<Tensor(const Tensor&)>& act);

  void save(Archive& archive, const std::string& name) const override {
    for (const auto& [part, column] : columns(*this)) archive.write(name + part, column->rows());
  }
  void load(const Archive& archive, const std::string& name) override {
    for (const auto& [part, column] : columns(*this)) column->replace(archive.tensor(name + part));
  }

 private:
  Tensor histories(const Tensor& first) const {
    const std::int64_t length = perception_.histories().length();
    const Tensor index = first.unsqueeze(1) + torch::arange(length, first.options());  // [B, H]
    const Tensor pairs = pairs_.at(index.flatten());  // [N, B H, P]
    return pairs.view({pairs.size(0), first.size(0), length, pairs.size(2)});
  }

  const Perception& perception_;
  std::int64_t capacity_;
  Column state_, next_state_;  // [n, S]
  Column action_;              // [n, W]
  Column reward_, mask_;       // [n]
  Column start_;               // [n] where a transition's history starts in pairs_
  Column pairs_;               // [N, pairs so far, P]; none without a memory
};

inline double OnlineBuffer::roll(Environment& environment, const Transitions& data,
                                 const Tensor& rows, std::int64_t length, double reward_scale,
                                 const std::function<Tensor(const Tensor&)>& act) {
  const torch::NoGradGuard no_grad;
  const auto device = data.state.device();
  const std::int64_t rollouts = rows.size(0);
  const bool remembers = perception_.remembers();
  Tensor going = torch::arange(rollouts, torch::kLong);  // on the CPU, as environments want it
  Tensor state = data.state.index_select(0, rows);
  environment.set_state(going, state.to(torch::kCPU));
  View view = {Tensor(), remembers ? perception_.histories().before(rows) : Tensor()};
  std::vector<Tensor> states, nexts, actions, rewards, masks, starts;
  const std::int64_t first = remembers ? pairs_.size() : 0;
  const std::int64_t stride = remembers ? perception_.histories().length() + length : 0;
  Tensor kept;  // [N, R, H + k, P]
  if (remembers) {
    kept = torch::constant_pad_nd(view.history, {0, 0, 0, length});
  }
  for (std::int64_t t = 0; t < length && going.size(0) > 0; ++t) {
    view.observation = perception_.observer()(state);
    const Tensor action = act(perception_.see(view));
    const StepResult step = environment.step(going, action.to(torch::kCPU));
    const Tensor next = step.next_state.to(device);
    states.push_back(state);
    nexts.push_back(next);
    actions.push_back(action);
    rewards.push_back(step.reward.to(device) * reward_scale);
    masks.push_back(step.terminal.logical_not().to(device, state.scalar_type()));
    const Tensor here = going.to(device);
    starts.push_back(first + here * stride + t);
    const Tensor on = (step.terminal | step.timeout).logical_not().nonzero().squeeze(1),
                 on_here = on.to(device);
    if (remembers) {
      const Tensor history = perception_.histories().append(view.history, view.observation, action);
      const std::int64_t last = perception_.histories().length();
      kept.select(2, last + t).index_copy_(1, here, history.select(2, last - 1));
      view.history = history.index_select(1, on_here);
    }
    state = next.index_select(0, on_here);
    going = going.index_select(0, on);
  }
  const std::int64_t room = capacity_ - size();
  const auto append = [room](Column& column, const std::vector<Tensor>& parts) {
    const Tensor more = torch::cat(parts);
    column.append(more.narrow(0, 0, std::min(more.size(0), room)));
  };
  append(state_, states);
  append(next_state_, nexts);
  append(action_, actions);
  append(start_, starts);
  append(mask_, masks);
  append(reward_, rewards);
  if (remembers) pairs_.append(kept.flatten(1, 2));
  return torch::cat(rewards).mean().item<double>() / reward_scale;
}

}  // namespace labhost::maiql_ft
