// The contract of datasets: transitions that fit a task, the same at every load; or a clear
// refusal.
#include <stdlib.h>

#include <map>
#include <memory>
#include <system_error>

#include "core/plugins/contract_parts.hpp"
#include "core/plugins/contract_tasks.hpp"

namespace labhost {

namespace {

constexpr std::int64_t kSeed = 7;

/// What the dataset says when it is asked for transitions with these values.
std::string refusal_of(const LoadedPlugin& plugin, std::map<std::string, std::string> values) {
  QuietLogger logger;
  const Params params(std::move(values));
  const SyntheticTask synthetic = synthetic_tasks().back();  // continuous
  try {
    plugin.make(DatasetContext{synthetic.task, params, logger})->load();
  } catch (const InputError& error) {
    return error.what();
  }
  throw std::runtime_error("it is accepted");
}

/// A dataset that is read from a file has none here: what it says then can be checked.
std::vector<Property> check_file_dataset(const LoadedPlugin& plugin, const std::string& parameter) {
  std::map<std::string, std::string> values = default_values(plugin.description());
  return {property("without a file it is refused with a reason",
                   [&] {
                     const std::string reason = refusal_of(plugin, values);
                     require(reason.find(parameter) != std::string::npos,
                             "the reason does not name the parameter: " + reason);
                     return reason;
                   }),
          property("a file that is not there is refused by name", [&] {
            values[parameter] = "/nowhere/absent";
            const std::string reason = refusal_of(plugin, values);
            require(reason.find(values[parameter]) != std::string::npos,
                    "the reason does not name the file: " + reason);
            return reason;
          })};
}

/// A temporary folder with what a run of `collect` leaves: a short uniform play in an environment.
class CollectedFile {
 public:
  CollectedFile(const LoadedPlugin& environment, const Folders& folders) {
    std::string name = (std::filesystem::temp_directory_path() / "labhost-check-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
    const LoadedPlugin collect = LoadedPlugin::load(library_of(folders, "collect"));
    std::map<std::string, std::string> values = default_values(collect.description());
    values["copies"] = "2";
    values["transitions"] = "200";
    const Params params(values), of_environment(default_values(environment.description()));
    Streams streams(kSeed);
    const auto make = [&](std::int64_t copies, const std::string& stream) {
      return environment.make(
          EnvironmentContext{of_environment, copies, streams.seed(stream), 1, logger_});
    };
    const TaskSpec task = make(1, "task")->task();
    const Transitions none = Transitions::none(task);
    const auto run = collect.make(
        AlgorithmContext{task, none, params, streams, torch::kCPU, 1, logger_, make, nullptr});
    run->update();
    file_ = folder_ / (std::string("dataset") + run->artifact_ending());
    run->write_artifact(file_);
  }
  ~CollectedFile() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  CollectedFile(const CollectedFile&) = delete;
  CollectedFile& operator=(const CollectedFile&) = delete;
  const std::filesystem::path& file() const { return file_; }

 private:
  QuietLogger logger_;
  std::filesystem::path folder_, file_;
};

std::vector<std::filesystem::path> libraries_in(const Folders& folders) {
  std::vector<std::filesystem::path> libraries;
  for (const std::filesystem::path& folder : folders) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".so") libraries.push_back(entry.path());
    }
  }
  return libraries;
}

}  // namespace

std::vector<Property> check_dataset(const LoadedPlugin& plugin, const Folders& folders) {
  for (const ParamDescription& param : plugin.description().params) {
    const bool file_to_give = param.type == ParamType::kFile && param.default_value.empty();
    if (file_to_give) return check_file_dataset(plugin, param.name);
  }
  QuietLogger logger;
  const Params params(default_values(plugin.description()));
  std::string refusals;
  for (const std::filesystem::path& library : libraries_in(folders)) {
    try {
      const LoadedPlugin other = LoadedPlugin::load(library);
      if (other.description().kind != PluginKind::kEnvironment) continue;
      const Params defaults(default_values(other.description()));
      const TaskSpec task = other.make(EnvironmentContext{defaults, 1, 0, 1, logger})->task();
      std::unique_ptr<CollectedFile> left;
      const auto artifact_file = [&](const std::string&) {
        if (!left) left = std::make_unique<CollectedFile>(other, folders);
        return left->file();
      };
      const DatasetContext context{task, params, logger, artifact_file};
      const Transitions data = plugin.make(context)->load();
      data.validate(task, "dataset");
      return {property("its transitions fit a task", [&] { return task.name; }),
              property("loading twice is the same", [&] {
                const Transitions again = plugin.make(context)->load();
                require(torch::equal(data.state, again.state) &&
                            torch::equal(data.action, again.action) &&
                            torch::equal(data.reward, again.reward),
                        "the second load differs");
                return std::to_string(data.size()) + " transitions";
              })};
    } catch (const InputError& error) {
      refusals += std::string("; ") + error.what();
    }
  }
  return {{"its transitions fit a task", false, "no environment beside it fits" + refusals}};
}

}  // namespace labhost
