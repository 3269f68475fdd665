// Seeds for tensor_file_fuzz: a team, whole and in half precision, and a file of every type.
#include <cstdio>
#include <filesystem>

#include "core/nn/team_file.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: tensor_file_seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  labhost::TaskSpec task;
  task.name = "uneven";
  task.state_width = 3;
  task.horizon = 5;
  task.agents = {{"a", {0, 1, 2}, {/*discrete=*/false, 1}}, {"b", {2}, {false, 2}}};
  const labhost::TeamPolicy network(task, labhost::Distribution::kGaussian, 3, 2, torch::kCPU,
                                    labhost::Streams(1).get("networks"));
  labhost::TensorFile file = labhost::team_file(task, network, false);
  file.save(folder / "team");
  for (auto& [name, tensor] : file.tensors) tensor = tensor.to(torch::kFloat16);
  file.save(folder / "half");
  labhost::TensorFile types;
  for (const auto type : {torch::kFloat64, torch::kBFloat16, torch::kInt64, torch::kInt32,
                          torch::kUInt8, torch::kBool}) {
    types.tensors[torch::toString(type)] = torch::ones({1, 2}).to(type);
  }
  types.metadata["note"] = "seed";
  types.save(folder / "types");
  return 0;
}
