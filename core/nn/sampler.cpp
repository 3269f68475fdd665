#include "core/nn/sampler.hpp"

#include <algorithm>
#include <limits>

namespace labhost {

Sampler::Sampler(const Transitions& data, std::int64_t batch_size, at::Generator generator,
                 double reward_scale)
    : data_(data),
      mask_(data.terminal.logical_not().to(data.reward.scalar_type())),
      reward_(data.reward * reward_scale),
      batch_size_(batch_size),
      generator_(std::move(generator)) {}

Tensor Sampler::draw_rows(std::int64_t count) {
  return torch::randint(count, {batch_size_}, generator_, torch::kLong).to(data_.state.device());
}

Batch Sampler::at(const Tensor& rows) const {
  return {data_.state.index_select(0, rows), data_.action.index_select(0, rows),
          reward_.index_select(0, rows),     data_.next_state.index_select(0, rows),
          mask_.index_select(0, rows),       rows};
}

double iql_reward_scale(const Transitions& data) {
  const Tensor reward = data.reward.to(torch::kCPU, torch::kFloat64).contiguous();
  const Tensor end = (data.terminal | data.timeout).to(torch::kCPU).contiguous();
  double best = -std::numeric_limits<double>::infinity(), worst = -best, sum = 0;
  for (std::int64_t t = 0; t < data.size(); ++t) {
    sum += reward.data_ptr<double>()[t];
    if (!end.data_ptr<bool>()[t] && t + 1 < data.size()) continue;
    best = std::max(best, sum);
    worst = std::min(worst, sum);
    sum = 0;
  }
  if (!(best > worst)) {
    throw InputError("rewards cannot be scaled by returns: all trajectories have the same return");
  }
  return 1000.0 / (best - worst);
}

}  // namespace labhost
