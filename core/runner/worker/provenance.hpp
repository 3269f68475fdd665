// What a result depended on that no parameter says.
#pragma once

#include <map>
#include <string>

namespace labhost {

/// Compiler, LibTorch, BLAS kernel, CPU, GPU, operating system.
std::map<std::string, std::string> machine_provenance();

}  // namespace labhost
