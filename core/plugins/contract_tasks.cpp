#include "core/plugins/contract_tasks.hpp"

#include "core/sdk/random.hpp"

namespace labhost {

namespace {

constexpr std::int64_t kRows = 600, kHorizon = 20;

std::vector<TaskSpec> make_tasks() {
  const std::vector<std::int64_t> all = {0, 1, 2, 3, 4}, some = {1, 3, 4};
  TaskSpec discrete;
  discrete.name = "synthetic discrete";
  discrete.state_width = 5;
  discrete.horizon = kHorizon;
  discrete.agents = {{"first", all, {true, 2}}, {"second", some, {true, 3}}};
  TaskSpec continuous = discrete;
  continuous.name = "synthetic continuous";
  continuous.agents = {{"first", all, {false, 2}}, {"second", some, {false, 2}}};
  TaskSpec observed = discrete;
  observed.name = "synthetic fully observed";
  observed.agents = {{"first", all, {false, 2}}, {"second", all, {false, 1}}};
  return {discrete, continuous, observed};
}

Tensor next_state_of(const Tensor& state, const Tensor& action) {
  return torch::tanh(0.9 * state + 0.1 * action.sum(1, /*keepdim=*/true));
}

Tensor reward_of(const Tensor& state, const Tensor& action) {
  return state.select(1, 0) - 0.1 * action.square().sum(1);
}

class Synthetic final : public Environment {
 public:
  Synthetic(const TaskSpec& task, std::int64_t copies)
      : task_(task),
        state_(torch::zeros({copies, task.state_width})),
        step_(torch::zeros({copies}, torch::kLong)) {}

  const TaskSpec& task() const override { return task_; }
  Tensor reset(const Tensor& index) override {
    set_state(index, torch::zeros({index.size(0), task_.state_width}));
    return state_.index_select(0, index);
  }
  void set_state(const Tensor& index, const Tensor& state) override {
    state_.index_copy_(0, index, state);
    step_.index_fill_(0, index, 0);
  }
  StepResult step(const Tensor& index, const Tensor& action) override {
    const Tensor state = state_.index_select(0, index);
    const Tensor count = step_.index_select(0, index) + 1;
    StepResult result;
    result.next_state = next_state_of(state, action);
    result.reward = reward_of(state, action);
    result.terminal = torch::zeros({index.size(0)}, torch::kBool);
    result.timeout = count.ge(task_.horizon);
    state_.index_copy_(0, index, result.next_state);
    step_.index_copy_(0, index, count);
    return result;
  }
  void save(Archive& archive, const std::string& prefix) const override {
    archive.write(prefix + "/state", state_);
    archive.write(prefix + "/step", step_);
  }
  void load(const Archive& archive, const std::string& prefix) override {
    archive.read_into(prefix + "/state", state_);
    archive.read_into(prefix + "/step", step_);
  }

 private:
  TaskSpec task_;
  Tensor state_, step_;
};

Transitions make_data(const TaskSpec& task) {
  at::Generator generator = Streams(11).get(task.name);
  Transitions data;
  data.state = torch::randn({kRows, task.state_width}, generator);
  std::vector<Tensor> columns;
  for (const AgentSpec& agent : task.agents) {
    if (agent.action.discrete) {
      columns.push_back(
          torch::randint(agent.action.size, {kRows, 1}, generator).to(torch::get_default_dtype()));
    } else {
      columns.push_back(1.8 * torch::rand({kRows, agent.action.size}, generator) - 0.9);
    }
  }
  data.action = torch::cat(columns, 1);
  data.next_state = next_state_of(data.state, data.action);
  data.reward = reward_of(data.state, data.action);
  const Tensor row = torch::arange(1, kRows + 1);
  data.timeout = row.remainder(kHorizon).eq(0);
  data.terminal = row.remainder(37).eq(0);
  return data;
}

}  // namespace

std::unique_ptr<Environment> SyntheticTask::environment(std::int64_t copies) const {
  return std::make_unique<Synthetic>(task, copies);
}

std::vector<SyntheticTask> synthetic_tasks() {
  std::vector<SyntheticTask> tasks;
  for (const TaskSpec& task : make_tasks()) {
    SyntheticTask synthetic;
    synthetic.task = task;
    synthetic.data = make_data(synthetic.task);
    tasks.push_back(synthetic);
  }
  return tasks;
}

}  // namespace labhost
