// A run's parts put together as its configuration says: plugins, task, data, algorithm. The same
// for training a run and for watching what it learned.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/experiment/plan.hpp"
#include "core/plugins/loader.hpp"
#include "core/runner/job.hpp"
#include "core/store/store.hpp"

namespace labhost {

/// Throws InputError, naming both hashes, where the file is not as it was recorded.
void check_artifact(const Store& store, const ArtifactRow& row);

class Assembly {
 public:
  /// Loads plugins and data and builds the algorithm. `job` names the libraries, the device and the
  /// threads; what the run needs of others is read from `store`. Throws InputError and
  /// std::exception for all that keeps a run from starting.
  Assembly(Store& store, const Job& job, Logger& logger);
  ~Assembly();

  const RunSpec& spec() const { return spec_; }
  const TaskSpec& task() const { return task_; }
  torch::Device device() const { return device_; }
  Streams& streams() { return streams_; }
  Algorithm& algorithm() { return *algorithm_; }
  const PluginDescription& method() const { return method_description_; }
  /// The folder of the run's files.
  const std::filesystem::path& folder() const { return folder_; }
  /// What dataset and environment say of themselves, as `dataset_NAME`, `environment_NAME`.
  const std::map<std::string, std::string>& provenance() const { return provenance_; }
  /// `copies` of the task's simulator, seeded by the run's stream of that name.
  std::unique_ptr<Environment> make_environment(std::int64_t copies, const std::string& stream);

 private:
  void load_data(const std::filesystem::path& library);
  void build_algorithm(const LoadedPlugin& method);
  const NeedSpec& need(const std::string& role) const;
  /// The row of the file that the needed run left, whose content is the recorded one; notes that
  /// this run depends on it.
  ArtifactRow needed_row(const std::string& role);
  Archive needed_artifact(const std::string& role);
  /// The needed run put together again, as it was at its end.
  Algorithm& finished(const std::string& role);

  Store& store_;
  const Job& job_;
  Logger& logger_;
  const RunSpec spec_;
  const std::filesystem::path folder_;
  const torch::Device device_;
  Streams streams_;
  LoadedPlugin environment_;
  PluginDescription method_description_;
  Params environment_params_, dataset_params_, method_params_;
  TaskSpec task_;
  Transitions data_;
  std::map<std::string, std::string> provenance_;
  std::set<std::int64_t> checked_artifacts_;  // by their rows' numbers
  struct Finished;  // the parts of needed runs, by role; they outlive the algorithm
  std::map<std::string, std::unique_ptr<Finished>> finished_;
  std::unique_ptr<Algorithm> algorithm_;
};

}  // namespace labhost
