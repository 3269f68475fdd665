#include "core/runner/worker/bench.hpp"

namespace labhost {

int bench_in_worker(const std::vector<std::string>& arguments) {
  const std::string& part = arguments.at(0);
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  if (part == "load") return 0;
  if (part == "env") return bench_environments(rest);
  if (part == "data") return bench_data(rest.at(0), rest.at(1));
  if (part == "moma") return bench_moma(rest);
  return bench_algorithms(rest);
}

}  // namespace labhost
