// Joint actions [B, W] as one slice per agent [N, B, A], and back.
#pragma once

#include "core/sdk/types.hpp"

namespace labhost {

class LABHOST_API ActionLayout {
 public:
  explicit ActionLayout(const TaskSpec& task);

  bool discrete() const { return discrete_; }
  /// [B, W] -> [N, B, A]: components (A the widest agent's, padded with zeros) or indices (A = 1).
  Tensor split(const Tensor& joint) const;
  /// [N, B, A] -> [B, W]
  Tensor merge(const Tensor& own) const;
  /// 1 where component or choice a of agent i exists, else 0: [N, 1, size]. Undefined when all
  /// exist.
  const Tensor& mask() const { return mask_; }
  /// How many components or choices each agent has [N].
  Tensor sizes() const { return sizes_; }

 private:
  std::int64_t agents_, columns_;
  bool discrete_, equal_;
  Tensor gather_;   // [N * A] into the joint action with one zero column appended
  Tensor scatter_;  // [W] into the flattened [N * A]
  Tensor mask_;
  Tensor sizes_;  // [N]
};

}  // namespace labhost
