// The replay buffer: everything that was collected, in one contiguous tensor per field.
// C copies of the simulator, T transitions, S state, W joint action.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "core/nn/sampler.hpp"
#include "core/nn/stateful.hpp"
#include "core/sdk/environment.hpp"

namespace labhost::sac {

class ReplayBuffer final : public Stateful {
 public:
  /// Room for `capacity` transitions; memory is touched as it fills. All `copies` are appended in
  /// each step, so that row t is a step of copy t mod C.
  ReplayBuffer(const TaskSpec& task, std::int64_t capacity, std::int64_t copies,
               torch::Device device)
      : copies_(copies) {
    const auto real = torch::dtype(torch::get_default_dtype()).device(device);
    const auto flag = torch::dtype(torch::kBool).device(device);
    rows_.state = torch::empty({capacity, task.state_width}, real);
    rows_.action = torch::empty({capacity, task.joint_width()}, real);
    rows_.reward = torch::empty({capacity}, real);
    rows_.next_state = torch::empty({capacity, task.state_width}, real);
    rows_.terminal = torch::empty({capacity}, flag);
    rows_.timeout = torch::empty({capacity}, flag);
  }

  std::int64_t size() const { return size_; }

  /// One step of all copies: states [C, S], joint actions [C, W].
  void append(const Tensor& state, const Tensor& action, const StepResult& step) {
    if (size_ + copies_ > rows_.size()) throw std::logic_error("sac: the replay buffer is full");
    rows_.state.narrow(0, size_, copies_).copy_(state);
    rows_.action.narrow(0, size_, copies_).copy_(action);
    rows_.reward.narrow(0, size_, copies_).copy_(step.reward);
    rows_.next_state.narrow(0, size_, copies_).copy_(step.next_state);
    rows_.terminal.narrow(0, size_, copies_).copy_(step.terminal);
    rows_.timeout.narrow(0, size_, copies_).copy_(step.timeout);
    size_ += copies_;
  }

  /// Uniform with replacement. The mask is 0 at terminals only: a timeout is bootstrapped from.
  Batch draw(std::int64_t batch_size, at::Generator generator) const {
    const Tensor index = torch::randint(size_, {batch_size}, std::move(generator), torch::kLong)
                             .to(rows_.state.device());
    const Tensor terminal = rows_.terminal.index_select(0, index);
    return {rows_.state.index_select(0, index), rows_.action.index_select(0, index),
            rows_.reward.index_select(0, index), rows_.next_state.index_select(0, index),
            terminal.logical_not().to(rows_.reward.scalar_type())};
  }

  /// Whole episodes, one after the other by the time of their first step (at one time: by copy).
  /// Where the run ended in the middle of an episode, its last transition has timeout set.
  Transitions episodes() const {
    const Tensor order = by_episode();
    const auto pick = [&](const Tensor& field) { return field.index_select(0, order); };
    const Tensor timeout = rows_.timeout.narrow(0, 0, size_).clone();
    const Tensor last =
        timeout.narrow(0, std::max<std::int64_t>(size_ - copies_, 0), std::min(size_, copies_));
    last.logical_or_(rows_.terminal.narrow(0, size_ - last.size(0), last.size(0)).logical_not());
    return {pick(rows_.state),      pick(rows_.action),   pick(rows_.reward),
            pick(rows_.next_state), pick(rows_.terminal), pick(timeout)};
  }

  void save(Archive& archive, const std::string& name) const override {
    for (const auto& [field, tensor] : fields()) {
      archive.write(name + "/" + field, tensor->narrow(0, 0, size_));
    }
  }
  /// Makes room where there is too little: who reads an artifact need not know the run's length.
  void load(const Archive& archive, const std::string& name) override {
    size_ = archive.tensor(name + "/rewards").size(0);
    for (const auto& [field, tensor] : fields()) {
      std::vector<std::int64_t> sizes = tensor->sizes().vec();
      sizes[0] = std::max(sizes[0], size_);
      tensor->resize_(sizes);
      Tensor filled = tensor->narrow(0, 0, size_);
      archive.read_into(name + "/" + field, filled);
    }
  }

 private:
  std::vector<std::pair<const char*, const Tensor*>> fields() const {
    return {{"states", &rows_.state},      {"actions", &rows_.action},
            {"rewards", &rows_.reward},    {"next_states", &rows_.next_state},
            {"terminal", &rows_.terminal}, {"timeout", &rows_.timeout}};
  }

  /// Rows in the order of episodes() [T].
  Tensor by_episode() const {
    const Tensor ended =
        (rows_.terminal.narrow(0, 0, size_) | rows_.timeout.narrow(0, 0, size_)).to(torch::kCPU);
    const bool* end = ended.data_ptr<bool>();
    std::vector<std::int64_t> started(static_cast<std::size_t>(copies_));  // of the running ones
    std::vector<std::tuple<std::int64_t, std::int64_t>> keys;              // first row, row
    for (std::int64_t row = 0; row < size_; ++row) {
      std::int64_t& first = started[static_cast<std::size_t>(row % copies_)];
      if (row < copies_) first = row;
      keys.emplace_back(first, row);
      if (end[row]) first = row + copies_;
    }
    std::sort(keys.begin(), keys.end());
    std::vector<std::int64_t> order;
    for (const auto& key : keys) order.push_back(std::get<1>(key));
    return torch::tensor(order, torch::kLong).to(rows_.state.device());
  }

  std::int64_t copies_, size_ = 0;
  Transitions rows_;  // the first size_ rows are filled
};

}  // namespace labhost::sac
