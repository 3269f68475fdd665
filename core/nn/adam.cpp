#include "core/nn/adam.hpp"

#include <cmath>

// The element-wise pass is compiled for several instruction sets and chosen when the library is
// loaded. Sanitizers do not support such functions.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LABHOST_CLONES \
  __attribute__((target_clones("default", "arch=haswell", "arch=skylake-avx512")))
#else
#define LABHOST_CLONES
#endif

namespace labhost {

namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;

/// One pass over memory: moments and parameters. `step_size` = rate / (1 - beta1^t),
/// `root_correction` = sqrt(1 - beta2^t), as PyTorch computes them.
LABHOST_CLONES void adam_pass(float* parameter, const float* gradient, float* first, float* second,
                              std::int64_t count, float step_size, float root_correction) {
  constexpr auto beta1 = static_cast<float>(kBeta1), beta2 = static_cast<float>(kBeta2);
  for (std::int64_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    const float m = first[i] * beta1 + (1.0F - beta1) * g;
    const float v = second[i] * beta2 + (1.0F - beta2) * g * g;
    first[i] = m;
    second[i] = v;
    parameter[i] -= step_size * m / (std::sqrt(v) / root_correction + static_cast<float>(kEpsilon));
  }
}

/// The same in tensor operations: other devices and types.
void adam_tensors(Tensor& parameter, const Tensor& gradient, Tensor& first, Tensor& second,
                  double step_size, double root_correction) {
  first.mul_(kBeta1).add_(gradient, 1.0 - kBeta1);
  second.mul_(kBeta2).addcmul_(gradient, gradient, 1.0 - kBeta2);
  parameter.addcdiv_(first, (second.sqrt() / root_correction).add_(kEpsilon), -step_size);
}

}  // namespace

Adam::Adam(std::vector<FlatModule*> modules, double learning_rate, Clip clip, double max_norm)
    : modules_(std::move(modules)),
      learning_rate_(learning_rate),
      clip_(clip),
      max_norm_(max_norm) {
  for (const FlatModule* module : modules_) {
    first_.push_back(torch::zeros_like(module->flat()));
    second_.push_back(torch::zeros_like(module->flat()));
  }
}

Tensor Adam::minimise(const Tensor& loss) {
  zero_gradient();
  loss.backward();
  step();
  return loss.detach();
}

void Adam::zero_gradient() {
  const torch::NoGradGuard no_grad;
  for (FlatModule* module : modules_) module->gradient().zero_();
}

void Adam::clip() {
  if (clip_ == Clip::kPerCopy) {
    for (FlatModule* module : modules_) {
      const Tensor norm = module->gradient().norm(2, {1}, /*keepdim=*/true);  // [C, 1]
      module->gradient().mul_((max_norm_ / (norm + 1e-6)).clamp_max_(1.0));
    }
  } else if (clip_ == Clip::kJointCopy || clip_ == Clip::kGlobal) {
    Tensor square;  // [C, 1] or a scalar
    for (FlatModule* module : modules_) {
      const Tensor own = clip_ == Clip::kGlobal ? module->gradient().square().sum()
                                                : module->gradient().square().sum(1, true);
      square = square.defined() ? square + own : own;
    }
    const Tensor scale = (max_norm_ / (square.sqrt() + 1e-6)).clamp_max_(1.0);
    for (FlatModule* module : modules_) module->gradient().mul_(scale);
  }
}

void Adam::step() {
  const torch::NoGradGuard no_grad;
  clip();
  ++steps_;
  const double step_size = learning_rate_ / (1.0 - std::pow(kBeta1, static_cast<double>(steps_)));
  const double root_correction = std::sqrt(1.0 - std::pow(kBeta2, static_cast<double>(steps_)));
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    Tensor& parameter = modules_[i]->flat();
    const Tensor& gradient = modules_[i]->gradient();
    if (parameter.is_cpu() && parameter.scalar_type() == torch::kFloat32) {
      adam_pass(parameter.data_ptr<float>(), gradient.data_ptr<float>(),
                first_[i].data_ptr<float>(), second_[i].data_ptr<float>(), parameter.numel(),
                static_cast<float>(step_size), static_cast<float>(root_correction));
    } else {
      adam_tensors(parameter, gradient, first_[i], second_[i], step_size, root_correction);
    }
  }
}

void Adam::save(Archive& archive, const std::string& name) const {
  archive.write(name + "/steps", steps_);
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    archive.write(name + "/first" + std::to_string(i), first_[i]);
    archive.write(name + "/second" + std::to_string(i), second_[i]);
  }
}

void Adam::load(const Archive& archive, const std::string& name) {
  steps_ = archive.integer(name + "/steps");
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    archive.read_into(name + "/first" + std::to_string(i), first_[i]);
    archive.read_into(name + "/second" + std::to_string(i), second_[i]);
  }
}

}  // namespace labhost
