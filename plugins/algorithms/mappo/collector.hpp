// Interaction: all copies of the simulator, stepped together with the current stochastic policies.
// C copies, T steps per copy, N agents, S state, W joint action.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/nn/policy.hpp"
#include "core/sdk/algorithm.hpp"

namespace labhost::mappo {

struct CollectorOptions {
  std::int64_t copies = 1, steps = 1;  ///< C, T
  /// One of Environment::measure(); where it has the other sign than `preferred_sign`, its
  /// magnitude lowers the reward. Empty: none.
  std::string preferred_measure;
  double preferred_sign = 1;
};

/// C T transitions, one copy after the other, each in the order of time. A copy's last transition
/// has timeout set, because the next row is another copy's.
struct Collected {
  Tensor state, next_state;              ///< [C T, S]
  Tensor action, log_prob;               ///< [C T, W], [N, C T]
  Tensor reward;                         ///< [C T], with the preference
  Tensor terminal, timeout;              ///< [C T] bool
  std::vector<double> finished_returns;  ///< of episodes that ended meanwhile, without it
};

class Collector {
 public:
  using MakeEnvironment =
      std::function<std::unique_ptr<Environment>(std::int64_t copies, const std::string& stream)>;

  Collector(const TaskSpec& task, CollectorOptions options, const MakeEnvironment& make,
            torch::Device device)
      : options_(std::move(options)),
        device_(device),
        environment_(make(options_.copies, "environment")),
        all_(torch::arange(options_.copies, torch::kLong)),
        state_(environment_->reset(all_)),
        returns_(torch::zeros({options_.copies}, torch::kFloat64)) {
    require_measure(task);
  }

  std::int64_t transitions() const { return options_.copies * options_.steps; }
  std::int64_t faults() const { return environment_->faults(); }

  /// Goes on where the last call stopped. `preference` weighs the preferred measure.
  Collected collect(const TeamPolicy& policy, const ScaledObserver& see, at::Generator generator,
                    double preference) {
    const torch::NoGradGuard no_grad;
    Collected result;
    std::vector<Tensor> states, next_states, actions, log_probs, rewards, terminals, timeouts;
    for (std::int64_t t = 0; t < options_.steps; ++t) {
      const Tensor state = state_.to(device_);
      const TeamPolicy::Sample drawn = policy.sample(see(state), generator);
      const StepResult step = environment_->step(all_, drawn.action.to(torch::kCPU));
      states.push_back(state);
      next_states.push_back(step.next_state.to(device_));
      actions.push_back(drawn.action);
      log_probs.push_back(drawn.log_prob);
      rewards.push_back((step.reward - preference * unwanted(step.next_state)).to(device_));
      terminals.push_back(step.terminal.to(device_));
      const bool last = t + 1 == options_.steps;
      timeouts.push_back((last ? torch::ones_like(step.timeout) : step.timeout).to(device_));
      advance(step, result.finished_returns);
    }
    const auto by_copy = [](const std::vector<Tensor>& parts) {  // T x [C, ..] -> [C T, ..]
      return torch::stack(parts, 1).flatten(0, 1);
    };
    result.state = by_copy(states);
    result.next_state = by_copy(next_states);
    result.action = by_copy(actions);
    result.log_prob = torch::stack(log_probs, 2).flatten(1, 2);  // T x [N, C] -> [N, C T]
    result.reward = by_copy(rewards);
    result.terminal = by_copy(terminals);
    result.timeout = by_copy(timeouts);
    return result;
  }

  void save(Archive& archive, const std::string& prefix) const {
    archive.write(prefix + "/state", state_);
    archive.write(prefix + "/returns", returns_);
    environment_->save(archive, prefix + "/environment");
  }
  void load(const Archive& archive, const std::string& prefix) {
    archive.read_into(prefix + "/state", state_);
    archive.read_into(prefix + "/returns", returns_);
    environment_->load(archive, prefix + "/environment");
  }

 private:
  /// Books the step; new episodes begin where it ended one.
  void advance(const StepResult& step, std::vector<double>& finished) {
    returns_ += step.reward;
    state_ = step.next_state.clone();
    const Tensor ended = (step.terminal | step.timeout).nonzero().squeeze(1);
    if (ended.size(0) == 0) return;
    const Tensor values = returns_.index_select(0, ended);
    finished.insert(finished.end(), values.data_ptr<double>(),
                    values.data_ptr<double>() + values.size(0));
    returns_.index_fill_(0, ended, 0);
    state_.index_copy_(0, ended, environment_->reset(ended));
  }

  /// max(0, -sign x measure) of states [C, S]; 0 without a preference.
  Tensor unwanted(const Tensor& state) const {
    for (const auto& [name, value] : environment_->measure(state)) {
      if (name == options_.preferred_measure) {
        return (-options_.preferred_sign * value).clamp_min(0);
      }
    }
    return torch::zeros({state.size(0)});
  }

  void require_measure(const TaskSpec& task) const {
    if (options_.preferred_measure.empty()) return;
    std::string known;
    for (const auto& [name, value] : environment_->measure(state_)) {
      if (name == options_.preferred_measure) return;
      known += (known.empty() ? "" : ", ") + name;
    }
    throw InputError("mappo: preferred_measure is '" + options_.preferred_measure +
                     "', but task '" + task.name + "' has " +
                     (known.empty() ? "no measures" : "these measures: " + known));
  }

  CollectorOptions options_;
  torch::Device device_;
  std::unique_ptr<Environment> environment_;
  Tensor all_;      // [C]
  Tensor state_;    // [C, S] in which the next actions are chosen
  Tensor returns_;  // [C] of the running episodes
};

}  // namespace labhost::mappo
