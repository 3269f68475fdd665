#include "core/datasets/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace labhost {

Episodes find_episodes(const D4rlRecord& record, std::int64_t horizon) {
  const Tensor rewards = record.reward.to(torch::kFloat64).contiguous();
  const double* reward = rewards.data_ptr<double>();
  const bool* terminal = record.terminal.data_ptr<bool>();
  const bool* timeout = record.timeout.data_ptr<bool>();
  Episodes found;
  double sum = 0, lengths = 0;
  std::int64_t length = 0;
  const std::int64_t rows = rewards.size(0);
  for (std::int64_t row = 0; row < rows; ++row) {
    sum += reward[row];
    ++length;
    if (!terminal[row] && !timeout[row]) continue;
    if (terminal[row] || length >= horizon) {
      found.returns.push_back(sum);
      lengths += static_cast<double>(length);
    } else {
      ++found.cut;
      if (row + 1 == rows) found.tail_steps = length;
    }
    sum = 0;
    length = 0;
  }
  if (!found.returns.empty())
    found.length_mean = lengths / static_cast<double>(found.returns.size());
  return found;
}

Summary summarise(std::vector<double> values) {
  if (values.empty()) throw std::invalid_argument("summarise: no values");
  std::sort(values.begin(), values.end());
  const std::size_t count = values.size();
  Summary summary;
  summary.min = values.front();
  summary.max = values.back();
  summary.median = (values[(count - 1) / 2] + values[count / 2]) / 2;
  for (const double value : values) summary.mean += value / static_cast<double>(count);
  double squares = 0;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  summary.deviation = std::sqrt(squares / static_cast<double>(count));
  return summary;
}

double share_at_bounds(const Tensor& action) {
  return action.abs().ge(1).to(torch::kFloat64).mean().item<double>();
}

}  // namespace labhost
