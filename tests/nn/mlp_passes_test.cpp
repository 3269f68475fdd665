// What networks share beyond mlp_test.cpp: inputs that several copies read, copies that stay fixed,
// bfloat16.
#include <doctest/doctest.h>

#include "core/nn/action_fan.hpp"
#include "core/nn/mlp_passes.hpp"
#include "tests/base/scratch_folder.hpp"
#include "tests/nn/reference.hpp"

namespace labhost {

namespace {

using testing::contains;
using testing::DefaultType;
using testing::generator;
using testing::input_error;
using testing::largest_difference;

bool has_bf16() {
  try {
    return precision_of("bf16", torch::kCPU) == Precision::kBFloat16;
  } catch (const InputError&) {
    return false;
  }
}

double relative(const Tensor& a, const Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

}  // namespace

TEST_CASE("copies that share an input read it as if it were repeated, and add up its gradient") {
  const DefaultType precision(torch::kFloat64);
  const Mlp network(6, {5, 3, 16, 2}, torch::kCPU, generator());
  // 700 rows: more than one tile.
  const Tensor input = torch::randn({2, 700, 5}, generator(2)).requires_grad_();
  const Tensor repeated = input.detach().repeat({3, 1, 1}).requires_grad_();
  const Tensor cotangent = torch::randn({6, 700, 3}, generator(3));
  const Tensor shared = network.forward(input), whole = network.forward(repeated);
  CHECK(largest_difference(shared, whole) < 1e-12);
  std::vector<Tensor> with = network.parameters(), without = with;
  with.push_back(input);
  without.push_back(repeated);
  const auto found = torch::autograd::grad({(shared * cotangent).sum()}, with);
  auto expected = torch::autograd::grad({(whole * cotangent).sum()}, without);
  expected.back() = expected.back().view({3, 2, 700, 5}).sum(0);
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(largest_difference(found[i], expected[i]) < 1e-10);
  }
  CHECK_THROWS_AS(network.forward(torch::zeros({4, 7, 5})), c10::Error);
}

TEST_CASE("the batched passes of other devices give what the CPU's passes give") {
  const DefaultType precision(torch::kFloat64);
  const Mlp network(4, {5, 3, 16, 2}, torch::kCPU, generator());
  const Tensor input = torch::randn({2, 33, 5}, generator(2)),
               gradient = torch::randn({4, 33, 3}, generator(3));
  const torch::NoGradGuard no_grad;
  const at::TensorList parameters(network.parameters());
  const mlp::Forward ours = mlp::forward(input, parameters, true),
                     theirs = mlp::forward_batched(input, parameters, true, false);
  CHECK(largest_difference(ours.output, theirs.output) < 1e-12);
  const mlp::Gradients a = mlp::backward(gradient, input, ours.activations, parameters, {}),
                       b = mlp::backward_batched(gradient, input, theirs.activations, parameters,
                                                 {}, false);
  CHECK(largest_difference(a.input, b.input) < 1e-12);
  for (std::size_t i = 0; i < a.parameters.size(); ++i) {
    CAPTURE(i);
    CHECK(largest_difference(a.parameters[i], b.parameters[i]) < 1e-12);
  }
}

TEST_CASE("fixed copies pass gradients to their input and none to their parameters") {
  const DefaultType precision(torch::kFloat64);
  const Mlp network(4, {5, 1, 16, 2}, torch::kCPU, generator());
  const Tensor input = torch::randn({2, 9, 5}, generator(2)).requires_grad_();
  const Tensor fixed = network.forward_fixed(input, 2, 2);
  CHECK(largest_difference(fixed, network.forward(input).narrow(0, 2, 2)) < 1e-12);
  const auto found = torch::autograd::grad({fixed.sum()}, {input});
  const auto expected =
      torch::autograd::grad({network.forward(input).narrow(0, 2, 2).sum()}, {input});
  CHECK(largest_difference(found[0], expected[0]) < 1e-12);
  CHECK_THROWS_AS(
      torch::autograd::grad({network.forward_fixed(input, 2, 2).sum()}, network.parameters()),
      c10::Error);
}

TEST_CASE("bfloat16 networks are within its rounding of float32 ones") {
  if (!has_bf16()) {
    MESSAGE("skipped: this CPU has no AVX512-BF16");
    return;
  }
  Mlp network(4, {29, 1, 64, 2}, torch::kCPU, generator());
  const Tensor input = torch::randn({2, 600, 29}, generator(2)).requires_grad_();
  std::vector<Tensor> wanted = network.parameters();
  wanted.push_back(input);
  const auto gradients = [&] {
    return torch::autograd::grad({network.forward(input).square().mean()}, wanted);
  };
  const Tensor full = network.forward(input).detach();
  const auto expected = gradients();
  network.set_precision(Precision::kBFloat16);
  const Tensor rounded = network.forward(input).detach();
  CHECK(relative(rounded, full) > 0);  // another computation
  CHECK(relative(rounded, full) < 0.02);
  {
    const torch::NoGradGuard no_grad;
    CHECK(torch::equal(network.forward(input), rounded));
    network.freeze();
    CHECK(torch::equal(network.forward(input), rounded));
  }
  const auto found = gradients();
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK((found[i].scalar_type() == torch::kFloat32));
    CHECK(relative(found[i], expected[i]) < 0.05);
  }
}

TEST_CASE("NaN in an input comes out as NaN in both precisions") {
  for (const bool bf16 : {false, true}) {
    if (bf16 && !has_bf16()) continue;
    Mlp network(1, {3, 1, 16, 2}, torch::kCPU, generator());
    if (bf16) network.set_precision(Precision::kBFloat16);
    Tensor input = torch::zeros({1, 4, 3});
    input[0][2][1] = std::nan("");
    const torch::NoGradGuard no_grad;
    const Tensor output = network.forward(input).flatten();
    CHECK(output.isnan()[2].item<bool>());
    CHECK(output.isnan().sum().item<std::int64_t>() == 1);
  }
}

TEST_CASE("precision is named fp32 or bf16, and bf16 needs float32 parameters") {
  CHECK(precision_of("fp32", torch::kCPU) == Precision::kFull);
  CHECK(contains(input_error([] { precision_of("fp16", torch::kCPU); }),
                 "'fp32' or 'bf16', not 'fp16'"));
  const DefaultType precision(torch::kFloat64);
  CHECK(
      contains(input_error([] { precision_of("bf16", torch::kCPU); }), "needs float32 parameters"));
}

TEST_CASE("bfloat16 critics of many actions are within its rounding") {
  if (!has_bf16()) {
    MESSAGE("skipped: this CPU has no AVX512-BF16");
    return;
  }
  TaskSpec task;
  task.state_width = 5;
  task.horizon = 1;
  task.agents = {{"a", {0, 1, 2, 3, 4}, {false, 2}}, {"b", {1, 2}, {false, 2}}};
  TwinQ q(task, 5, 64, torch::kCPU, generator());
  const Tensor input = torch::randn({2, 40, 5}, generator(2)),
               actions = torch::rand({2, 40, 30, 2}, generator(3)) * 2 - 1,
               correction = torch::randn({2, 40, 30}, generator(4));
  const auto gradients = [&] {
    return torch::autograd::grad({fan_logsumexp(q, input, actions, correction, 1.0).sum()},
                                 q.parameters());
  };
  const Tensor values = fan_values(q, input, actions, 2);
  const auto expected = gradients();
  q.set_precision(Precision::kBFloat16);
  CHECK(relative(fan_values(q, input, actions, 2), values) < 0.02);
  const auto found = gradients();
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(relative(found[i], expected[i]) < 0.05);
  }
}

}  // namespace labhost
