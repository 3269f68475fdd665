#include "core/cli/run_option.hpp"

#include "core/base/hash.hpp"
#include "core/base/text.hpp"
#include "core/cli/command.hpp"
#include "core/cli/environment_option.hpp"
#include "core/runner/job.hpp"
#include "core/store/store.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

/// A run by its number, or by a file that it left.
std::int64_t find_run(Store& store, const std::string& who) {
  if (const auto number = parse_integer(who)) {
    if (store.run_by_id(*number)) return *number;
    throw InputError("there is no run " + who + " in " + store.file().string() +
                     "; see labhost runs");
  }
  if (!fs::is_regular_file(who)) {
    throw InputError("expected the number of a run or the file of a policy, found " + who);
  }
  const QueryResult found =
      store.query("SELECT run_id FROM artifact WHERE sha256 = ?1", {sha256_file(who)});
  if (!found.rows.empty()) return std::get<std::int64_t>(found.rows.front().front());
  throw InputError(who + " was left by no run of " + store.file().string());
}

}  // namespace

std::string job_of_run(const po::variables_map& values, const std::string& who) {
  Store store(store_path(values), Store::Access::kReadOnly);
  Job job;
  job.store = fs::absolute(store.file());
  job.run_id = find_run(store, who);
  const auto spec = RunSpec::from_config(nlohmann::json::parse(store.run_config(job.run_id)));
  job.use_plugins(spec, discover_plugins(values));
  return job.to_text();
}

}  // namespace labhost
