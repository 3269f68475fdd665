#include "core/nn/mixer.hpp"
#include "tests/golden/golden_file.hpp"

namespace labhost::golden {

TEST_CASE("mixing weights, bias, mixed values and their gradients are the reference's") {
  const DoublePrecision precision;
  const GoldenFile file("03_mixer");
  Mixer mixer(2, 12, 8, torch::kCPU, any_generator());
  const std::vector<Network> networks = {{&mixer, 0, "mixer"}};
  load_networks(file, "/weights", networks);

  const Tensor input = file.tensor("/inputs/state_action");
  const Tensor values = file.tensor("/inputs/values").t().requires_grad_();  // [N, B]
  const Mixer::Weights weights = mixer.weights(input);
  check_close(weights.w.t(), file.tensor("/outputs/w"), "w");
  check_close(weights.b, file.column("/outputs/b"), "b");
  const Tensor mixed = mixer.forward(input, values);
  check_close(mixed, file.column("/outputs/mixed"), "mixed");

  check_gradients(file, "/outputs/grad_of_sum", networks, mixed.sum());
  const Tensor by_values = torch::autograd::grad({mixer.forward(input, values).sum()}, {values})[0];
  check_close(by_values.t(), file.tensor("/outputs/grad_of_sum_wrt_values"), "gradient of values");
}

}  // namespace labhost::golden
