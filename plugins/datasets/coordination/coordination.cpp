// Datasets of the iterated coordination game, drawn from fixed stochastic policies.  Table 1.
//
// The data is a function of the parameters alone: two runs with the same parameters see the same
// rows.
#include <cmath>

#include "core/sdk/dataset.hpp"
#include "core/sdk/random.hpp"

namespace labhost {

namespace {

constexpr ParamDecl kParams[] = {
    {"behaviour", ParamType::kText, "neutral", nullptr, nullptr,
     "favorable|neutral|unfavorable|custom", "", "which behaviour policies collected the data",
     "Table 1"},
    {"p_right_1", ParamType::kReal, "0.5", "0", "1", nullptr, "",
     "probability that agent 1 picks right (behaviour = custom)", "ours"},
    {"p_right_2", ParamType::kReal, "0.5", "0", "1", nullptr, "",
     "probability that agent 2 picks right (behaviour = custom)", "ours"},
    {"size", ParamType::kInteger, "100000", "2", "100000000", nullptr, "rounds", "number of rounds",
     "ours (the paper does not say)"},
    {"seed", ParamType::kInteger, "0", "0", nullptr, nullptr, "",
     "seed of the draws: one dataset for all runs of a table", "ours"},
    {"left_left", ParamType::kReal, "1", nullptr, nullptr, nullptr, "",
     "reward when both pick left; as in the environment", "Figure 3 (a)"},
    {"right_right", ParamType::kReal, "1", nullptr, nullptr, nullptr, "",
     "reward when both pick right; as in the environment", "Figure 3 (a)"},
    {"left_right", ParamType::kReal, "0", nullptr, nullptr, nullptr, "",
     "reward when agent 1 picks left and agent 2 right; as in the environment", "Figure 3 (a)"},
    {"right_left", ParamType::kReal, "0", nullptr, nullptr, nullptr, "",
     "reward when agent 1 picks right and agent 2 left; as in the environment", "Figure 3 (a)"},
};

class Coordination final : public Dataset {
 public:
  explicit Coordination(const DatasetContext& context)
      : horizon_(context.task.horizon),
        size_(context.params.integer("size")),
        seed_(context.params.integer("seed")),
        behaviour_(context.params.text("behaviour")) {
    const TaskSpec& task = context.task;
    if (!task.discrete() || task.agent_count() != 2 || task.agents[0].action.size != 2 ||
        task.agents[1].action.size != 2 || task.state_width != 1) {
      throw InputError(
          "dataset 'coordination': expected a task of two agents with two choices and a "
          "state of width 1, found task '" +
          task.name + "'");
    }
    const Params& params = context.params;
    if (behaviour_ == "favorable") right_ = {0.75, 0.75};
    if (behaviour_ == "neutral") right_ = {0.5, 0.5};
    if (behaviour_ == "unfavorable") right_ = {0.25, 0.75};
    if (behaviour_ == "custom") right_ = {params.real("p_right_1"), params.real("p_right_2")};
    payoff_ = torch::tensor({params.real("left_left"), params.real("left_right"),
                             params.real("right_left"), params.real("right_right")})
                  .to(torch::get_default_dtype());
  }

  Transitions load() override {
    at::Generator generator = Streams(static_cast<std::uint64_t>(seed_)).get("coordination");
    const Tensor uniform = torch::rand({size_, 2}, generator);
    Transitions data;
    data.action = uniform.lt(torch::tensor({right_[0], right_[1]})).to(torch::get_default_dtype());
    const Tensor outcome =
        (2 * data.action.select(1, 0) + data.action.select(1, 1)).to(torch::kLong);
    data.reward = payoff_.index_select(0, outcome);
    data.state = torch::ones({size_, 1});
    data.next_state = data.state.clone();
    data.terminal = torch::zeros({size_}, torch::kBool);
    // Episodes of `horizon` rounds; the last one is cut where the data ends.
    const Tensor row = torch::arange(1, size_ + 1);
    data.timeout = row.remainder(horizon_).eq(0) | row.eq(size_);
    return data;
  }

  std::map<std::string, std::string> provenance() const override {
    return {{"source", "drawn from policies with P(right) = " + std::to_string(right_[0]) + ", " +
                           std::to_string(right_[1])}};
  }

 private:
  std::int64_t horizon_, size_, seed_;
  std::string behaviour_;
  std::array<double, 2> right_ = {0.5, 0.5};
  Tensor payoff_;  // [4]
};

}  // namespace

}  // namespace labhost

LABHOST_DATASET(labhost::Coordination, "coordination", "1.0.0",
                "Rounds of the coordination game drawn from fixed stochastic policies",
                labhost::kParams);
