#include "core/nn/sampler.hpp"
#include "tests/golden/golden_file.hpp"

namespace labhost::golden {

TEST_CASE("the reward scale of the IQL family is the reference's") {
  const DoublePrecision precision;
  const GoldenFile file("12_reward_scale");
  for (const std::string name : {"closed", "open_tail", "single_step_traj"}) {
    CAPTURE(name);
    const Tensor ended = file.column("/inputs/" + name + ".dones").eq(1);
    Transitions data;
    data.reward = file.column("/inputs/" + name + ".rewards");
    // What ends a trajectory, terminal or timeout, makes no difference.
    const Tensor even = torch::arange(data.size()).remainder(2).eq(0);
    data.terminal = ended & even;
    data.timeout = ended & even.logical_not();
    const double scale = iql_reward_scale(data);
    check_close(scale, file.number("/outputs/" + name + "/factor"), "factor");
    check_close(data.reward * scale, file.column("/outputs/" + name + "/scaled_rewards"),
                "scaled rewards");
  }
}

}  // namespace labhost::golden
