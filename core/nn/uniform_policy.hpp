// Untrained play: every agent draws uniformly from all that it may do.
#pragma once

#include <vector>

#include "core/sdk/algorithm.hpp"

namespace labhost {

class UniformPolicy final : public Policy {
 public:
  UniformPolicy(TaskSpec task, at::Generator generator)
      : task_(std::move(task)), generator_(std::move(generator)) {}
  void begin(const Tensor&) override {}
  Tensor act(const Tensor& index, const Tensor&) override {
    std::vector<Tensor> columns;
    for (const AgentSpec& agent : task_.agents) {
      const Tensor uniform = torch::rand({index.size(0), agent.action.columns()}, generator_);
      columns.push_back(agent.action.discrete
                            ? (uniform * static_cast<double>(agent.action.size)).floor()
                            : 2 * uniform - 1);
    }
    return torch::cat(columns, 1);
  }

 private:
  TaskSpec task_;
  at::Generator generator_;
};

}  // namespace labhost
