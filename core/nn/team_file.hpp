// A team's policies as a file that anybody can play: named layers, and what they see and move.
//
// Tensors `agent.I.layer.L.weight` [outputs, inputs] and `agent.I.layer.L.bias` [outputs], as
// PyTorch's linear layers have them, with ReLU between them; L = 0, 1, 2. Metadata `labhost.team`
// is JSON: version (1), task, state_width, state_scale, distribution, hidden, layers (2 hidden
// ones), and for each of `agents` its name, the indices of the state that it `observes` and
// `action_size`.
//
// Agent I's input: the state, divided by state_scale where that is not empty, at the indices that
// it observes, then zeros up to the widest agent's number. Its last layer gives as many means as
// the largest action_size, then as many log standard deviations, clamped to [-6, 0]; of each it
// takes its own first action_size. A sample is mean + exp(log std) times standard normal noise; a
// greedy action is the mean. "squashed-gaussian": tanh of that; "gaussian": the simulator clips it
// to [-1, 1]. The joint action is agent after agent.
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
