// A team's policies as a file that anybody can play: named layers, and what they see and move.
//
// Tensors `agent.I.layer.L.weight` [outputs, inputs] and `agent.I.layer.L.bias` [outputs], as
// PyTorch's linear layers have them, with ReLU between them. A Gaussian's last layer gives means,
// then log standard deviations, clamped to [-6, 0]. Metadata `labhost.team` is JSON: task,
// state_width, distribution, state_scale, and for each agent the indices that it observes and the
// number of its action components.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/nn/policy.hpp"
#include "core/sdk/tensor_file.hpp"

namespace labhost {

/// The team that `network` is: memoryless policies, Gaussian or squashed. `scaled`: its inputs are
/// divided by the task's state_scale.
LABHOST_API TensorFile team_file(const TaskSpec& task, const TeamPolicy& network, bool scaled);

/// The team of a file, to act on `task`: greedy (means), or sampling from `generator`. The task may
/// be split among agents in another way than the file's team. Throws InputError, naming `where`,
/// when the file holds no team, or one for another task, state or joint action.
LABHOST_API std::unique_ptr<Policy> team_from_file(const TensorFile& file, const std::string& where,
                                                   const TaskSpec& task, bool greedy,
                                                   at::Generator generator);

}  // namespace labhost
