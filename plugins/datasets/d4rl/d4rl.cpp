// Datasets in D4RL's HDF5 layout or in Minari's: a file, or one of D4RL's datasets by its name.
//
// The task says what is taken from the file: its state is the first columns of `observations`, its
// horizon the longest episode. Actions are left as they are; algorithms that need them inside the
// open interval clip them.
#include "core/base/hash.hpp"
#include "core/d4rl/names.hpp"
#include "core/d4rl/reader.hpp"
#include "core/sdk/dataset.hpp"

namespace labhost {

namespace {

constexpr ParamDecl kParams[] = {
    {"file", ParamType::kFile, "", nullptr, nullptr, nullptr, "",
     "file in D4RL's HDF5 layout or in Minari's; its content is part of a run's identity", "ours"},
    {"name", ParamType::kData, "", nullptr, nullptr, nullptr, "",
     "instead of `file`: a D4RL dataset such as ant-medium-v2, looked for in the folders of "
     "LABHOST_DATA, then in ~/.d4rl/datasets; its content is part of a run's identity",
     "D4RL"},
};

std::filesystem::path chosen_file(const Params& params) {
  const std::string& file = params.text("file");
  const std::string& name = params.text("name");
  if (file.empty() == name.empty()) {
    throw InputError("dataset 'd4rl': expected either `file` or `name`, found " +
                     std::string(file.empty() ? "neither" : "both"));
  }
  if (!file.empty()) return file;
  // A plan has looked the name up already.
  const bool is_path = name.find('/') != std::string::npos;
  return is_path ? std::filesystem::path(name) : find_d4rl(name, d4rl_folders());
}

class D4rl final : public Dataset {
 public:
  explicit D4rl(const DatasetContext& context)
      : file_(chosen_file(context.params)), logger_(context.logger) {
    const TaskSpec& task = context.task;
    if (task.discrete()) {
      throw InputError("dataset 'd4rl': expected a task with continuous actions, found task '" +
                       task.name + "'");
    }
    options_ = {task.state_width, task.joint_width(), task.horizon};
  }

  Transitions load() override {
    D4rlData data = read_d4rl(file_, options_);
    provenance_ = {
        {"file", std::filesystem::absolute(file_).string()},
        {"sha256", sha256_file(file_)},
        {"layout", data.layout},
        {"rows", std::to_string(data.rows)},
        {"dropped_rows", std::to_string(data.dropped)},
        {"next_states", data.next_states_stored ? "stored" : "taken from the following rows"},
        {"timeouts", data.timeouts_stored
                         ? "stored"
                         : "set after " + std::to_string(options_.horizon) + " steps"},
        {"last_episode", data.partial_tail ? "cut by the end of the file" : "whole"}};
    if (data.unwritten > 0) provenance_["unwritten_rows"] = std::to_string(data.unwritten);
    for (const std::string& note : data.notes) {
      logger_.warn(file_.string() + ": " + note);
      std::string& notes = provenance_["notes"];
      notes += (notes.empty() ? "" : "; ") + note;
    }
    for (const auto& [key, text] : data.attributes) provenance_["attribute." + key] = text;
    logger_.info(file_.string() + ": " + kept_text(data));
    return std::move(data.transitions);
  }

  std::map<std::string, std::string> provenance() const override { return provenance_; }

 private:
  std::filesystem::path file_;
  Logger& logger_;
  D4rlOptions options_;
  std::map<std::string, std::string> provenance_;  // known once the file was read
};

}  // namespace

}  // namespace labhost

LABHOST_DATASET(labhost::D4rl, "d4rl", "1.2.0",
                "Offline data in D4RL's HDF5 layout or in Minari's, from a file or by D4RL's name",
                labhost::kParams);
