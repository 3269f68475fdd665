#include "core/nn/adam.hpp"

#include <cmath>

#include "core/nn/kernels.hpp"

namespace labhost {

namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;

/// The step in tensor operations, for devices other than the CPU. All [C, n]; scale [C, 1].
void adam_tensors(Tensor parameter, const Tensor& gradient, Tensor first, Tensor second,
                  const Tensor& scale, double step_size, double root_scale) {
  const Tensor g = gradient * scale;
  first.mul_(kBeta1).add_(g, 1.0 - kBeta1);
  second.mul_(kBeta2).addcmul_(g, g, 1.0 - kBeta2);
  parameter.addcdiv_(first, (second.sqrt() * root_scale).add_(kEpsilon), -step_size);
}

Tensor squared_norms(const Tensor& gradient) {  // [C, ...] -> [C]
  if (!gradient.is_cpu()) {
    return torch::linalg_vector_norm(gradient.flatten(1), 2, torch::IntArrayRef({1})).square();
  }
  const Tensor rows = gradient.contiguous();
  const std::int64_t copies = rows.size(0), size = rows.numel() / copies;
  Tensor squares = torch::empty({copies}, torch::kFloat64);
  AT_DISPATCH_FLOATING_TYPES(rows.scalar_type(), "squared_norms", [&] {
    for (std::int64_t c = 0; c < copies; ++c) {
      squares.data_ptr<double>()[c] =
          kernels::squared_norm(rows.data_ptr<scalar_t>() + c * size, size);
    }
  });
  return squares;
}

}  // namespace

Adam::Adam(std::vector<FlatModule*> modules, double learning_rate, Clip clip, double max_norm)
    : modules_(std::move(modules)),
      learning_rates_(modules_.size(), learning_rate),
      clip_(clip),
      max_norm_(max_norm) {
  for (const FlatModule* module : modules_) {
    first_.push_back(torch::zeros_like(module->flat()));
    second_.push_back(torch::zeros_like(module->flat()));
    parameters_.insert(parameters_.end(), module->parameters().begin(), module->parameters().end());
  }
}

std::vector<Tensor> Adam::scales(const std::vector<Tensor>& gradients) const {
  std::vector<Tensor> squares;  // [C] per module
  if (clip_ == Clip::kNone) {
    for (const FlatModule* module : modules_) {
      squares.push_back(torch::ones({module->copies()}, module->flat().options()));
    }
    return squares;
  }
  std::size_t next = 0;
  for (const FlatModule* module : modules_) {
    Tensor sum;
    for (std::size_t i = 0; i < module->parameters().size(); ++i) {
      const Tensor own = squared_norms(gradients[next++]);
      sum = sum.defined() ? sum + own : own;
    }
    squares.push_back(sum);
  }
  if (clip_ == Clip::kJointCopy || clip_ == Clip::kGlobal) {
    Tensor all = clip_ == Clip::kGlobal ? squares[0].sum() : squares[0];
    for (std::size_t i = 1; i < squares.size(); ++i) {
      all = all + (clip_ == Clip::kGlobal ? squares[i].sum() : squares[i]);
    }
    for (Tensor& square : squares) square = all.expand_as(square);
  }
  for (Tensor& square : squares) {
    square = (max_norm_ / (square.sqrt() + 1e-6)).clamp_max(1.0);
  }
  return squares;
}

void Adam::step_module(std::size_t module, const Tensor* gradients, const Tensor& scale,
                       double step_size, double root_scale) {
  const std::vector<Tensor>& parameters = modules_[module]->parameters();
  const std::int64_t copies = modules_[module]->copies();
  const Tensor factors = scale.to(torch::kCPU, torch::kFloat64).contiguous();
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const std::int64_t count = parameters[i].numel(), size = count / copies;
    const Tensor gradient = gradients[i].contiguous();
    Tensor target = parameters[i], first = first_[module].narrow(0, offset, count),
           second = second_[module].narrow(0, offset, count);
    offset += count;
    if (!target.is_cpu()) {
      adam_tensors(target.view({copies, size}), gradient.view({copies, size}),
                   first.view({copies, size}), second.view({copies, size}), scale.view({copies, 1}),
                   step_size, root_scale);
      continue;
    }
    AT_DISPATCH_FLOATING_TYPES(target.scalar_type(), "adam", [&] {
      for (std::int64_t c = 0; c < copies; ++c) {
        const std::int64_t at = c * size;
        kernels::adam(target.data_ptr<scalar_t>() + at, gradient.data_ptr<scalar_t>() + at,
                      first.data_ptr<scalar_t>() + at, second.data_ptr<scalar_t>() + at, size,
                      factors.data_ptr<double>()[c], step_size, root_scale);
      }
    });
  }
}

/// `gradients` of all parameters, in their order.
void Adam::step_on(const Tensor* gradients) {
  const torch::NoGradGuard no_grad;
  ++steps_;
  const auto t = static_cast<double>(steps_);
  const double root_scale = 1.0 / std::sqrt(1.0 - std::pow(kBeta2, t));
  const std::vector<Tensor> scale =
      scales(std::vector<Tensor>(gradients, gradients + parameters_.size()));
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    const double step_size = learning_rates_[i] / (1.0 - std::pow(kBeta1, t));
    step_module(i, gradients, scale[i], step_size, root_scale);
    gradients += modules_[i]->parameters().size();
  }
}

Tensor Adam::minimise(const Tensor& loss) { return labhost::minimise(loss, {this}); }

Tensor minimise(const Tensor& loss, const std::vector<Adam*>& optimisers) {
  std::vector<Tensor> parameters;
  for (const Adam* optimiser : optimisers) {
    if (optimiser == nullptr) continue;
    parameters.insert(parameters.end(), optimiser->parameters_.begin(),
                      optimiser->parameters_.end());
  }
  const std::vector<Tensor> gradients = torch::autograd::grad({loss}, parameters);
  const Tensor* next = gradients.data();
  for (Adam* optimiser : optimisers) {
    if (optimiser == nullptr) continue;
    optimiser->step_on(next);
    next += optimiser->parameters_.size();
  }
  return loss.detach();
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
