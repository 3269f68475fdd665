// Policy files: a team that was written acts as the one that wrote it, on its own task only.
#include "core/nn/team_file.hpp"

#include <doctest/doctest.h>

namespace labhost {

namespace {

/// Two agents with different views and one and two action components.
TaskSpec uneven_task() {
  TaskSpec task;
  task.name = "uneven";
  task.state_width = 4;
  task.horizon = 5;
  task.agents = {{"a", {0, 1, 2, 3}, {/*discrete=*/false, 1}}, {"b", {3, 1}, {false, 2}}};
  task.state_scale = {1, 2, 0.5, 4};
  return task;
}

TeamPolicy new_team(const TaskSpec& task, Distribution distribution) {
  return {task, distribution, task.observation_width(),
          16,   torch::kCPU,  Streams(3).get("networks")};
}

Tensor actions(Policy& policy, const Tensor& state) {
  const Tensor all = torch::arange(state.size(0), torch::kLong);
  policy.begin(all);
  return policy.act(all, state);
}

}  // namespace

TEST_CASE("a team from its file acts as before: both distributions, greedy and sampled, scaled") {
  const TaskSpec task = uneven_task();
  const Tensor state = torch::randn({7, 4}, Streams(1).get("states"));
  for (const Distribution distribution :
       {Distribution::kGaussian, Distribution::kSquashedGaussian}) {
    for (const bool scaled : {false, true}) {
      for (const bool greedy : {false, true}) {
        const TeamPolicy network = new_team(task, distribution);
        MemorylessPolicy own(ScaledObserver(task, torch::kCPU, scaled), network, torch::kCPU,
                             greedy, Streams(2).get("draws"));
        const TensorFile file =
            TensorFile::from_bytes(team_file(task, network, scaled).to_bytes(), "memory");
        const auto read = team_from_file(file, "memory", task, greedy, Streams(2).get("draws"));
        CHECK(actions(*read, state).equal(actions(own, state)));
      }
    }
  }
}

TEST_CASE("a centralised team plays the task of several agents") {
  const TaskSpec task = uneven_task();
  const TaskSpec one = centralised(task);
  const TeamPolicy network = new_team(one, Distribution::kSquashedGaussian);
  const auto read =
      team_from_file(team_file(one, network, false), "memory", task, true, at::Generator());
  const Tensor state = torch::randn({3, 4}, Streams(1).get("states"));
  CHECK(actions(*read, state).equal(network.greedy(state.unsqueeze(0))));
}

TEST_CASE("a policy file that does not suit is refused with what was expected and found") {
  const TaskSpec task = uneven_task();
  const TensorFile file = team_file(task, new_team(task, Distribution::kGaussian), false);
  const auto check_refused = [&](const TensorFile& changed, const TaskSpec& wanted,
                                 const char* reason) {
    CHECK_THROWS_WITH_AS(team_from_file(changed, "t.safetensors", wanted, true, at::Generator()),
                         doctest::Contains(reason), InputError);
  };
  TaskSpec other = task;
  other.name = "reacher";
  check_refused(file, other, "t.safetensors: expected a team with task reacher, found uneven");
  other = task;
  other.agents[1].action.size = 3;
  check_refused(file, other, "expected a team with joint action width 4, found 3");

  TensorFile changed = file;
  changed.metadata.clear();
  check_refused(changed, task, "expected a team of policies");
  changed.metadata["labhost.team"] = "{";
  check_refused(changed, task, "not readable");
  changed.metadata["labhost.team"] = R"({"version": 2})";
  check_refused(changed, task, "its team has version 2, this labhost reads version 1");

  // What a file says must not make us allocate what it does not hold.
  const auto said = [&file](const std::string& from, const std::string& to) {
    TensorFile altered = file;
    std::string& text = altered.metadata["labhost.team"];
    REQUIRE(text.find(from) != std::string::npos);
    text.replace(text.find(from), from.size(), to);
    return altered;
  };
  check_refused(said("\"hidden\":16", "\"hidden\":65536"), task, "expected [65536, 4]");
  check_refused(said("\"hidden\":16", "\"hidden\":16.5"), task,
                "expected a whole number, found 16.5");
  check_refused(said("\"layers\":2", "\"layers\":3"), task, "expected two hidden layers");
  check_refused(said("\"action_size\":1", "\"action_size\":9223372036854775807"), task,
                "moves 9223372036854775807 components, the task has 3");

  changed = file;
  changed.tensors.erase("agent.1.layer.2.bias");
  check_refused(changed, task, "expected a tensor 'agent.1.layer.2.bias'");
  changed = file;
  changed.tensors["agent.0.layer.0.weight"] = torch::zeros({16, 3});
  check_refused(changed, task, "has shape [16, 3], expected [16, 4]");
  changed = file;
  changed.tensors["agent.0.layer.0.bias"] = torch::full({16}, std::nan(""));
  check_refused(changed, task, "not finite");
}

TEST_CASE("half precision changes actions by little") {
  const TaskSpec task = uneven_task();
  const TeamPolicy network = new_team(task, Distribution::kSquashedGaussian);
  TensorFile file = team_file(task, network, true);
  for (auto& [name, tensor] : file.tensors) tensor = tensor.to(torch::kFloat16);
  const auto half = team_from_file(file, "half", task, true, at::Generator());
  const auto whole =
      team_from_file(team_file(task, network, true), "whole", task, true, at::Generator());
  const Tensor state = torch::randn({50, 4}, Streams(1).get("states"));
  const Tensor gap = (actions(*half, state) - actions(*whole, state)).abs();
  CHECK(gap.max().item<double>() > 0);
  CHECK(gap.max().item<double>() < 2e-3);
}

}  // namespace labhost
