// The iterated coordination game (Boutilier, 1996): two agents pick a side, the team is paid when
// they pick the same one.  Section 5.2, Figure 3 (a).
//
// State and observations are one constant number: nothing but the policies themselves can
// coordinate the agents. The episode times out after `rounds` rounds; the score is the mean reward
// per round.
#include "core/sdk/environment.hpp"

namespace labhost {

namespace {

constexpr ParamDecl kParams[] = {
    {"rounds", ParamType::kInteger, "10", "1", "100000", nullptr, "rounds", "length of an episode",
     "ours (the paper does not say)"},
    {"left_left", ParamType::kReal, "1", nullptr, nullptr, nullptr, "",
     "reward when both pick left", "Figure 3 (a)"},
    {"right_right", ParamType::kReal, "1", nullptr, nullptr, nullptr, "",
     "reward when both pick right", "Figure 3 (a)"},
    {"left_right", ParamType::kReal, "0", nullptr, nullptr, nullptr, "",
     "reward when agent 1 picks left and agent 2 right", "Figure 3 (a)"},
    {"right_left", ParamType::kReal, "0", nullptr, nullptr, nullptr, "",
     "reward when agent 1 picks right and agent 2 left", "Figure 3 (a)"},
};

class CoordinationGame final : public Environment {
 public:
  explicit CoordinationGame(const EnvironmentContext& context)
      : rounds_(context.params.integer("rounds")),
        // Choice 0 is left, 1 is right; row-major by (agent 1, agent 2).
        payoff_(
            torch::tensor({context.params.real("left_left"), context.params.real("left_right"),
                           context.params.real("right_left"), context.params.real("right_right")})
                .to(torch::get_default_dtype())),
        round_(torch::full({context.copies}, rounds_, torch::kLong)) {
    const double best = payoff_.max().item<double>();
    if (!(best > 0)) throw InputError("coordination-game: no outcome has a positive reward");
    task_.name = "coordination-game";
    task_.state_width = 1;
    const AgentSpec agent{"", {0}, {/*discrete=*/true, 2}};
    task_.agents = {agent, agent};
    task_.agents[0].name = "agent 1";
    task_.agents[1].name = "agent 2";
    task_.horizon = rounds_;
    task_.random_return = 0;  // no normalisation: the score is the mean reward per round
    task_.expert_return = static_cast<double>(rounds_);
  }

  const TaskSpec& task() const override { return task_; }

  Tensor reset(const Tensor& index) override {
    round_.index_fill_(0, index, 0);
    return torch::ones({index.size(0), 1});
  }

  void set_state(const Tensor& index, const Tensor&) override { round_.index_fill_(0, index, 0); }

  StepResult step(const Tensor& index, const Tensor& action) override {
    const Tensor round = round_.index_select(0, index);
    if (round.ge(rounds_).any().item<bool>()) {
      throw std::logic_error("coordination-game: a copy was stepped after its episode had ended");
    }
    round_.index_copy_(0, index, round + 1);
    const Tensor outcome = (2 * action.select(1, 0) + action.select(1, 1)).to(torch::kLong);
    StepResult result;
    result.next_state = torch::ones({index.size(0), 1});
    result.reward = payoff_.index_select(0, outcome);
    result.terminal = torch::zeros({index.size(0)}, torch::kBool);
    result.timeout = (round + 1).ge(rounds_);
    return result;
  }

  void save(Archive& archive, const std::string& prefix) const override {
    archive.write(prefix + "/round", round_);
  }
  void load(const Archive& archive, const std::string& prefix) override {
    archive.read_into(prefix + "/round", round_);
  }

 private:
  std::int64_t rounds_;
  Tensor payoff_;  // [4]
  Tensor round_;   // [copies] rounds played
  TaskSpec task_;
};

}  // namespace

}  // namespace labhost

LABHOST_ENVIRONMENT(labhost::CoordinationGame, "coordination-game", "1.0.0",
                    "Iterated two-agent coordination game with a constant observation",
                    labhost::kParams);
