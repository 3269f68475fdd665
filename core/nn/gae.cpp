#include "core/nn/gae.hpp"

namespace labhost {

Advantages generalised_advantages(const Tensor& reward, const Tensor& value,
                                  const Tensor& next_value, const Tensor& terminal,
                                  const Tensor& timeout, double discount, double lambda) {
  // A scalar recursion over time: plain arithmetic in double is both the fastest and the most
  // exact.
  const auto on_cpu = [](const Tensor& t) {
    return t.detach().to(torch::kCPU, torch::kFloat64).contiguous();
  };
  const Tensor r = on_cpu(reward), v = on_cpu(value), next = on_cpu(next_value);
  const Tensor ended = on_cpu(terminal), cut = on_cpu(timeout);
  const std::int64_t steps = r.size(0);
  Tensor returns = torch::empty({steps}, torch::kFloat64), advantages = torch::empty_like(returns);
  const double *reward_at = r.data_ptr<double>(), *value_at = v.data_ptr<double>(),
               *next_at = next.data_ptr<double>(), *ended_at = ended.data_ptr<double>(),
               *cut_at = cut.data_ptr<double>();
  double *return_at = returns.data_ptr<double>(), *advantage_at = advantages.data_ptr<double>();
  double running_return = 0, running_advantage = 0;
  for (std::int64_t t = steps - 1; t >= 0; --t) {
    const double mask = 1 - ended_at[t];
    const double goes_on = t == steps - 1 ? 0 : 1 - cut_at[t];
    const double bootstrap = next_at[t] * mask;
    running_return =
        reward_at[t] + discount * mask * (running_return * goes_on + (1 - goes_on) * bootstrap);
    const double delta = reward_at[t] + discount * bootstrap - value_at[t];
    running_advantage = delta + discount * lambda * running_advantage * mask * goes_on;
    return_at[t] = running_return;
    advantage_at[t] = running_advantage;
  }
  return {returns.to(reward.options()), advantages.to(reward.options())};
}

Tensor standardise(const Tensor& advantages) {
  return (advantages - advantages.mean()) / (advantages.std() + 1e-3);
}

}  // namespace labhost
