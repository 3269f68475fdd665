#include "core/cli/policy_file.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/experiment/document.hpp"
#include "core/sdk/error.hpp"

namespace labhost {

namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kLongestHeader = 100'000'000;  // as the format's own reader has it

[[noreturn]] void refuse(const std::string& file) {
  throw InputError(file + ": expected a policy file, which `labhost export policy` writes");
}

/// The JSON header of a safetensors file (core/sdk/tensor_file.hpp).
nlohmann::json read_header(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw InputError("cannot read " + file);
  unsigned char bytes[kLengthBytes] = {};
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  in.read(reinterpret_cast<char*>(bytes), kLengthBytes);
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) length = length << 8 | bytes[i];
  if (!in || error || length > kLongestHeader || length > size) refuse(file);
  std::string text(length, ' ');
  in.read(text.data(), static_cast<std::streamsize>(length));
  if (!in) refuse(file);
  return nlohmann::json::parse(text);
}

}  // namespace

bool is_policy_file(const std::string& name) {
  return std::filesystem::path(name).extension() == ".safetensors";
}

std::string task_of_policy(const std::string& file) {
  try {
    const nlohmann::json header = read_header(file);
    const auto team = header.at("__metadata__").at("labhost.team").get<std::string>();
    const auto task = nlohmann::json::parse(team).at("task").get<std::string>();
    if (!is_plain_name(task)) refuse(file);
    return task;
  } catch (const nlohmann::json::exception&) {
    refuse(file);
  }
}

}  // namespace labhost
