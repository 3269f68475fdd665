// Mini-batches: uniform with replacement, one index_select per field.
#pragma once

#include "core/sdk/types.hpp"

namespace labhost {

struct Batch {
  Tensor state, action, reward, next_state;  ///< [B, S], [B, W], [B], [B, S]
  Tensor mask;                               ///< [B]: 0 where terminal, else 1
  Tensor rows = {};                          ///< [B] of the dataset, int64: for histories
};

class LABHOST_API Sampler {
 public:
  /// `data` must outlive the sampler and stay on its device. `reward_scale` multiplies rewards.
  Sampler(const Transitions& data, std::int64_t batch_size, at::Generator generator,
          double reward_scale = 1.0);
  Batch draw() { return at(draw_rows(data_.size())); }
  /// As many uniform draws from [0, count) as a batch has rows: int64 [B].
  Tensor draw_rows(std::int64_t count);
  /// The transitions of these rows.
  Batch at(const Tensor& rows) const;

 private:
  const Transitions& data_;
  Tensor mask_, reward_;
  std::int64_t batch_size_;
  at::Generator generator_;
};

/// 1000 / (best - worst trajectory return), the reward scale of the official IQL; an unfinished
/// last trajectory counts as one.
LABHOST_API double iql_reward_scale(const Transitions& data);

}  // namespace labhost
