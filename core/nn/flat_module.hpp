// Networks as one tensor.
//
// A FlatModule holds C independent copies of a network (one per agent, per critic, per ensemble
// member). All parameters of copy c are row c of one matrix; the layers are views into it. So the
// copies run as one batched matrix product, and an Adam step, a gradient norm per copy, a Polyak
// average, a checkpoint are each one pass over contiguous memory.
#pragma once

#include <string>
#include <vector>

#include "core/sdk/archive.hpp"
#include "core/sdk/types.hpp"

namespace labhost {

class LABHOST_API FlatModule {
 public:
  virtual ~FlatModule() = default;
  FlatModule(const FlatModule&) = delete;  // views would point into the other's buffer
  FlatModule& operator=(const FlatModule&) = delete;
  FlatModule(FlatModule&&) = default;

  std::int64_t copies() const { return flat_.size(0); }
  /// All parameters [C, P]. Change them in place only, without autograd.
  Tensor& flat() { return flat_; }
  const Tensor& flat() const { return flat_; }
  /// Their gradients [C, P]: backward() accumulates into it.
  Tensor& gradient() { return gradient_; }
  /// Parameter tensors as autograd leaves, each [C, ...], in the order of the shapes.
  const std::vector<Tensor>& parameters() const { return parameters_; }

  /// this = other, and this += rate * (other - this): target networks.
  void copy_from(const FlatModule& other);
  void polyak(const FlatModule& online, double rate);

  void save(Archive& archive, const std::string& name) const { archive.write(name, flat_); }
  void load(const Archive& archive, const std::string& name) { archive.read_into(name, flat_); }

 protected:
  /// `shapes` are those of one copy's parameters.
  FlatModule(std::int64_t copies, const std::vector<std::vector<std::int64_t>>& shapes,
             torch::Device device);

 private:
  Tensor flat_, gradient_;
  std::vector<Tensor> parameters_;
};

}  // namespace labhost
