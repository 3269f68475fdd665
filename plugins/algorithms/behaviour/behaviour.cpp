// The behaviour policy itself, as a baseline: what the dataset's own trajectories score.  Tables
// 1, 2.
//
// One update reads the dataset once; nothing is learned and there is no policy to evaluate, so the
// run's score is the mean normalised return of the dataset's trajectories.
#include <algorithm>
#include <vector>

#include "core/sdk/algorithm.hpp"

namespace labhost {

namespace {

constexpr ParamDecl kParams[] = {
    {"partial_tail", ParamType::kFlag, "false", nullptr, nullptr, nullptr, "",
     "count a last trajectory that neither ends nor times out", "ours"},
};

class Behaviour final : public Algorithm {
 public:
  explicit Behaviour(const AlgorithmContext& c)
      : task_(c.task),
        data_(c.data.to(torch::kCPU)),
        partial_tail_(c.params.flag("partial_tail")) {}

  Metrics update() override {
    std::vector<double> scores = trajectory_scores();
    if (scores.empty()) throw InputError("behaviour: the dataset has no complete trajectory");
    std::sort(scores.begin(), scores.end());
    const std::size_t count = scores.size();
    double sum = 0;
    for (const double score : scores) sum += score;
    Metrics metrics;
    metrics.add("eval/score", sum / static_cast<double>(count));
    metrics.add("dataset/score_mean", sum / static_cast<double>(count));
    metrics.add("dataset/score_min", scores.front());
    metrics.add("dataset/score_median", (scores[(count - 1) / 2] + scores[count / 2]) / 2);
    metrics.add("dataset/score_max", scores.back());
    metrics.add("dataset/trajectories", static_cast<double>(count));
    metrics.add("dataset/transitions", static_cast<double>(data_.size()));
    // Two choices per agent: how often the second ("right", Table 1) is taken.
    for (std::int64_t i = 0; task_.discrete() && i < task_.agent_count(); ++i) {
      metrics.add("dataset/p_right_" + std::to_string(i + 1),
                  data_.action.select(1, i).eq(1).to(torch::kFloat64).mean());
    }
    return metrics;
  }

  std::unique_ptr<Policy> policy(bool, at::Generator) override { return nullptr; }
  void save(Archive& archive) const override { archive.write("transitions", data_.size()); }
  void load(const Archive&) override {}

 private:
  std::vector<double> trajectory_scores() const {
    const Tensor reward = data_.reward.to(torch::kFloat64).contiguous();
    const Tensor end = (data_.terminal | data_.timeout).contiguous();
    std::vector<double> scores;
    double sum = 0;
    for (std::int64_t t = 0; t < data_.size(); ++t) {
      sum += reward.data_ptr<double>()[t];
      const bool tail = t + 1 == data_.size() && partial_tail_;
      if (!end.data_ptr<bool>()[t] && !tail) continue;
      scores.push_back(task_.score(sum));
      sum = 0;
    }
    return scores;
  }

  const TaskSpec task_;
  const Transitions data_;
  const bool partial_tail_;
};

}  // namespace

}  // namespace labhost

LABHOST_ALGORITHM(labhost::Behaviour, "behaviour", "1.0.0",
                  "The dataset's own trajectories: their scores and action frequencies",
                  labhost::kParams, "");
