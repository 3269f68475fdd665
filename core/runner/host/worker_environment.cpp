#include "core/runner/host/worker_environment.hpp"

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

namespace labhost {

namespace {

/// The value of the first line "KEY : value" of /proc/cpuinfo.
std::string cpu_field(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.rfind(key, 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> worker_environment(std::int64_t threads,
                                                                    const std::string& vendor,
                                                                    const std::string& cpu_flags) {
  const std::string count = std::to_string(threads);
  std::vector<std::pair<std::string, std::string>> values = {
      {"OMP_NUM_THREADS", count},
      {"OPENBLAS_NUM_THREADS", count},
      {"MKL_NUM_THREADS", count},
  };
  std::istringstream words(cpu_flags);
  std::set<std::string> flags;
  for (std::string word; words >> word;) flags.insert(word);
  // OpenBLAS falls back to SSE3 kernels on a CPU that is younger than itself (0.3.21 does on
  // Intel's Emerald Rapids: a fifth of the speed) and takes AMD's with AVX-512 for Haswell. On CPUs
  // that it knows it chooses the same kernels by itself.
  const bool avx512 = flags.count("avx512f") != 0 && flags.count("avx512cd") != 0 &&
                      flags.count("avx512bw") != 0 && flags.count("avx512dq") != 0 &&
                      flags.count("avx512vl") != 0;
  const bool intel = vendor == "GenuineIntel", amd = vendor == "AuthenticAMD";
  if ((intel || amd) && avx512) {
    values.emplace_back("OPENBLAS_CORETYPE", "SkylakeX");
  } else if (intel && flags.count("avx2") != 0 && flags.count("fma") != 0) {
    values.emplace_back("OPENBLAS_CORETYPE", "Haswell");
  }
  return values;
}

void set_worker_environment(std::int64_t threads) {
  for (const auto& [name, value] :
       worker_environment(threads, cpu_field("vendor_id"), cpu_field("flags"))) {
    setenv(name.c_str(), value.c_str(), /*overwrite=*/0);
  }
}

}  // namespace labhost
