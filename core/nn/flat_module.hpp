// Networks as one buffer.
//
// A FlatModule holds C independent copies of a network (one per agent, per critic, per ensemble
// member). Its parameters are [C, ...] tensors, one after the other in one contiguous buffer: the
// copies run as one batched matrix product, and a Polyak average or a checkpoint is one pass over
// memory.
#pragma once

#include <string>
#include <vector>

#include "core/nn/stateful.hpp"
#include "core/sdk/types.hpp"

namespace labhost {

class LABHOST_API FlatModule : public Stateful {
 public:
  FlatModule(const FlatModule&) = delete;  // views would point into the other's buffer
  FlatModule& operator=(const FlatModule&) = delete;
  FlatModule(FlatModule&&) = default;

  std::int64_t copies() const { return copies_; }
  /// All parameters, one after the other [P]. Change them in place only, without autograd.
  Tensor& flat() { return flat_; }
  const Tensor& flat() const { return flat_; }
  /// Parameter tensors as autograd leaves, each [C, ...], in the order of the shapes.
  const std::vector<Tensor>& parameters() const { return parameters_; }

  /// this = other, and this += rate * (other - this): target networks.
  void copy_from(const FlatModule& other);
  void polyak(const FlatModule& online, double rate);
  /// Copy c of this = copy `index[c]` of other.
  void select_from(const FlatModule& other, const Tensor& index);

  void save(Archive& archive, const std::string& name) const override {
    archive.write(name, flat_);
  }
  void load(const Archive& archive, const std::string& name) override {
    archive.read_into(name, flat_);
  }

 protected:
  /// `shapes` are those of one copy's parameters.
  FlatModule(std::int64_t copies, const std::vector<std::vector<std::int64_t>>& shapes,
             torch::Device device);

 private:
  std::int64_t copies_;
  Tensor flat_;
  std::vector<Tensor> parameters_;
};

}  // namespace labhost
