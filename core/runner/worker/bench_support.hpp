// What the benchmarks of the worker share.
#pragma once

#include <algorithm>
#include <vector>

#include "core/base/process.hpp"
#include "core/sdk/logger.hpp"
#include "core/sdk/random.hpp"
#include "core/sdk/types.hpp"

namespace labhost {

class QuietLogger : public Logger {
 public:
  void info(const std::string&) override {}
  void warn(const std::string&) override {}
};

/// Seconds of one call.
template <typename Call>
double seconds_of(Call call) {
  const double begun = now_seconds();
  call();
  return now_seconds() - begun;
}

inline double median(std::vector<double> samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

/// Random rows in the task's shapes, cut by a timeout after every `episode` of them. Discrete
/// actions are all the first choice.
inline Transitions random_transitions(const TaskSpec& task, std::int64_t rows,
                                      std::int64_t episode) {
  at::Generator generator = Streams(1).get("data");
  Transitions data;
  data.state = torch::randn({rows, task.state_width}, generator);
  data.action = 1.8 * torch::rand({rows, task.joint_width()}, generator) - 0.9;
  if (task.discrete()) data.action.zero_();
  data.reward = torch::randn({rows}, generator);
  data.next_state = torch::randn({rows, task.state_width}, generator);
  data.timeout = torch::arange(1, rows + 1).remainder(episode).eq(0);
  data.terminal = torch::zeros({rows}, torch::kBool);
  return data;
}

}  // namespace labhost
