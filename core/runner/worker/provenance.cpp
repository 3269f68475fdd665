#include "core/runner/worker/provenance.hpp"

#include <dlfcn.h>
#include <sys/utsname.h>
#include <torch/torch.h>

#include <fstream>

namespace labhost {

namespace {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

/// OpenBLAS names the kernel set that it chose at load time; other BLAS libraries lack the
/// function.
std::string blas_kernel() {
  using CoreName = const char* (*)();
  const auto core_name = reinterpret_cast<CoreName>(dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  return core_name == nullptr ? "unknown" : std::string("openblas ") + core_name();
}

}  // namespace

std::map<std::string, std::string> machine_provenance() {
  std::map<std::string, std::string> values;
  values["compiler"] = "g++ " __VERSION__;
  values["libtorch"] = TORCH_VERSION;
  values["cpu"] = cpu_model();
  values["blas"] = blas_kernel();
  values["gpu"] = "none";
  if (torch::cuda::is_available()) {
    values["gpu"] = std::to_string(torch::cuda::device_count()) + " CUDA device(s)";
  }
  utsname system{};
  if (uname(&system) == 0) values["system"] = std::string(system.sysname) + " " + system.release;
  return values;
}

}  // namespace labhost
