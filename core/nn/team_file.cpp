#include "core/nn/team_file.hpp"

#include <nlohmann/json.hpp>

namespace labhost {

namespace {

using nlohmann::json;

constexpr const char* kTeam = "labhost.team";
constexpr int kVersion = 1;

std::string layer_name(std::int64_t agent, std::int64_t layer, const char* part) {
  return "agent." + std::to_string(agent) + ".layer." + std::to_string(layer) + "." + part;
}

const char* to_string(Distribution distribution) {
  switch (distribution) {
    case Distribution::kGaussian:
      return "gaussian";
    case Distribution::kSquashedGaussian:
      return "squashed-gaussian";
    case Distribution::kCategorical:
      return "categorical";
  }
  return "unknown";
}

json describe(const TaskSpec& task, const TeamPolicy& network, bool scaled) {
  json agents = json::array();
  for (const AgentSpec& agent : task.agents) {
    agents.push_back(
        {{"name", agent.name}, {"observes", agent.observes}, {"action_size", agent.action.size}});
  }
  return {{"version", kVersion},
          {"task", task.name},
          {"state_width", task.state_width},
          {"state_scale", scaled ? task.state_scale : std::vector<double>()},
          {"distribution", to_string(network.distribution())},
          {"hidden", network.shape().hidden},
          {"layers", network.shape().layers},
          {"agents", std::move(agents)}};
}

/// What a file says of its team.
struct Description {
  TaskSpec task;  // as the team sees it
  Distribution distribution = Distribution::kGaussian;
  MlpShape shape;
};

[[noreturn]] void refuse(const std::string& where, const std::string& reason) {
  throw InputError(where + ": " + reason);
}

std::int64_t whole(const json& number, const std::string& where) {
  if (number.is_number_integer()) return number.get<std::int64_t>();
  refuse(where, "what it says of its team is not readable: expected a whole number, found " +
                    number.dump());
}

Description read_description(const TensorFile& file, const std::string& where) {
  const auto text = file.metadata.find(kTeam);
  if (text == file.metadata.end()) {
    refuse(where, std::string("expected a team of policies (metadata ") + kTeam +
                      ", which `labhost export policy` writes), found none");
  }
  Description result;
  try {
    const json team = json::parse(text->second);
    if (whole(team.at("version"), where) != kVersion) {
      refuse(where, "its team has version " + team.at("version").dump() +
                        ", this labhost reads version " + std::to_string(kVersion));
    }
    result.task.name = team.at("task").get<std::string>();
    result.task.state_width = whole(team.at("state_width"), where);
    result.task.state_scale = team.at("state_scale").get<std::vector<double>>();
    result.task.horizon = 1;
    for (const json& agent : team.at("agents")) {
      result.task.agents.push_back({agent.at("name").get<std::string>(),
                                    agent.at("observes").get<std::vector<std::int64_t>>(),
                                    {/*discrete=*/false, whole(agent.at("action_size"), where)}});
    }
    const auto name = team.at("distribution").get<std::string>();
    if (name == "squashed-gaussian") {
      result.distribution = Distribution::kSquashedGaussian;
    } else if (name != "gaussian") {
      refuse(where, "distribution '" + name + "'; known are gaussian and squashed-gaussian");
    }
    result.shape.hidden = whole(team.at("hidden"), where);
    result.shape.layers = whole(team.at("layers"), where);
  } catch (const json::exception& error) {
    refuse(where, std::string("what it says of its team is not readable: ") + error.what());
  }
  return result;
}

/// Bounds what a file makes us allocate: its networks must be there, in the shapes that it says.
void check_layers(const TensorFile& file, const Description& team, const std::string& where) {
  constexpr std::int64_t kLargest = 65536;
  const TaskSpec& task = team.task;
  if (team.shape.layers != 2 || team.shape.hidden < 1 || team.shape.hidden > kLargest) {
    refuse(where, "expected two hidden layers of 1 to 65536 units, found " +
                      std::to_string(team.shape.layers) + " of " +
                      std::to_string(team.shape.hidden));
  }
  const std::int64_t outputs = 2 * task.action_size();
  for (std::int64_t agent = 0; agent < task.agent_count(); ++agent) {
    std::int64_t inputs = task.observation_width();
    for (std::int64_t layer = 0; layer <= team.shape.layers; ++layer) {
      const std::int64_t width = layer == team.shape.layers ? outputs : team.shape.hidden;
      file.tensor(layer_name(agent, layer, "weight"), {width, inputs}, where);
      file.tensor(layer_name(agent, layer, "bias"), {width}, where);
      inputs = width;
    }
  }
}

void check_task(const Description& team, const TaskSpec& task, const std::string& where) {
  const auto expect = [&where](const char* what, const std::string& expected,
                               const std::string& found) {
    if (expected == found) return;
    refuse(where,
           std::string("expected a team with ") + what + " " + expected + ", found " + found);
  };
  const auto number = [](std::int64_t value) { return std::to_string(value); };
  expect("task", task.name, team.task.name);
  expect("state width", number(task.state_width), number(team.task.state_width));
  try {
    team.task.validate();
  } catch (const InputError& error) {
    refuse(where, error.what());
  }
  for (const AgentSpec& agent : team.task.agents) {  // none may overflow their sum
    if (agent.action.size <= task.joint_width()) continue;
    refuse(where, "agent '" + agent.name + "' moves " + number(agent.action.size) +
                      " components, the task has " + number(task.joint_width()));
  }
  expect("joint action width", number(task.joint_width()), number(team.task.joint_width()));
}

/// Acts with networks of its own.
class FilePolicy final : public Policy {
 public:
  FilePolicy(Description team, bool greedy, at::Generator generator)
      : task_(std::move(team.task)),
        network_(task_, team.distribution, task_.observation_width(), team.shape.hidden,
                 torch::kCPU, Streams(0).get("unused")),
        acting_(ScaledObserver(task_, torch::kCPU, true), network_, torch::kCPU, greedy,
                std::move(generator)) {}

  void read_layers(const TensorFile& file, const std::string& where) {
    const torch::NoGradGuard no_grad;
    for (std::int64_t layer = 0; layer <= network_.shape().layers; ++layer) {
      for (std::int64_t agent = 0; agent < task_.agent_count(); ++agent) {
        Tensor weight = network_.weight(layer)[agent];  // [inputs, outputs]
        Tensor bias = network_.bias(layer)[agent][0];   // [outputs]
        weight.copy_(
            file.tensor(layer_name(agent, layer, "weight"), {weight.size(1), weight.size(0)}, where)
                .t());
        bias.copy_(file.tensor(layer_name(agent, layer, "bias"), {bias.size(0)}, where));
      }
    }
    if (!network_.flat().isfinite().all().item<bool>()) {
      refuse(where, "its networks hold numbers that are not finite");
    }
  }

  void begin(const Tensor& index) override { acting_.begin(index); }
  Tensor act(const Tensor& index, const Tensor& state) override {
    return acting_.act(index, state);
  }

 private:
  const TaskSpec task_;
  TeamPolicy network_;
  MemorylessPolicy acting_;
};

}  // namespace

TensorFile team_file(const TaskSpec& task, const TeamPolicy& network, bool scaled) {
  if (network.distribution() == Distribution::kCategorical) {
    throw InputError("a team with discrete actions cannot be written to a policy file");
  }
  TensorFile file;
  const torch::NoGradGuard no_grad;
  for (std::int64_t layer = 0; layer <= network.shape().layers; ++layer) {
    for (std::int64_t agent = 0; agent < task.agent_count(); ++agent) {
      file.tensors[layer_name(agent, layer, "weight")] =
          network.weight(layer)[agent].detach().t().cpu().contiguous();
      file.tensors[layer_name(agent, layer, "bias")] =
          network.bias(layer)[agent][0].detach().cpu().contiguous();
    }
  }
  file.metadata[kTeam] = describe(task, network, scaled).dump();
  return file;
}

std::unique_ptr<Policy> team_from_file(const TensorFile& file, const std::string& where,
                                       const TaskSpec& task, bool greedy, at::Generator generator) {
  Description team = read_description(file, where);
  check_task(team, task, where);
  check_layers(file, team, where);
  auto policy = std::make_unique<FilePolicy>(std::move(team), greedy, std::move(generator));
  policy->read_layers(file, where);
  return policy;
}

}  // namespace labhost
