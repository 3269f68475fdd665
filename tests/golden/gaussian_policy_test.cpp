#include "core/nn/policy.hpp"
#include "tests/golden/golden_file.hpp"

namespace labhost::golden {

namespace {

void check_policy(const GoldenFile& file, Distribution distribution, const std::string& name) {
  CAPTURE(name);
  TeamPolicy policy(single_task(/*discrete=*/false, 2), distribution, 5, 8, torch::kCPU,
                    any_generator());
  load_networks(file, "/weights", {{&policy, 0, name, kGaussianHeads}});
  const std::string expected = "/outputs/" + name + "/";
  const Tensor input = file.tensor("/inputs/observations").unsqueeze(0);  // [1, B, 5]

  const TeamPolicy::Gaussian gaussian = policy.gaussian(input);
  check_close(gaussian.mean[0], file.tensor(expected + "mean"), "mean");
  const Tensor log_std =
      file.tensor(expected + "log_std_unclamped")
          .clamp(file.number("/settings/min_log_std"), file.number("/settings/max_log_std"));
  check_close(gaussian.log_std[0], log_std, "log std");

  const Tensor log_prob = policy.log_prob(input, file.tensor("/inputs/" + name + ".actions"))[0];
  check_close(log_prob, file.column(expected + "log_prob"), "log probability");
  check_gradients(file, expected + "grad_of_log_prob_sum_rows2to5",
                  {{&policy, 0, "", kGaussianHeads}}, log_prob.narrow(0, 2, 4).sum());

  // The reference's sample, from its stored noise.
  const Tensor before = gaussian.mean[0] + gaussian.log_std[0].exp() * file.tensor("/inputs/noise");
  const Tensor action =
      distribution == Distribution::kSquashedGaussian ? torch::tanh(before) : before;
  check_close(action, file.tensor(expected + "sampled_action"), "sampled action");
  check_close(policy.log_prob(input, action)[0], file.column(expected + "sampled_log_prob"),
              "log probability of the sampled action");
  check_close(policy.greedy(input), file.tensor(expected + "greedy_action"), "greedy action");
}

}  // namespace

TEST_CASE("Gaussian policies, squashed and not, are the reference's") {
  const DoublePrecision precision;
  const GoldenFile file("04p_gaussian_policy");
  check_policy(file, Distribution::kSquashedGaussian, "tanh");
  check_policy(file, Distribution::kGaussian, "none");
}

}  // namespace labhost::golden
