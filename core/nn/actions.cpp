#include "core/nn/actions.hpp"

#include <algorithm>

namespace labhost {

ActionLayout::ActionLayout(const TaskSpec& task)
    : agents_(task.agent_count()), columns_(1), discrete_(task.discrete()), equal_(true) {
  std::vector<double> sizes;
  for (const AgentSpec& agent : task.agents) {
    columns_ = std::max(columns_, agent.action.columns());
    equal_ = equal_ && agent.action.size == task.agents.front().action.size;
    sizes.push_back(static_cast<double>(agent.action.size));
  }
  sizes_ = torch::tensor(sizes, torch::kFloat64).to(torch::get_default_dtype());
  if (!equal_) {
    mask_ = torch::zeros({agents_, 1, task.action_size()});
    for (std::int64_t i = 0; i < agents_; ++i) {
      mask_[i].narrow(-1, 0, task.agents[static_cast<std::size_t>(i)].action.size).fill_(1);
    }
  }
  std::vector<std::int64_t> gather, scatter;
  std::int64_t offset = 0;
  for (std::int64_t i = 0; i < agents_; ++i) {
    const std::int64_t columns = task.agents[static_cast<std::size_t>(i)].action.columns();
    for (std::int64_t a = 0; a < columns_; ++a) {
      gather.push_back(a < columns ? offset + a : task.joint_width());
      if (a < columns) scatter.push_back(i * columns_ + a);
    }
    offset += columns;
  }
  gather_ = torch::tensor(gather, torch::kLong);
  scatter_ = torch::tensor(scatter, torch::kLong);
}

Tensor ActionLayout::split(const Tensor& joint) const {
  const std::int64_t batch = joint.size(0);
  if (equal_ || discrete_) return joint.view({batch, agents_, columns_}).transpose(0, 1);
  const Tensor padded = torch::constant_pad_nd(joint, {0, 1});
  return padded.index_select(1, gather_.to(joint.device()))
      .view({batch, agents_, columns_})
      .transpose(0, 1);
}

Tensor ActionLayout::merge(const Tensor& own) const {
  const Tensor flat = own.transpose(0, 1).reshape({own.size(1), agents_ * columns_});
  if (equal_ || discrete_) return flat;
  return flat.index_select(1, scatter_.to(own.device()));
}

}  // namespace labhost
