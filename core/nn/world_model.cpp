#include "core/nn/world_model.hpp"

#include <ATen/CPUGeneratorImpl.h>

#include <limits>

namespace labhost {

namespace {

constexpr double kMinLogStd = -6, kMaxLogStd = 2;  // released code
constexpr double kActionMargin = 1e-5;             // released code

WorldModel::Scaling unscaled(std::int64_t width, torch::Device device) {
  return {torch::zeros({width}, device), torch::ones({width}, device)};
}

}  // namespace

WorldModel::WorldModel(const WorldModelShape& shape, torch::Device device, at::Generator generator)
    : shape_(shape),
      device_(device),
      next_state_(shape.members,
                  {shape.state_width + shape.action_width, 2 * shape.state_width, shape.hidden,
                   shape.layers},
                  device, generator),
      reward_(shape.members,
              {shape.state_width + shape.action_width, 2, shape.hidden, shape.layers}, device,
              generator),
      terminal_(shape.members,
                {shape.state_width + shape.action_width, 1, shape.hidden, shape.terminal_layers},
                device, generator),
      kept_(torch::arange(shape.members, torch::kLong).to(device)) {
  const auto real = torch::TensorOptions().device(device);
  state_low_ = torch::full({shape.state_width}, -std::numeric_limits<double>::infinity(), real);
  state_high_ = -state_low_;
  reward_low_ = state_low_[0].clone();
  reward_high_ = -reward_low_;
  set_scaling(unscaled(shape.state_width + shape.action_width, device),
              unscaled(shape.state_width, device), unscaled(1, device));
}

Tensor WorldModel::input(const Tensor& state, const Tensor& encoded_action, bool discrete) {
  const Tensor action =
      discrete ? encoded_action : encoded_action.clamp(-1 + kActionMargin, 1 - kActionMargin);
  return torch::cat({state, action}, -1);
}

void WorldModel::freeze() {
  for (Mlp* network : {&next_state_, &reward_, &terminal_}) network->freeze();
}

Tensor WorldModel::scaled(const Tensor& input) const {
  return (input - input_scaling_.shift) / input_scaling_.scale;
}

/// The networks' outputs, means and log standard deviations side by side, in the targets' units.
WorldModel::Gaussians WorldModel::predicted(const Tensor& output, const Scaling& scaling) {
  const std::int64_t width = output.size(-1) / 2;
  const Tensor log_std = output.narrow(-1, width, width).clamp(kMinLogStd, kMaxLogStd);
  return {output.narrow(-1, 0, width) * scaling.scale + scaling.shift,
          log_std + scaling.scale.log()};
}

WorldModel::Gaussians WorldModel::next_state(const Tensor& input) const {
  Gaussians result = predicted(next_state_.forward(scaled(input)), state_scaling_);
  if (shape_.difference) result.mean = result.mean + input.narrow(-1, 0, shape_.state_width);
  return result;
}

WorldModel::Gaussians WorldModel::reward(const Tensor& input) const {
  return predicted(reward_.forward(scaled(input)), reward_scaling_);
}

Tensor WorldModel::terminal_logit(const Tensor& input) const {
  return terminal_.forward(scaled(input)).squeeze(-1);
}

WorldModel::Step WorldModel::step(const Tensor& state, const Tensor& encoded_action, bool discrete,
                                  const WorldModelOptions& options, at::Generator generator) const {
  const torch::NoGradGuard no_grad;
  const std::int64_t batch = state.size(0), members = shape_.members;
  const Tensor x =
      input(state, encoded_action, discrete).unsqueeze(0).expand({shape_.members, -1, -1});
  const Gaussians states = next_state(x), rewards = reward(x);  // [M, B, S], [M, B, 1]

  Step result;
  const Tensor drawn = torch::randint(members, {1, batch, 1}, generator, torch::kLong).to(device_);
  result.next_state =
      states.mean.gather(0, drawn.expand({1, batch, states.mean.size(2)})).squeeze(0);
  result.reward = rewards.mean.mean(0).squeeze(-1);
  const Tensor votes = terminal_logit(x).gt(0).sum(0);  // [B]
  result.terminal = (2 * votes).gt(members);
  result.eps_r = rewards.mean.squeeze(-1).var(0);
  result.eps_g = covariance_norm(torch::cat({states.mean, rewards.mean}, -1));
  result.unreliable = result.eps_g.ge(options.stop_threshold);
  result.eps_r = result.eps_r.clamp_max(options.uncertainty_clip);
  result.eps_g = result.eps_g.clamp_max(options.uncertainty_clip);
  const Tensor log_std = torch::cat({states.log_std, rewards.log_std}, -1);
  result.aleatoric = std::get<0>((2 * log_std).exp().norm(2, {-1}).max(0));
  if (options.clip_to_dataset) {
    result.next_state = torch::minimum(torch::maximum(result.next_state, state_low_), state_high_);
    result.reward = torch::minimum(torch::maximum(result.reward, reward_low_), reward_high_);
  }
  return result;
}

void WorldModel::set_precision(Precision precision) {
  labhost::set_precision(precision, {&next_state_, &reward_, &terminal_});
}

void WorldModel::set_box(const Tensor& state_low, const Tensor& state_high,
                         const Tensor& reward_low, const Tensor& reward_high) {
  state_low_ = state_low;
  state_high_ = state_high;
  reward_low_ = reward_low;
  reward_high_ = reward_high;
}

void WorldModel::set_scaling(const Scaling& input, const Scaling& next_state,
                             const Scaling& reward) {
  input_scaling_ = input;
  state_scaling_ = next_state;
  reward_scaling_ = reward;
}

void WorldModel::save(Archive& archive) const {
  archive.write("shape", torch::tensor({shape_.state_width, shape_.action_width, shape_.members,
                                        shape_.hidden, shape_.layers, shape_.terminal_layers,
                                        std::int64_t{shape_.difference}}));
  next_state_.save(archive, "next_state");
  reward_.save(archive, "reward");
  terminal_.save(archive, "terminal");
  archive.write("kept", kept_);
  for (const auto& [name, value] : constants(*this)) archive.write(name, *value);
}

void WorldModel::load(const Archive& archive) {
  next_state_.load(archive, "next_state");
  reward_.load(archive, "reward");
  terminal_.load(archive, "terminal");
  kept_ = archive.tensor("kept").to(device_);
  for (const auto& [name, value] : constants(*this)) *value = archive.tensor(name).to(device_);
}

WorldModel WorldModel::of_kept() const {
  WorldModelShape shape = shape_;
  shape.members = kept_.size(0);
  WorldModel model(shape, device_, /*overwritten:*/ at::detail::createCPUGenerator());
  model.next_state_.select_from(next_state_, kept_);
  model.reward_.select_from(reward_, kept_);
  model.terminal_.select_from(terminal_, kept_);
  model.set_box(state_low_, state_high_, reward_low_, reward_high_);
  model.set_scaling(input_scaling_, state_scaling_, reward_scaling_);
  model.set_precision(next_state_.precision());
  return model;
}

WorldModel WorldModel::restore(const Archive& archive, torch::Device device) {
  const Tensor sizes = archive.tensor("shape");
  const auto at = [&sizes](std::int64_t i) { return sizes[i].item<std::int64_t>(); };
  WorldModel all({at(0), at(1), at(2), at(3), at(4), at(5), at(6) != 0}, device,
                 /*overwritten:*/ at::detail::createCPUGenerator());
  all.load(archive);
  return all.of_kept();
}

Tensor covariance_norm(const Tensor& x) {
  const Tensor deviations = (x - x.mean(0, /*keepdim=*/true)).transpose(0, 1);  // [B, M, q + 1]
  const Tensor gram = torch::bmm(deviations, deviations.transpose(1, 2));       // [B, M, M]
  return gram.norm(2, {1, 2}) / static_cast<double>(x.size(0) - 1);
}

}  // namespace labhost
