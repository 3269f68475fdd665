#include "core/nn/values.hpp"

namespace labhost {

namespace {

std::vector<std::int64_t> twice(std::vector<std::int64_t> values) {
  const std::size_t count = values.size();
  for (std::size_t i = 0; i < count; ++i) values.push_back(values[i]);
  return values;
}

MlpShape twin_shape(const TaskSpec& task, std::int64_t inputs, std::int64_t hidden) {
  if (task.discrete()) return {inputs, task.action_size(), hidden, 2};
  return {inputs + task.action_size(), 1, hidden, 2};
}

}  // namespace

std::vector<std::int64_t> live_inputs(const TaskSpec& task, std::int64_t inputs) {
  std::vector<std::int64_t> live;
  for (const AgentSpec& agent : task.agents) {
    const std::int64_t padding =
        task.observation_width() - static_cast<std::int64_t>(agent.observes.size());
    live.push_back(inputs - padding);
  }
  return live;
}

StateValue::StateValue(const TaskSpec& task, std::int64_t inputs, std::int64_t hidden,
                       torch::Device device, at::Generator generator)
    : Mlp(task.agent_count(), {inputs, 1, hidden, 2}, device, std::move(generator),
          live_inputs(task, inputs)) {}

Tensor StateValue::forward(const Tensor& input) const { return Mlp::forward(input).squeeze(-1); }

TwinQ::TwinQ(const TaskSpec& task, std::int64_t inputs, std::int64_t hidden, torch::Device device,
             at::Generator generator)
    : Mlp(2 * task.agent_count(), twin_shape(task, inputs, hidden), device, std::move(generator),
          twice(live_inputs(task, twin_shape(task, inputs, hidden).inputs))),
      layout_(task),
      agents_(task.agent_count()) {}

Tensor TwinQ::forward(const Tensor& input, const Tensor& action) const {
  const Tensor own = layout_.split(action);  // [N, B, A], or indices [N, B, 1]
  if (layout_.discrete()) {
    const Tensor all = Mlp::forward(input);  // [2N, B, choices]
    const Tensor taken = own.to(torch::kLong).repeat({2, 1, 1});
    return all.gather(-1, taken).view({2, agents_, input.size(1)});
  }
  return forward_own(input, own);
}

Tensor TwinQ::forward_own(const Tensor& input, const Tensor& own) const {
  return Mlp::forward(torch::cat({input, own}, -1)).view({2, agents_, input.size(1)});
}

Tensor TwinQ::first_fixed(const Tensor& input, const Tensor& own) const {
  return forward_fixed(torch::cat({input, own}, -1), 0, agents_).squeeze(-1);
}

}  // namespace labhost
