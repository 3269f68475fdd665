#include "core/nn/mlp.hpp"

#include <doctest/doctest.h>

#include "core/nn/values.hpp"
#include "core/runner/worker/counted_products.hpp"
#include "tests/nn/reference.hpp"

namespace labhost {

namespace {

using testing::DefaultType;
using testing::generator;
using testing::largest_difference;
using testing::plain_forward;

double largest(const Tensor& tensor) { return tensor.abs().max().item<double>(); }

}  // namespace

TEST_CASE("initial weights and biases fill +-1/sqrt(inputs of the layer)") {
  const MlpShape shape{20, 3, 50, 2};
  const Mlp network(4, shape, torch::kCPU, generator());
  const double bounds[] = {1 / std::sqrt(20.0), 1 / std::sqrt(50.0), 1 / std::sqrt(50.0)};
  for (std::int64_t layer = 0; layer < 3; ++layer) {
    CAPTURE(layer);
    const double bound = bounds[layer] * (1 + 1e-6);
    CHECK(largest(network.weight(layer)) <= bound);
    CHECK(largest(network.weight(layer)) > 0.95 * bound);
    CHECK(largest(network.bias(layer)) <= bound);
    CHECK(largest(network.bias(layer)) > 0.5 * bound);
    CHECK(std::abs(network.weight(layer).mean().item<double>()) < 0.1 * bound);
  }
  // Copies are drawn apart.
  CHECK(largest_difference(network.weight(0)[0], network.weight(0)[1]) > 0);
}

TEST_CASE("padded inputs do not count in the initialisation of the first layer") {
  const Mlp network(2, {20, 3, 50, 2}, torch::kCPU, generator(), {20, 4});
  CHECK(largest(network.weight(0)[0]) <= 1 / std::sqrt(20.0) * (1 + 1e-6));
  CHECK(largest(network.weight(0)[1]) <= 1 / std::sqrt(4.0) * (1 + 1e-6));
  CHECK(largest(network.weight(0)[1]) > 0.95 / std::sqrt(4.0));
  CHECK(largest(network.bias(0)[1]) > 0.9 / std::sqrt(4.0));
  CHECK(largest(network.weight(1)[1]) <= 1 / std::sqrt(50.0) * (1 + 1e-6));
}

TEST_CASE("live inputs are the agents' own widths and what follows them") {
  TaskSpec task;
  task.state_width = 5;
  task.agents = {{"a", {0, 1, 2, 3, 4}, {false, 2}}, {"b", {1, 2}, {false, 2}}};
  CHECK(live_inputs(task, 5) == std::vector<std::int64_t>{5, 2});
  CHECK(live_inputs(task, 7) == std::vector<std::int64_t>{7, 4});  // 2 more behind the observation
}

TEST_CASE("the same generator gives the same network") {
  const Mlp a(2, {3, 2, 8, 2}, torch::kCPU, generator()),
      b(2, {3, 2, 8, 2}, torch::kCPU, generator());
  const Mlp c(2, {3, 2, 8, 2}, torch::kCPU, generator(2));
  CHECK(torch::equal(a.weight(1), b.weight(1)));
  CHECK_FALSE(torch::equal(a.weight(1), c.weight(1)));
}

TEST_CASE("copies are independent networks, forward and backward") {
  const DefaultType precision(torch::kFloat64);
  for (const std::int64_t layers : {0, 1, 2, 4}) {
    CAPTURE(layers);
    const Mlp network(3, {5, 2, 16, layers}, torch::kCPU, generator());
    const Tensor x = torch::randn({3, 7, 5}, generator(2)).requires_grad_();
    const Tensor weighting = torch::randn({3, 7, 2}, generator(3));
    const Tensor y = network.forward(x);
    std::vector<Tensor> plain;
    for (std::int64_t c = 0; c < 3; ++c) plain.push_back(plain_forward(network, c, x[c]));
    const Tensor expected = torch::stack(plain);
    CHECK(largest_difference(y, expected) < 1e-12);
    {
      const torch::NoGradGuard no_grad;
      CHECK(largest_difference(network.forward(x), expected) < 1e-12);
    }
    std::vector<Tensor> inputs = {x};
    for (const Tensor& parameter : network.parameters()) inputs.push_back(parameter);
    const auto found = torch::autograd::grad({(y * weighting).sum()}, inputs);
    const auto wanted = torch::autograd::grad({(expected * weighting).sum()}, inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      CAPTURE(i);
      CHECK(largest_difference(found[i], wanted[i]) < 1e-12);
    }
  }
}

TEST_CASE("gradients that nobody asked for cost no products") {
  const Mlp network(1, {3, 2, 8, 1}, torch::kCPU, generator());
  const Tensor x = torch::randn({1, 4, 3}, generator(2)).requires_grad_();
  constexpr double kForward = 2 * 4 * (3 * 8 + 8 * 2), kFirstLayer = 2 * 4 * 3 * 8;
  const auto cost = [&](const std::vector<Tensor>& wanted) {
    const Tensor y = network.forward(x);
    const CountedProducts counted;
    torch::autograd::grad({y.sum()}, wanted);
    return counted.operations();
  };
  CHECK(cost({x}) == kForward);                                     // as for the input of a critic
  CHECK(cost(network.parameters()) == 2 * kForward - kFirstLayer);  // as for a critic's own loss
}

TEST_CASE("inputs may be views that are not contiguous") {
  const Mlp network(2, {3, 2, 8, 2}, torch::kCPU, generator());
  const Tensor one = torch::randn({4, 3}, generator(2));
  const Tensor shared = one.unsqueeze(0).expand({2, -1, -1});
  const Tensor transposed = torch::randn({4, 2, 3}, generator(3)).transpose(0, 1);
  for (const Tensor& x : {shared, transposed}) {
    const Tensor copied = x.contiguous();
    CHECK(largest_difference(network.forward(x), network.forward(copied)) < 1e-6);
    const auto of_view = torch::autograd::grad({network.forward(x).sum()}, network.parameters());
    const auto of_copy =
        torch::autograd::grad({network.forward(copied).sum()}, network.parameters());
    for (std::size_t i = 0; i < of_view.size(); ++i) {
      CHECK(largest_difference(of_view[i], of_copy[i]) < 1e-5);
    }
  }
}

TEST_CASE("a NaN that goes into a network comes out of it") {
  const Mlp network(1, {2, 1, 8, 2}, torch::kCPU, generator());
  const Tensor x = torch::full({1, 3, 2}, std::nan(""));
  CHECK(network.forward(x).isnan().all().item<bool>());
  const torch::NoGradGuard no_grad;
  CHECK(network.forward(x).isnan().all().item<bool>());
}

TEST_CASE("the forward pass leaves its input as it was") {
  const Mlp network(1, {2, 1, 8, 2}, torch::kCPU, generator());
  const Tensor x = torch::randn({1, 3, 2}, generator(2)), before = x.clone();
  network.forward(x);
  const torch::NoGradGuard no_grad;
  network.forward(x);
  CHECK(torch::equal(x, before));
}

TEST_CASE("target networks are copied and averaged") {
  const DefaultType precision(torch::kFloat64);
  const Mlp online(2, {3, 2, 8, 2}, torch::kCPU, generator(1));
  Mlp target(2, {3, 2, 8, 2}, torch::kCPU, generator(2));
  const Tensor before = target.weight(1).detach().clone();
  target.polyak(online, 0.25);
  CHECK(largest_difference(target.weight(1), 0.75 * before + 0.25 * online.weight(1)) < 1e-15);
  target.polyak(online, 0);
  CHECK(largest_difference(target.weight(1), 0.75 * before + 0.25 * online.weight(1)) < 1e-15);
  target.copy_from(online);
  for (std::size_t i = 0; i < online.parameters().size(); ++i) {
    CHECK(torch::equal(target.parameters()[i], online.parameters()[i]));
  }
  // A copy, not the same memory.
  const Tensor kept = online.bias(0).detach().clone();
  {
    const torch::NoGradGuard no_grad;
    Tensor bias = target.bias(0);
    bias.zero_();
  }
  CHECK(torch::equal(online.bias(0), kept));
}

TEST_CASE("a saved network is loaded to the bit, and only into its own shape") {
  const Mlp network(2, {3, 2, 8, 2}, torch::kCPU, generator(1));
  Archive archive;
  network.save(archive, "network");
  Mlp again(2, {3, 2, 8, 2}, torch::kCPU, generator(2));
  again.load(archive, "network");
  for (std::size_t i = 0; i < network.parameters().size(); ++i) {
    CHECK(torch::equal(again.parameters()[i], network.parameters()[i]));
  }
  Mlp other(2, {3, 2, 9, 2}, torch::kCPU, generator(2));
  CHECK_THROWS_AS(other.load(archive, "network"), InputError);
}

TEST_CASE("the last layer of a PPO policy starts small and without bias") {
  Mlp network(2, {3, 2, 8, 2}, torch::kCPU, generator());
  const Tensor last = network.weight(2).detach().clone(),
               first = network.weight(0).detach().clone();
  network.shrink_last_layer(0.1);
  CHECK(largest_difference(network.weight(2), 0.1 * last) < 1e-8);
  CHECK(network.bias(2).eq(0).all().item<bool>());
  CHECK(torch::equal(network.weight(0), first));
  CHECK(network.weight(2).requires_grad());
}

}  // namespace labhost
