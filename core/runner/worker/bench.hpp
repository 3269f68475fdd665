// The part of `labhost bench` that needs LibTorch: updates beside their arithmetic floor.
#pragma once

#include <string>
#include <vector>

namespace labhost {

/// Arguments: "algo" and the libraries of algorithm plugins; or "load", which returns at once (the
/// cost of loading LibTorch). Returns an exit code.
int bench_in_worker(const std::vector<std::string>& arguments);

}  // namespace labhost
