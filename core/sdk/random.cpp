#include "core/sdk/random.hpp"

#include "core/sdk/archive.hpp"

namespace labhost {

namespace {

/// SplitMix64's output function: every input bit reaches every output bit.
std::uint64_t mix(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

std::uint64_t derive_seed(std::uint64_t seed, const std::string& name, std::uint64_t copy) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return mix(mix(mix(seed) ^ hash) ^ copy);
}

at::Generator Streams::get(const std::string& name, torch::Device device) {
  const std::string key = device.is_cpu() ? name : name + "@" + device.str();
  const auto found = generators_.find(key);
  if (found != generators_.end()) return found->second;
  at::Generator generator = at::globalContext().defaultGenerator(device).clone();
  generator.set_current_seed(seed(key));
  generators_.emplace(key, generator);
  return generator;
}

void Streams::save(Archive& archive) const {
  for (const auto& [name, generator] : generators_) {
    archive.write("streams/" + name, generator.get_state());
  }
}

void Streams::load(const Archive& archive) {
  const std::string prefix = "streams/";
  for (const auto& [name, state] : archive.tensors()) {
    if (name.rfind(prefix, 0) != 0) continue;
    const std::string key = name.substr(prefix.size());
    const std::size_t at = key.rfind('@');
    const torch::Device device =
        at == std::string::npos ? torch::Device(torch::kCPU) : torch::Device(key.substr(at + 1));
    get(at == std::string::npos ? key : key.substr(0, at), device).set_state(state);
  }
}

}  // namespace labhost
