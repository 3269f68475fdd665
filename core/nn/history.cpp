#include "core/nn/history.hpp"

#include <algorithm>

namespace labhost {

namespace {

// Released code: what is remembered stays inside of the open interval.
constexpr double kActionMargin = 1e-5;

Tensor remembered_actions(const TaskSpec& task, const Tensor& action) {
  const Tensor encoded = encode_actions(task, action);
  return task.discrete() ? encoded : encoded.clamp(-1 + kActionMargin, 1 - kActionMargin);
}

/// Rows of a batch lie far apart: without a word in time, each waits for the memory.
constexpr std::int64_t kAhead = 6;
void prefetch(const void* address, std::int64_t bytes) {
  constexpr std::int64_t kCacheLine = 64;
  const char* line = static_cast<const char*>(address);
  for (std::int64_t at = 0; at < bytes; at += kCacheLine) __builtin_prefetch(line + at);
}

/// Rows since the first of the episode, at most `most` [T].
Tensor ages(const Transitions& data, std::int64_t most) {
  const Tensor end = (data.terminal | data.timeout).to(torch::kCPU).contiguous();
  if (!end.any().item<bool>()) {
    throw InputError(
        "histories need to know where episodes end, but the dataset has neither a terminal nor a "
        "timeout");
  }
  Tensor age = torch::empty({data.size()}, torch::kLong);
  std::int64_t since = 0;
  for (std::int64_t t = 0; t < data.size(); ++t) {
    age.data_ptr<std::int64_t>()[t] = std::min(since, most);
    since = end.data_ptr<bool>()[t] ? 0 : since + 1;
  }
  return age.to(data.state.device());
}

}  // namespace

Histories::Histories(const TaskSpec& task, const Transitions& data, std::int64_t length)
    : task_(task), length_(length), agents_(task.agent_count()), age_(ages(data, length)) {
  const auto device = data.state.device();
  const std::int64_t size = task.action_size();
  pair_ = task.observation_width() + size;
  std::vector<std::int64_t> actions;
  std::int64_t offset = 0;
  for (const AgentSpec& agent : task.agents) {
    for (std::int64_t a = 0; a < size; ++a) {
      // The appended zero: padding of agents that do less.
      actions.push_back(a < agent.action.size ? offset + a : task.encoded_width());
    }
    offset += agent.action.size;
  }
  actions_ = torch::tensor(actions, torch::kLong).to(device);
  const Tensor pairs = pairs_of(Observer(task, device)(data.state), data.action);  // [N, T, O + A]
  const std::int64_t rows = data.size() + 1;
  pairs_ = torch::constant_pad_nd(pairs, {0, 0, 0, 1}).reshape({agents_ * rows, pair_});
  last_ = rows - 1;
  first_ = (rows * torch::arange(agents_, torch::kLong)).view({agents_, 1, 1}).to(device);
  offset_ = torch::arange(length - 1, -1, -1, torch::TensorOptions(torch::kLong).device(device));
}

Tensor Histories::pairs_of(const Tensor& observation, const Tensor& action) const {
  const std::int64_t batch = action.size(0), size = actions_.size(0) / agents_;
  const Tensor own = torch::constant_pad_nd(remembered_actions(task_, action), {0, 1})
                         .index_select(1, actions_)
                         .view({batch, agents_, size})
                         .transpose(0, 1);
  return torch::cat({observation, own}, -1);
}

/// Pairs of the `age` rows that end with row `last`. They lie one after the other, so on the CPU a
/// history is one copy of memory; LibTorch's gather takes each pair apart.
Tensor Histories::gather(const Tensor& last, const Tensor& age) const {
  if (!pairs_.is_cpu()) return gather_by_index(last, age);
  const Tensor ends = last.contiguous(), lengths = age.contiguous();
  const std::int64_t batch = last.size(0), rows = pairs_.size(0) / agents_;
  Tensor histories = torch::empty({agents_, batch, length_, pair_}, pairs_.options());
  AT_DISPATCH_FLOATING_TYPES(pairs_.scalar_type(), "histories", [&] {
    const scalar_t* from = pairs_.data_ptr<scalar_t>();
    scalar_t* to = histories.data_ptr<scalar_t>();
    const auto *end = ends.data_ptr<std::int64_t>(), *many = lengths.data_ptr<std::int64_t>();
    const std::int64_t bytes = length_ * pair_ * static_cast<std::int64_t>(sizeof(scalar_t));
    for (std::int64_t agent = 0; agent < agents_; ++agent, from += rows * pair_) {
      for (std::int64_t b = 0; b < batch; ++b, to += length_ * pair_) {
        if (b + kAhead < batch)
          prefetch(from + std::max<std::int64_t>(end[b + kAhead] - length_ + 1, 0) * pair_, bytes);
        const std::int64_t count = std::min(many[b], length_), first = end[b] - count + 1;
        scalar_t* pairs = std::fill_n(to, (length_ - count) * pair_, scalar_t(0));
        std::copy_n(from + first * pair_, count * pair_, pairs);
      }
    }
  });
  return histories;
}

Tensor Histories::gather_by_index(const Tensor& last, const Tensor& age) const {
  const Tensor there = offset_.unsqueeze(0).lt(age.unsqueeze(1));  // [B, H]
  const Tensor index = torch::where(there, last.unsqueeze(1) - offset_.unsqueeze(0), last_);
  return pairs_.index_select(0, (first_ + index.unsqueeze(0)).flatten())
      .view({agents_, last.size(0), length_, pair_});
}

Tensor Histories::before(const Tensor& rows) const {
  return gather(rows - 1, age_.index_select(0, rows));
}

Tensor Histories::after(const Tensor& rows) const {
  return gather(rows, age_.index_select(0, rows) + 1);
}

Tensor Histories::append(const Tensor& history, const Tensor& observation,
                         const Tensor& action) const {
  const Tensor pair = pairs_of(observation, action).unsqueeze(2);  // [N, B, 1, O + A]
  return torch::cat({history.narrow(2, 1, length_ - 1), pair}, 2);
}

}  // namespace labhost
