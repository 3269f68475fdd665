#include "core/nn/gae.hpp"
#include "tests/golden/golden_file.hpp"

namespace labhost::golden {

TEST_CASE("advantages and returns with terminals and timeouts are the reference's") {
  const DoublePrecision precision;
  const GoldenFile file("01_gae_timeouts");
  const Tensor reward = file.column("/inputs/rewards"), value = file.column("/inputs/values"),
               next_value = file.column("/inputs/next_values");
  for (const std::string name : {"mixed", "last_terminal", "last_not_timeout"}) {
    CAPTURE(name);
    // The reference stores masks: 0 where the transition is terminal, or the last of a rollout.
    const Tensor terminal = file.column("/inputs/" + name + ".masks").eq(0);
    const Tensor timeout = file.column("/inputs/" + name + ".time_out_masks").eq(0);
    const Advantages found =
        generalised_advantages(reward, value, next_value, terminal, timeout,
                               file.number("/settings/gamma"), file.number("/settings/lambda"));
    const std::string expected = "/outputs/" + name + "/";
    check_close(found.returns, file.column(expected + "returns"), "returns");
    check_close(found.advantages, file.column(expected + "advantages_raw"), "advantages");
    check_close(standardise(found.advantages), file.column(expected + "advantages"),
                "standardised advantages");
  }
}

}  // namespace labhost::golden
