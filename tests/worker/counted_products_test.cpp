#include "core/runner/worker/counted_products.hpp"

#include <doctest/doctest.h>

#include "tests/nn/reference.hpp"

namespace labhost {

TEST_CASE("a product counts 2 m n k, forward and backward") {
  const Tensor a = torch::ones({3, 4}, torch::requires_grad()),
               b = torch::ones({4, 5}, torch::requires_grad());
  const CountedProducts counted;
  CHECK(counted.operations() == 0);
  const Tensor product = torch::mm(a, b);
  CHECK(counted.operations() == 2 * 3 * 4 * 5);
  product.sum().backward();  // one product per factor
  CHECK(counted.operations() == 3 * 2 * 3 * 4 * 5);
}

TEST_CASE("batched products and those with an addend count the same") {
  const torch::NoGradGuard no_grad;
  const CountedProducts counted;
  torch::bmm(torch::ones({6, 3, 4}), torch::ones({6, 4, 5}));
  CHECK(counted.operations() == 6 * 120);
  torch::baddbmm(torch::ones({6, 1, 5}), torch::ones({6, 3, 4}), torch::ones({6, 4, 5}));
  CHECK(counted.operations() == 12 * 120);
  torch::addmm(torch::ones({5}), torch::ones({3, 4}), torch::ones({4, 5}));
  CHECK(counted.operations() == 13 * 120);
}

TEST_CASE("element-wise work is not counted, and counting starts anew") {
  const Tensor x = torch::ones({100, 100});
  {
    const CountedProducts counted;
    torch::mm(x, x);
    CHECK(counted.operations() == 2e6);
  }
  torch::mm(x, x);  // nobody counts
  const CountedProducts counted;
  x.add(x).mul(x).relu().sum();
  CHECK(counted.operations() == 0);
}

TEST_CASE("a network's arithmetic is that of its layers") {
  const Mlp network(3, {5, 2, 8, 2}, torch::kCPU, testing::generator());
  const Tensor x = torch::ones({3, 16, 5});
  const double layers[] = {5 * 8, 8 * 8, 8 * 2};
  const double forward = 2.0 * 3 * 16 * (layers[0] + layers[1] + layers[2]);
  // Backward: the gradient of every weight, and of every layer's input but the network's own.
  const double backward = 2.0 * 3 * 16 * (layers[0] + 2 * layers[1] + 2 * layers[2]);
  const CountedProducts counted;
  const Tensor y = network.forward(x);
  CHECK(counted.operations() == forward);
  torch::autograd::grad({y.sum()}, network.parameters());
  CHECK(counted.operations() == forward + backward);
}

}  // namespace labhost
