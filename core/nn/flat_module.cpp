#include "core/nn/flat_module.hpp"

namespace labhost {

FlatModule::FlatModule(std::int64_t copies, const std::vector<std::vector<std::int64_t>>& shapes,
                       torch::Device device) {
  std::int64_t size = 0;
  for (const auto& shape : shapes) size += c10::multiply_integers(shape);
  flat_ = torch::zeros({copies, size}, device);
  gradient_ = torch::zeros({copies, size}, device);
  std::int64_t offset = 0;
  for (const auto& shape : shapes) {
    const std::int64_t count = c10::multiply_integers(shape);
    std::vector<std::int64_t> whole = {copies};
    whole.insert(whole.end(), shape.begin(), shape.end());
    // detach() makes an autograd leaf that shares the buffer; its gradient is placed in the
    // gradient buffer beforehand, so that backward() accumulates there instead of allocating.
    Tensor leaf = flat_.narrow(1, offset, count).view(whole).detach().requires_grad_();
    leaf.mutable_grad() = gradient_.narrow(1, offset, count).view(whole);
    parameters_.push_back(leaf);
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

}  // namespace labhost
