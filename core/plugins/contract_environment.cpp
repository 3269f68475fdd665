// What an environment promises.
#include <cmath>

#include "core/base/process.hpp"
#include "core/plugins/contract_parts.hpp"
#include "core/sdk/random.hpp"

namespace labhost {

namespace {

constexpr std::int64_t kSeed = 7;

/// Random actions of `task` for `copies`.
Tensor random_actions(const TaskSpec& task, std::int64_t copies, at::Generator generator) {
  std::vector<Tensor> columns;
  for (const AgentSpec& agent : task.agents) {
    if (agent.action.discrete) {
      columns.push_back(
          torch::randint(agent.action.size, {copies, 1}, generator).to(torch::get_default_dtype()));
    } else {
      columns.push_back(torch::rand({copies, agent.action.size}, generator) * 2 - 1);
    }
  }
  return torch::cat(columns, 1);
}

/// All rewards and states of a few random steps, as one tensor.
Tensor trace(Environment& environment, std::int64_t copies, std::int64_t steps) {
  const TaskSpec& task = environment.task();
  at::Generator generator = Streams(kSeed).get("actions");
  Tensor active = torch::arange(copies);
  std::vector<Tensor> parts = {environment.reset(active).flatten()};
  for (std::int64_t t = 0; t < steps && active.size(0) > 0; ++t) {
    const StepResult step =
        environment.step(active, random_actions(task, active.size(0), generator));
    require(step.next_state.sizes() == torch::IntArrayRef({active.size(0), task.state_width}),
            "next_state has another shape");
    require(step.reward.dim() == 1 && step.terminal.scalar_type() == torch::kBool &&
                step.timeout.scalar_type() == torch::kBool,
            "reward, terminal or timeout has another shape or type");
    parts.push_back(step.next_state.flatten());
    parts.push_back(step.reward);
    active =
        active.index_select(0, (step.terminal | step.timeout).logical_not().nonzero().squeeze(1));
  }
  return torch::cat(parts);
}

}  // namespace

std::vector<Property> check_environment(const EnvironmentMaker& make) {
  std::vector<Property> results;
  constexpr std::int64_t kCopies = 5;
  results.push_back(property("its task is consistent", [&] {
    const auto environment = make(1, 1);
    environment->task().validate();
    return environment->task().name;
  }));
  if (!results.back().holds) return results;
  results.push_back(property("same seed, same bits, at one thread and at two", [&] {
    const Tensor once = trace(*make(kCopies, 1), kCopies, 20);
    require(torch::equal(once, trace(*make(kCopies, 1), kCopies, 20)), "a second run differs");
    require(torch::equal(once, trace(*make(kCopies, 2), kCopies, 20)), "two threads differ");
    return std::string();
  }));
  results.push_back(property("episodes end at the horizon at the latest", [&] {
    const auto environment = make(kCopies, 1);
    const TaskSpec& task = environment->task();
    at::Generator generator = Streams(kSeed).get("actions");
    Tensor active = torch::arange(kCopies);
    environment->reset(active);
    std::int64_t steps = 0;
    for (; active.size(0) > 0 && steps <= task.horizon; ++steps) {
      const StepResult step =
          environment->step(active, random_actions(task, active.size(0), generator));
      const Tensor ended = step.terminal | step.timeout;
      active = active.index_select(0, ended.logical_not().nonzero().squeeze(1));
    }
    require(active.size(0) == 0, "an episode is longer than the horizon");
    return "longest " + std::to_string(steps);
  }));
  results.push_back(property("placed into a state, it steps repeatably", [&] {
    const auto environment = make(kCopies, 1);
    at::Generator generator = Streams(kSeed).get("actions");
    const Tensor all = torch::arange(kCopies);
    const Tensor state = environment->reset(all);
    const Tensor action = random_actions(environment->task(), kCopies, generator);
    std::vector<Tensor> seen;
    for (int time = 0; time < 2; ++time) {
      environment->set_state(all, state);
      const StepResult step = environment->step(all, action);
      seen.push_back(torch::cat({step.next_state.flatten(), step.reward}));
    }
    require(torch::equal(seen[0], seen[1]), "the same action from the same state leads elsewhere");
    return std::string();
  }));
  results.push_back(property("saved and loaded, it goes on with the same bits", [&] {
    const auto whole = make(kCopies, 1), second = make(kCopies, 1);
    trace(*whole, kCopies, 3);
    Archive archive;
    whole->save(archive, "environment");
    second->load(archive, "environment");
    require(torch::equal(trace(*whole, kCopies, 5), trace(*second, kCopies, 5)), "steps differ");
    return std::string();
  }));
  results.push_back(property("another instance beside it changes nothing", [&] {
    const Tensor alone = trace(*make(kCopies, 1), kCopies, 20);
    const auto environment = make(kCopies, 1), other = make(kCopies, 1);
    trace(*other, kCopies, 7);
    require(torch::equal(alone, trace(*environment, kCopies, 20)),
            "its steps depend on another instance: it keeps static state");
    return std::string();
  }));
  results.push_back(property("an action that is not a number neither crashes it nor goes on", [&] {
    const auto environment = make(1, 1);
    if (environment->task().discrete()) return std::string("its actions are choices");
    const Tensor one = torch::arange(1);
    environment->reset(one);
    const Tensor action = torch::full({1, environment->task().joint_width()}, NAN);
    StepResult step;
    try {
      step = environment->step(one, action);
    } catch (const std::exception& error) {
      return "refused: " + std::string(error.what());
    }
    const bool finite = torch::isfinite(step.next_state).all().item<bool>() &&
                        torch::isfinite(step.reward).all().item<bool>();
    require(finite || (step.terminal | step.timeout).all().item<bool>(),
            "a state or reward that is not finite goes on; throw, or end the episode");
    return std::string(finite ? "the step stays finite" : "it ends the episode");
  }));
  results.push_back(property("it leaves no thread behind", [&] {
    trace(*make(kCopies, 2), kCopies, 5);
    const std::int64_t before = thread_count();
    trace(*make(kCopies, 2), kCopies, 5);
    require_no_more_threads(before);
    return std::string();
  }));
  results.push_back(property("time of a step of 64 copies", [&] {
    const auto environment = make(64, 1);
    trace(*environment, 64, 2);
    const double started = now_seconds();
    trace(*environment, 64, 10);
    return std::to_string((now_seconds() - started) * 100) + " ms";
  }));
  return results;
}

}  // namespace labhost
