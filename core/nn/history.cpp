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
  const Tensor action = remembered_actions(task, data.action);
  const Tensor zero = torch::zeros({data.size(), 1}, data.state.options());
  const Tensor rows = torch::cat({data.state, action, zero}, 1);
  rows_ = torch::cat({rows, torch::zeros({1, rows.size(1)}, rows.options())});
  const std::int64_t observation = task.observation_width(), size = task.action_size();
  const std::int64_t none = rows.size(1) - 1;  // the zero: padding of agents that see or do less
  pair_ = observation + size;
  std::vector<std::int64_t> columns, actions;
  std::int64_t offset = 0;
  for (const AgentSpec& agent : task.agents) {
    for (std::int64_t i = 0; i < observation; ++i) {
      const bool seen = i < static_cast<std::int64_t>(agent.observes.size());
      columns.push_back(seen ? agent.observes[static_cast<std::size_t>(i)] : none);
    }
    for (std::int64_t a = 0; a < size; ++a) {
      const bool has = a < agent.action.size;
      columns.push_back(has ? task.state_width + offset + a : none);
      actions.push_back(has ? offset + a : task.encoded_width());
    }
    offset += agent.action.size;
  }
  columns_ = torch::tensor(columns, torch::kLong).to(device);
  actions_ = torch::tensor(actions, torch::kLong).to(device);
  offset_ = torch::arange(length - 1, -1, -1, torch::TensorOptions(torch::kLong).device(device));
}

/// Pairs of the `age` rows that end with row `last`.
Tensor Histories::gather(const Tensor& last, const Tensor& age) const {
  const Tensor there = offset_.unsqueeze(0).lt(age.unsqueeze(1));  // [B, H]
  const Tensor index =
      torch::where(there, last.unsqueeze(1) - offset_.unsqueeze(0), rows_.size(0) - 1);
  return rows_.index_select(0, index.flatten())
      .index_select(1, columns_)
      .view({last.size(0), length_, agents_, pair_})
      .permute({2, 0, 1, 3});
}

Tensor Histories::before(const Tensor& rows) const {
  return gather(rows - 1, age_.index_select(0, rows));
}

Tensor Histories::after(const Tensor& rows) const {
  return gather(rows, age_.index_select(0, rows) + 1);
}

Tensor Histories::append(const Tensor& history, const Tensor& observation,
                         const Tensor& action) const {
  const std::int64_t batch = action.size(0), size = actions_.size(0) / agents_;
  const Tensor own = torch::constant_pad_nd(remembered_actions(task_, action), {0, 1})
                         .index_select(1, actions_)
                         .view({batch, agents_, size})
                         .transpose(0, 1);
  const Tensor pair = torch::cat({observation, own}, -1).unsqueeze(2);  // [N, B, 1, O + A]
  return torch::cat({history.narrow(2, 1, length_ - 1), pair}, 2);
}

}  // namespace labhost
