#include "core/cli/policy_file.hpp"

#include <filesystem>

#include "core/base/files.hpp"
#include "core/base/safetensors.hpp"
#include "core/experiment/document.hpp"
#include "core/sdk/error.hpp"

namespace labhost {

namespace {

[[noreturn]] void refuse(const std::string& file) {
  throw InputError(file + ": expected a policy file, which `labhost export policy` writes");
}

}  // namespace

bool is_policy_file(const std::string& name) {
  return std::filesystem::path(name).extension() == ".safetensors";
}

std::string task_of_policy(const std::string& file) {
  try {
    const std::string bytes = read_file(file);
    const nlohmann::json header = read_safetensors_header(bytes, file).entries;
    const auto team = header.at(kSafetensorsMetadata).at("labhost.team").get<std::string>();
    const auto task = nlohmann::json::parse(team).at("task").get<std::string>();
    if (!is_plain_name(task)) refuse(file);
    return task;
  } catch (const nlohmann::json::exception&) {
    refuse(file);
  }
}

}  // namespace labhost
