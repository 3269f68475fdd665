#include "core/nn/perception.hpp"

namespace labhost {

namespace {

bool wants_memory(const Params& params, const TaskSpec& task) {
  const std::string text = params.text("memory");
  return text == "on" || (text == "auto" && !task.fully_observed());
}

/// Numbers of each agent's pair that are not padding [N].
std::vector<std::int64_t> live_pairs(const TaskSpec& task) {
  std::vector<std::int64_t> live;
  for (const AgentSpec& agent : task.agents) {
    live.push_back(static_cast<std::int64_t>(agent.observes.size()) + agent.action.size);
  }
  return live;
}

}  // namespace

Perception::Perception(const AlgorithmContext& context, const TaskSpec& task,
                       const Transitions& data, double max_norm)
    : Perception(context, task, data, /*scale_inputs=*/false, /*with_target=*/true, max_norm) {}

Perception::Perception(const AlgorithmContext& context, const TaskSpec& task,
                       const Transitions& data, SteppedByTheAlgorithm how)
    : Perception(context, task, data, how.scale_inputs, /*with_target=*/false, 0) {}

Perception::Perception(const AlgorithmContext& context, const TaskSpec& task,
                       const Transitions& data, bool scale_inputs, bool with_target,
                       double max_norm)
    : device_(context.device),
      observe_(task, context.device, scale_inputs),
      width_(task.observation_width()) {
  const Params& params = context.params;
  if (!wants_memory(params, task)) return;
  Transitions seen = data;  // what is remembered is what was seen
  seen.state = observe_.scale(data.state);
  histories_.emplace(task, seen, params.integer("memory_length"));
  const MemoryShape shape{histories_->pair_width(), histories_->length(),
                          params.integer("memory_width")};
  const at::Generator generator = context.streams.get("networks");
  memory_.emplace(task.agent_count(), shape, device_, generator, live_pairs(task));
  width_ += shape.width;
  if (!with_target) return;
  target_.emplace(task.agent_count(), shape, device_, generator, live_pairs(task));
  target_->copy_from(*memory_);
  optimiser_.emplace(std::vector<FlatModule*>{&*memory_}, params.real("memory_learning_rate"),
                     max_norm > 0 ? Clip::kPerCopy : Clip::kNone, max_norm);
}

View Perception::now(const Batch& batch) const {
  return {observe_(batch.state), remembers() ? histories_->before(batch.rows) : Tensor()};
}

View Perception::next(const Batch& batch) const {
  return {observe_(batch.next_state), remembers() ? histories_->after(batch.rows) : Tensor()};
}

Tensor Perception::see(const View& view) const {
  if (!remembers()) return view.observation;
  return torch::cat({memory_->forward(view.history), view.observation}, -1);
}

Tensor Perception::see_as_target(const View& view) const {
  if (!remembers()) return view.observation;
  TORCH_CHECK(target_.has_value(), "a memory that the algorithm steps has no target copy");
  const torch::NoGradGuard no_grad;
  return torch::cat({target_->forward(view.history), view.observation}, -1);
}

void Perception::polyak(double rate) {
  if (target_) target_->polyak(*memory_, rate);
}

/// Keeps a history per copy.
class Perception::Team final : public Policy {
 public:
  Team(const Perception& perception, std::function<Tensor(const Tensor&)> act)
      : perception_(perception), act_(std::move(act)) {}

  void begin(const Tensor& index) override {
    if (!perception_.remembers()) return;
    const Tensor copies = index.to(perception_.device_);
    const std::int64_t needed = index.max().item<std::int64_t>() + 1;
    const MemoryShape& shape = perception_.memory_->shape();
    if (!history_.defined() || history_.size(1) < needed) {
      const Tensor wider = torch::zeros(
          {perception_.memory_->copies(), needed, shape.length, shape.pair},
          torch::TensorOptions(torch::get_default_dtype()).device(perception_.device_));
      if (history_.defined()) wider.narrow(1, 0, history_.size(1)).copy_(history_);
      history_ = wider;
    }
    history_.index_fill_(1, copies, 0);
  }

  Tensor act(const Tensor& index, const Tensor& state) override {
    const torch::NoGradGuard no_grad;
    View view = {perception_.observe_(state.to(perception_.device_)), Tensor()};
    if (!perception_.remembers()) return act_(view.observation).to(torch::kCPU);
    const Tensor copies = index.to(perception_.device_);
    view.history = history_.index_select(1, copies);
    const Tensor action = act_(perception_.see(view));
    history_.index_copy_(1, copies,
                         perception_.histories_->append(view.history, view.observation, action));
    return action.to(torch::kCPU);
  }

 private:
  const Perception& perception_;
  std::function<Tensor(const Tensor&)> act_;
  Tensor history_;  // [N, copies, H, P]
};

std::unique_ptr<Policy> Perception::team(std::function<Tensor(const Tensor&)> act) const {
  return std::make_unique<Team>(*this, std::move(act));
}

std::unique_ptr<Policy> Perception::team(const TeamPolicy& policy, bool greedy,
                                         at::Generator generator) const {
  return team([&policy, greedy, generator](const Tensor& input) {
    return greedy ? policy.greedy(input) : policy.sample(input, generator).action;
  });
}

void Perception::save(Archive& archive, const std::string& name) const {
  if (!remembers()) return;
  memory_->save(archive, name + "/memory");
  if (!target_) return;
  target_->save(archive, name + "/target");
  optimiser_->save(archive, name + "/optimiser");
}

void Perception::load(const Archive& archive, const std::string& name) {
  if (!remembers()) return;
  memory_->load(archive, name + "/memory");
  if (!target_) return;
  target_->load(archive, name + "/target");
  optimiser_->load(archive, name + "/optimiser");
}

}  // namespace labhost
