// A dataset that a run has collected: the file in D4RL's layout that `collect` left.
//
// Which run is written in the experiment file, as the need `run` of the task's dataset. The plan
// makes that run, and those that it needs in turn, before any run that learns from the data.
#include "core/base/hash.hpp"
#include "core/d4rl/reader.hpp"
#include "core/sdk/dataset.hpp"

namespace labhost {

namespace {

constexpr ParamDecl kParams[] = {
    {"limit", ParamType::kInteger, "0", "0", nullptr, nullptr, "transitions",
     "about how many transitions to use, in whole trajectories evenly from the file; 0: all",
     "ours"},
};

constexpr NeedDecl kNeeds[] = {{"run", ""}};  // of `collect`, under whatever name the file gives it

class Collected final : public Dataset {
 public:
  explicit Collected(const DatasetContext& context)
      : limit_(context.params.integer("limit")), logger_(context.logger) {
    const TaskSpec& task = context.task;
    if (task.discrete()) {
      throw InputError(
          "dataset 'collected': expected a task with continuous actions, found task '" + task.name +
          "'");
    }
    if (!context.artifact_file) {
      throw InputError(
          "dataset 'collected': expected a run that collected it, found none; write "
          "needs.run = { algorithm = \"...\" } into the task's dataset");
    }
    file_ = context.artifact_file("run");
    options_ = {task.state_width, task.joint_width(), task.horizon};
  }

  Transitions load() override {
    D4rlData data = read_d4rl(file_, options_);
    const std::int64_t all = data.transitions.size();
    if (limit_ > 0 && limit_ < all) data.transitions = thinned(data.transitions);
    provenance_ = {{"file", file_.string()},
                   {"sha256", sha256_file(file_)},
                   {"rows", std::to_string(all)},
                   {"used_rows", std::to_string(data.transitions.size())}};
    for (const auto& [key, text] : data.attributes) provenance_["attribute." + key] = text;
    logger_.info(file_.string() + ": " + std::to_string(data.transitions.size()) + " of " +
                 std::to_string(all) + " transitions");
    return std::move(data.transitions);
  }

  std::map<std::string, std::string> provenance() const override { return provenance_; }

 private:
  /// Whole trajectories, evenly from all parts of the file: every team keeps its share.
  Transitions thinned(const Transitions& data) const {
    const Tensor end = (data.terminal | data.timeout).contiguous();
    std::vector<std::int64_t> rows;
    std::int64_t first = 0;
    for (std::int64_t t = 0; t < data.size(); ++t) {
      if (!end.data_ptr<bool>()[t] && t + 1 < data.size()) continue;
      // Kept where the kept rows fall behind their share of the rows before the trajectory.
      const auto kept = static_cast<double>(rows.size());
      if (kept * static_cast<double>(data.size()) <=
          static_cast<double>(limit_) * static_cast<double>(first)) {
        for (std::int64_t row = first; row <= t; ++row) rows.push_back(row);
      }
      first = t + 1;
    }
    const Tensor index = torch::tensor(rows, torch::kLong);
    return {data.state.index_select(0, index),    data.action.index_select(0, index),
            data.reward.index_select(0, index),   data.next_state.index_select(0, index),
            data.terminal.index_select(0, index), data.timeout.index_select(0, index)};
  }

  std::filesystem::path file_;
  const std::int64_t limit_;
  Logger& logger_;
  D4rlOptions options_;
  std::map<std::string, std::string> provenance_;  // known once the file was read
};

}  // namespace

}  // namespace labhost

LABHOST_DATASET_WITH_NEEDS(
    labhost::Collected, "collected", "1.0.0",
    "Data that a run of `collect` has left, planned before the runs that learn from it",
    labhost::kParams, labhost::kNeeds);
