#include "core/nn/policy.hpp"

#include <cmath>

#include "core/nn/values.hpp"

namespace labhost {

namespace {

constexpr double kMinLogStd = -6, kMaxLogStd = 0;  // released code
constexpr double kSquashMargin = 1e-5;             // released code: atanh and log stay finite
constexpr double kIllegal = 1e10;                  // released code: subtracted from absent choices

MlpShape policy_shape(const TaskSpec& task, std::int64_t inputs, std::int64_t hidden) {
  // Gaussian: the first half of the outputs is the mean, the second the log standard deviation.
  return {inputs, task.discrete() ? task.action_size() : 2 * task.action_size(), hidden, 2};
}

Tensor standard_normal(const Tensor& like, at::Generator generator) {
  return torch::randn(like.sizes(), generator, like.options().requires_grad(false));
}

}  // namespace

TeamPolicy::TeamPolicy(const TaskSpec& task, Distribution continuous, std::int64_t inputs,
                       std::int64_t hidden, torch::Device device, at::Generator generator)
    : Mlp(task.agent_count(), policy_shape(task, inputs, hidden), device, std::move(generator),
          live_inputs(task, inputs)),
      layout_(task),
      distribution_(task.discrete() ? Distribution::kCategorical : continuous) {}

Tensor TeamPolicy::log_choices(const Tensor& input) const {
  Tensor logits = forward(input);
  if (layout_.mask().defined()) logits = logits - kIllegal * (1 - layout_.mask().to(logits));
  return torch::log_softmax(logits, -1);
}

TeamPolicy::Gaussian TeamPolicy::gaussian(const Tensor& input) const {
  const Tensor output = forward(input);
  const std::int64_t width = output.size(-1) / 2;
  return {output.narrow(-1, 0, width),
          output.narrow(-1, width, width).clamp(kMinLogStd, kMaxLogStd)};
}

/// sum_a [ log N(u; mean, std) - log(1 - tanh(u')^2 + eps) ], u' = u kept off the bounds.
Tensor TeamPolicy::gaussian_log_prob(const Gaussian& gaussian, const Tensor& before_squash) const {
  const Tensor z = (before_squash - gaussian.mean) * torch::exp(-gaussian.log_std);
  Tensor log_density = -0.5 * (2 * gaussian.log_std + z * z + std::log(2 * std::acos(-1.0)));
  if (distribution_ == Distribution::kSquashedGaussian) {
    const Tensor squashed = torch::tanh(before_squash).clamp(-1 + kSquashMargin, 1 - kSquashMargin);
    log_density = log_density - torch::log(1 - squashed * squashed + kSquashMargin);
  }
  if (layout_.mask().defined()) log_density = log_density * layout_.mask().to(log_density);
  return log_density.sum(-1);
}

Tensor TeamPolicy::log_prob(const Tensor& input, const Tensor& action) const {
  if (distribution_ != Distribution::kCategorical) return log_prob(gaussian(input), action);
  return log_choices(input).gather(-1, layout_.split(action).to(torch::kLong)).squeeze(-1);
}

Tensor TeamPolicy::log_prob(const Gaussian& gaussian, const Tensor& action) const {
  const Tensor own = layout_.split(action);
  const Tensor before = distribution_ == Distribution::kSquashedGaussian
                            ? torch::atanh(own.clamp(-1 + kSquashMargin, 1 - kSquashMargin))
                            : own;
  return gaussian_log_prob(gaussian, before);
}

TeamPolicy::Sample TeamPolicy::sample(const Tensor& input, at::Generator generator) const {
  if (distribution_ == Distribution::kCategorical) {
    const Tensor log_p = log_choices(input);  // [N, B, choices]
    const Tensor drawn =
        torch::multinomial(log_p.exp().flatten(0, 1), 1, /*replacement=*/true, generator)
            .view({log_p.size(0), log_p.size(1), 1});
    return {layout_.merge(drawn.to(log_p.scalar_type())), log_p.gather(-1, drawn).squeeze(-1)};
  }
  const Gaussian distribution = gaussian(input);
  const Tensor before = distribution.mean +
                        distribution.log_std.exp() * standard_normal(distribution.mean, generator);
  const Tensor own =
      distribution_ == Distribution::kSquashedGaussian ? torch::tanh(before) : before;
  return {layout_.merge(own), gaussian_log_prob(distribution, before)};
}

Tensor TeamPolicy::greedy(const Tensor& input) const {
  if (distribution_ == Distribution::kCategorical) {
    const Tensor choice = log_choices(input).argmax(-1, /*keepdim=*/true);
    return layout_.merge(choice.to(input.scalar_type()));
  }
  const Tensor mean = gaussian(input).mean;
  return layout_.merge(distribution_ == Distribution::kSquashedGaussian ? torch::tanh(mean) : mean);
}

void TeamPolicy::start_log_std(double value) {
  if (distribution_ == Distribution::kCategorical) return;
  const torch::NoGradGuard no_grad;
  Tensor last = bias(shape().layers);  // [N, 1, mean and log-std]
  const std::int64_t width = last.size(-1) / 2;
  last.narrow(-1, width, width).fill_(value);
}

namespace {

const TaskSpec& continuous(const TaskSpec& task, const std::string& algorithm) {
  if (!task.discrete()) return task;
  throw InputError(algorithm + " needs continuous actions; those of task '" + task.name +
                   "' are discrete");
}

}  // namespace

DeterministicPolicy::DeterministicPolicy(const TaskSpec& task, const std::string& algorithm,
                                         std::int64_t inputs, std::int64_t hidden,
                                         torch::Device device, at::Generator generator)
    : Mlp(continuous(task, algorithm).agent_count(), {inputs, task.action_size(), hidden, 2},
          device, std::move(generator), live_inputs(task, inputs)),
      layout_(task) {}

Tensor DeterministicPolicy::forward(const Tensor& input) const {
  const Tensor own = torch::tanh(Mlp::forward(input));
  return layout_.mask().defined() ? own * layout_.mask().to(own) : own;
}

Tensor DeterministicPolicy::bounded(const Tensor& own) const {
  const Tensor inside = own.clamp(-1, 1);
  return layout_.mask().defined() ? inside * layout_.mask().to(own) : inside;
}

ScaledObserver::ScaledObserver(const TaskSpec& task, torch::Device device, bool scale)
    : observe_(task, device) {
  if (!scale || task.state_scale.empty()) return;
  factor_ = torch::tensor(task.state_scale, torch::kFloat64).reciprocal();
  factor_ = factor_.to(torch::get_default_dtype()).to(device);
}

MemorylessPolicy::MemorylessPolicy(const TaskSpec& task, const TeamPolicy& network,
                                   torch::Device device, bool greedy, at::Generator generator)
    : MemorylessPolicy(ScaledObserver(task, device, false), network, device, greedy,
                       std::move(generator)) {}

MemorylessPolicy::MemorylessPolicy(ScaledObserver observe, const TeamPolicy& network,
                                   torch::Device device, bool greedy, at::Generator generator)
    : network_(network),
      observe_(std::move(observe)),
      device_(device),
      greedy_(greedy),
      generator_(std::move(generator)) {}

Tensor MemorylessPolicy::act(const Tensor&, const Tensor& state) {
  const torch::NoGradGuard no_grad;
  const Tensor input = observe_(state.to(device_));
  const Tensor action =
      greedy_ ? network_.greedy(input) : network_.sample(input, generator_).action;
  return action.to(torch::kCPU);
}

}  // namespace labhost
