#include "core/nn/flat_module.hpp"

namespace labhost {

FlatModule::FlatModule(std::int64_t copies, const std::vector<std::vector<std::int64_t>>& shapes,
                       torch::Device device)
    : copies_(copies) {
  std::int64_t size = 0;
  for (const auto& shape : shapes) size += copies * c10::multiply_integers(shape);
  flat_ = torch::zeros({size}, device);
  std::int64_t offset = 0;
  for (const auto& shape : shapes) {
    std::vector<std::int64_t> whole = {copies};
    whole.insert(whole.end(), shape.begin(), shape.end());
    const std::int64_t count = c10::multiply_integers(whole);
    // detach() makes an autograd leaf that shares the buffer.
    parameters_.push_back(flat_.narrow(0, offset, count).view(whole).detach().requires_grad_());
    offset += count;
  }
}

void FlatModule::copy_from(const FlatModule& other) {
  const torch::NoGradGuard no_grad;
  flat_.copy_(other.flat_);
}

void FlatModule::polyak(const FlatModule& online, double rate) {
  const torch::NoGradGuard no_grad;
  flat_.lerp_(online.flat_, rate);
}

void FlatModule::select_from(const FlatModule& other, const Tensor& index) {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Tensor target = parameters_[i];
    target.copy_(other.parameters_[i].index_select(0, index));
  }
}

}  // namespace labhost
