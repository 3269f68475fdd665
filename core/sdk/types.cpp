#include "core/sdk/types.hpp"

#include <algorithm>
#include <set>

namespace labhost {

namespace {

[[noreturn]] void refuse(const TaskSpec& task, const std::string& what) {
  throw InputError("task '" + task.name + "': " + what);
}

std::string shape_text(const Tensor& tensor) {
  std::string text = "[";
  for (std::int64_t i = 0; i < tensor.dim(); ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(tensor.size(i));
  }
  return text + "]";
}

/// Number of joint choices of a discrete team.
std::int64_t joint_choices(const TaskSpec& task) {
  std::int64_t product = 1;
  for (const AgentSpec& agent : task.agents) product *= agent.action.size;
  return product;
}

void require_field(const Tensor& field, const char* name, std::vector<std::int64_t> shape,
                   torch::ScalarType type, const std::string& where) {
  std::string expected = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    expected += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  }
  expected += "]";
  if (!field.defined()) throw InputError(where + ": '" + name + "' is missing");
  if (field.sizes() != torch::IntArrayRef(shape)) {
    throw InputError(where + ": '" + name + "' has shape " + shape_text(field) + ", expected " +
                     expected);
  }
  if (field.scalar_type() != type) {
    throw InputError(where + ": '" + name + "' has type " +
                     std::string(torch::toString(field.scalar_type())) + ", expected " +
                     std::string(torch::toString(type)));
  }
  if (torch::isFloatingType(type)) {
    const Tensor rows = torch::isfinite(field).reshape({shape[0], -1}).all(1).logical_not();
    if (rows.any().item<bool>()) {
      throw InputError(where + ": '" + name + "' is not finite in row " +
                       std::to_string(rows.nonzero()[0].item<std::int64_t>()));
    }
  }
}

}  // namespace

std::int64_t TaskSpec::joint_width() const {
  std::int64_t width = 0;
  for (const AgentSpec& agent : agents) width += agent.action.columns();
  return width;
}

std::int64_t TaskSpec::observation_width() const {
  std::size_t width = 0;
  for (const AgentSpec& agent : agents) width = std::max(width, agent.observes.size());
  return static_cast<std::int64_t>(width);
}

std::int64_t TaskSpec::action_size() const {
  std::int64_t size = 0;
  for (const AgentSpec& agent : agents) size = std::max(size, agent.action.size);
  return size;
}

std::int64_t TaskSpec::encoded_width() const {
  std::int64_t width = 0;
  for (const AgentSpec& agent : agents) width += agent.action.size;
  return width;
}

bool TaskSpec::fully_observed() const {
  return std::all_of(agents.begin(), agents.end(), [this](const AgentSpec& agent) {
    const std::set<std::int64_t> seen(agent.observes.begin(), agent.observes.end());
    return static_cast<std::int64_t>(seen.size()) == state_width;
  });
}

void TaskSpec::validate() const {
  if (state_width < 1) refuse(*this, "state_width is " + std::to_string(state_width));
  if (agents.empty()) refuse(*this, "it has no agents");
  if (horizon < 1) refuse(*this, "horizon is " + std::to_string(horizon) + ", expected at least 1");
  if (!(expert_return > random_return)) {
    refuse(*this, "the expert's return must be above the random one");
  }
  const auto scales = static_cast<std::int64_t>(state_scale.size());
  if (scales != 0 && scales != state_width) {
    refuse(*this, "state_scale has " + std::to_string(scales) + " entries, expected " +
                      std::to_string(state_width) + " or none");
  }
  for (const double scale : state_scale) {
    if (!(scale > 0)) refuse(*this, "state_scale must be above 0 everywhere");
  }
  for (const AgentSpec& agent : agents) {
    if (agent.action.size < 1 || (agent.action.discrete && agent.action.size < 2)) {
      refuse(*this, "agent '" + agent.name + "' has nothing to choose");
    }
    if (agent.action.discrete != discrete()) {
      refuse(*this, "agents with discrete and with continuous actions in one team");
    }
    if (agent.observes.empty()) refuse(*this, "agent '" + agent.name + "' observes nothing");
    for (const std::int64_t index : agent.observes) {
      if (index < 0 || index >= state_width) {
        refuse(*this, "agent '" + agent.name + "' observes component " + std::to_string(index) +
                          " of a state of width " + std::to_string(state_width));
      }
    }
  }
}

Tensor encode_actions(const TaskSpec& task, const Tensor& action) {
  if (!task.discrete()) return action;
  std::vector<Tensor> parts;
  parts.reserve(task.agents.size());
  for (std::int64_t i = 0; i < task.agent_count(); ++i) {
    const std::int64_t choices = task.agents[static_cast<std::size_t>(i)].action.size;
    parts.push_back(torch::one_hot(action.select(-1, i).to(torch::kLong), choices));
  }
  return torch::cat(parts, -1).to(action.scalar_type());
}

TaskSpec centralised(const TaskSpec& task) {
  TaskSpec single = task;
  AgentSpec agent;
  agent.name = "team";
  for (std::int64_t i = 0; i < task.state_width; ++i) agent.observes.push_back(i);
  agent.action.discrete = task.discrete();
  agent.action.size = task.discrete() ? joint_choices(task) : task.joint_width();
  single.agents = {agent};
  return single;
}

Tensor join_actions(const TaskSpec& task, const Tensor& action) {
  if (!task.discrete()) return action;
  Tensor joint = torch::zeros_like(action.select(1, 0));
  for (std::int64_t i = 0; i < task.agent_count(); ++i) {
    joint = joint * task.agents[static_cast<std::size_t>(i)].action.size + action.select(1, i);
  }
  return joint.unsqueeze(1);
}

Tensor split_actions(const TaskSpec& task, const Tensor& action) {
  if (!task.discrete()) return action;
  Tensor rest = action.select(1, 0).to(torch::kLong);
  std::vector<Tensor> columns(task.agents.size());
  for (std::int64_t i = task.agent_count() - 1; i >= 0; --i) {
    const std::int64_t choices = task.agents[static_cast<std::size_t>(i)].action.size;
    columns[static_cast<std::size_t>(i)] = torch::remainder(rest, choices);
    rest = torch::div(rest, choices, "floor");
  }
  return torch::stack(columns, 1).to(action.scalar_type());
}

Observer::Observer(const TaskSpec& task, torch::Device device)
    : agents_(task.agent_count()), width_(task.observation_width()), full_(true) {
  std::vector<std::int64_t> index;
  for (const AgentSpec& agent : task.agents) {
    for (std::int64_t i = 0; i < width_; ++i) {
      const bool seen = i < static_cast<std::int64_t>(agent.observes.size());
      // Column S of the padded state is zero.
      index.push_back(seen ? agent.observes[static_cast<std::size_t>(i)] : task.state_width);
      full_ = full_ && width_ == task.state_width && index.back() == i;
    }
  }
  index_ = torch::tensor(index, torch::kLong).to(device);
}

Tensor Observer::operator()(const Tensor& state) const {
  if (full_) return state.unsqueeze(0).expand({agents_, -1, -1});
  const Tensor padded = torch::constant_pad_nd(state, {0, 1});  // [B, S + 1]
  return padded.index_select(1, index_).view({state.size(0), agents_, width_}).transpose(0, 1);
}

Transitions Transitions::to(torch::Device device) const {
  return {state.to(device),      action.to(device),   reward.to(device),
          next_state.to(device), terminal.to(device), timeout.to(device)};
}

Transitions Transitions::none(const TaskSpec& task) {
  const Tensor flags = torch::zeros({0}, torch::kBool);
  const Tensor states = torch::zeros({0, task.state_width});
  return {states, torch::zeros({0, task.joint_width()}), torch::zeros({0}), states, flags, flags};
}

void Transitions::validate(const TaskSpec& task, const std::string& where) const {
  if (!reward.defined() || reward.dim() != 1 || reward.size(0) == 0) {
    throw InputError(where + ": 'reward' is empty, expected at least one transition");
  }
  const std::int64_t rows = size();
  const auto real = torch::get_default_dtype_as_scalartype();
  require_field(state, "state", {rows, task.state_width}, real, where);
  require_field(action, "action", {rows, task.joint_width()}, real, where);
  require_field(reward, "reward", {rows}, real, where);
  require_field(next_state, "next_state", {rows, task.state_width}, real, where);
  require_field(terminal, "terminal", {rows}, torch::kBool, where);
  require_field(timeout, "timeout", {rows}, torch::kBool, where);
  if (!task.discrete()) return;
  for (std::int64_t i = 0; i < task.agent_count(); ++i) {
    const Tensor column = action.select(1, i);
    const auto choices = static_cast<double>(task.agents[static_cast<std::size_t>(i)].action.size);
    const Tensor wrong = column.lt(0) | column.ge(choices) | column.ne(column.round());
    if (wrong.any().item<bool>()) {
      throw InputError(where + ": 'action' of agent " + std::to_string(i) + " in row " +
                       std::to_string(wrong.nonzero()[0].item<std::int64_t>()) +
                       " is not one of its choices 0.." +
                       std::to_string(static_cast<std::int64_t>(choices) - 1));
    }
  }
}

}  // namespace labhost
