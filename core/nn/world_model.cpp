#include "core/nn/world_model.hpp"

#include <ATen/CPUGeneratorImpl.h>

#include <limits>

namespace labhost {

namespace {

constexpr double kMinLogStd = -6, kMaxLogStd = 2;  // released code
constexpr double kActionMargin = 1e-5;             // released code

WorldModel::Gaussians split(const Tensor& output) {
  const std::int64_t width = output.size(-1) / 2;
  return {output.narrow(-1, 0, width),
          output.narrow(-1, width, width).clamp(kMinLogStd, kMaxLogStd)};
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
}

Tensor WorldModel::input(const Tensor& state, const Tensor& encoded_action, bool discrete) {
  const Tensor action =
      discrete ? encoded_action : encoded_action.clamp(-1 + kActionMargin, 1 - kActionMargin);
  return torch::cat({state, action}, -1);
}

WorldModel::Gaussians WorldModel::next_state(const Tensor& input) const {
  return split(next_state_.forward(input));
}

WorldModel::Gaussians WorldModel::reward(const Tensor& input) const {
  return split(reward_.forward(input));
}

Tensor WorldModel::terminal_logit(const Tensor& input) const {
  return terminal_.forward(input).squeeze(-1);
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

void WorldModel::set_box(const Tensor& state_low, const Tensor& state_high,
                         const Tensor& reward_low, const Tensor& reward_high) {
  state_low_ = state_low;
  state_high_ = state_high;
  reward_low_ = reward_low;
  reward_high_ = reward_high;
}

void WorldModel::save(Archive& archive) const {
  archive.write("shape", torch::tensor({shape_.state_width, shape_.action_width, shape_.members,
                                        shape_.hidden, shape_.layers, shape_.terminal_layers}));
  next_state_.save(archive, "next_state");
  reward_.save(archive, "reward");
  terminal_.save(archive, "terminal");
  archive.write("kept", kept_);
  archive.write("box/state_low", state_low_);
  archive.write("box/state_high", state_high_);
  archive.write("box/reward_low", reward_low_);
  archive.write("box/reward_high", reward_high_);
}

void WorldModel::load(const Archive& archive) {
  next_state_.load(archive, "next_state");
  reward_.load(archive, "reward");
  terminal_.load(archive, "terminal");
  kept_ = archive.tensor("kept").to(device_);
  load_box(archive);
}

void WorldModel::load_box(const Archive& archive) {
  archive.read_into("box/state_low", state_low_);
  archive.read_into("box/state_high", state_high_);
  archive.read_into("box/reward_low", reward_low_);
  archive.read_into("box/reward_high", reward_high_);
}

WorldModel WorldModel::restore(const Archive& archive, torch::Device device) {
  const Tensor sizes = archive.tensor("shape"), kept = archive.tensor("kept");
  const auto at = [&sizes](std::int64_t i) { return sizes[i].item<std::int64_t>(); };
  at::Generator overwritten = at::detail::createCPUGenerator();
  WorldModel model({at(0), at(1), kept.size(0), at(3), at(4), at(5)}, device, overwritten);
  WorldModel all({at(0), at(1), at(2), at(3), at(4), at(5)}, device, overwritten);
  all.load(archive);
  model.next_state_.select_from(all.next_state_, all.kept_);
  model.reward_.select_from(all.reward_, all.kept_);
  model.terminal_.select_from(all.terminal_, all.kept_);
  model.load_box(archive);
  return model;
}

Tensor covariance_norm(const Tensor& x) {
  const Tensor deviations = (x - x.mean(0, /*keepdim=*/true)).transpose(0, 1);  // [B, M, q + 1]
  const Tensor gram = torch::bmm(deviations, deviations.transpose(1, 2));       // [B, M, M]
  return gram.norm(2, {1, 2}) / static_cast<double>(x.size(0) - 1);
}

}  // namespace labhost
