// The conservative term's importance sampling on two rows, by hand.
#include "core/nn/cql_losses.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace labhost {

namespace {

using torch::Tensor;

constexpr double kNoise = 0.2;

Tensor tensor(const std::vector<double>& values, const std::vector<std::int64_t>& shape) {
  return torch::tensor(values, torch::kFloat64).view(shape);
}

/// Of kNoise times standard normal draws, one per component.
double noise_density(const std::vector<double>& draws) {
  double density = 1;
  for (const double draw : draws) {
    density *= std::exp(-0.5 * draw * draw) / (kNoise * std::sqrt(2 * std::acos(-1.0)));
  }
  return density;
}

void check(const Tensor& found, double expected) {
  CHECK(found.item<double>() == doctest::Approx(expected).epsilon(1e-12));
}

/// Two agents of 2 components and 1, two rows, one sample of each kind.
cql::Samples two_rows(bool log_density) {
  const std::vector<std::int64_t> own = {2, 2, 2}, drawn = {2, 2, 1, 2};
  return cql::samples(tensor({0.5, -0.5, 0.9, 0.1, -0.2, 0.7, 0.3, 0.7}, drawn),
                      tensor({0.1, 0.2, -0.3, 0.95, 0.4, 0, -0.6, 0}, own),
                      tensor({1, -1, 0, 2, 0.5, 3, -2, 3}, drawn),
                      tensor({0, -0.1, 0.8, 0.3, -0.9, 0, 0.2, 0}, own),
                      tensor({-0.5, 0.5, 2, 1, -1, 3, 0, 3}, drawn), kNoise,
                      tensor({1, 1, 1, 0}, {2, 1, 2}), log_density);
}

}  // namespace

TEST_CASE("samples are uniform, around the policy's actions now and next, within the bounds") {
  const Tensor action = two_rows(true).action;  // [N, B, 3, A]
  const Tensor first =
      tensor({0.5, -0.5, 0.3, 0.0, -0.1, 0.0, 0.9, 0.1, -0.3, 1, 1, 0.5}, {2, 3, 2});
  CHECK(torch::allclose(action[0], first, 0, 1e-12));
  const Tensor second = tensor({-0.2, 0, 0.5, 0, -1, 0, 0.3, 0, -1, 0, 0.2, 0}, {2, 3, 2});
  CHECK(torch::allclose(action[1], second, 0, 1e-12));
}

TEST_CASE("with log densities the soft maximum is log sum exp(Q) / density") {
  const Tensor correction = two_rows(true).correction;  // [N, B, 3]
  const std::vector<double> q = {0.3, -1.2, 0.8};
  const auto soft_maximum = [&](std::int64_t agent, std::int64_t row) {
    return torch::logsumexp(tensor(q, {3}) - correction[agent][row], 0);
  };
  const auto by_hand = [&](double uniform, double now, double next) {
    return std::log(std::exp(q[0]) / uniform + std::exp(q[1]) / now + std::exp(q[2]) / next);
  };
  check(soft_maximum(0, 0), by_hand(0.25, noise_density({1, -1}), noise_density({-0.5, 0.5})));
  check(soft_maximum(0, 1), by_hand(0.25, noise_density({0, 2}), noise_density({2, 1})));
  // The padding's draws do not count.
  check(soft_maximum(1, 0), by_hand(0.5, noise_density({0.5}), noise_density({-1})));
  check(soft_maximum(1, 1), by_hand(0.5, noise_density({-2}), noise_density({0})));
}

TEST_CASE("the released code subtracts the noise's density itself, and the uniform one's log") {
  const Tensor correction = two_rows(false).correction;
  check(correction[0][1][0], std::log(0.25));
  check(correction[0][1][1], noise_density({0, 2}));
  check(correction[1][0][0], std::log(0.5));
  check(correction[1][0][2], noise_density({-1}));
}

TEST_CASE("the conservative term adds critics and agents, each against its data's mean value") {
  const Tensor soft_maximum = tensor({1, 2, 3, 4}, {2, 2});
  const Tensor q = tensor({1, 3, 0, 1, -1, 1, 2, 2}, {2, 2, 2});
  check(cql::conservative_term(soft_maximum, q), (1 - 2) + (2 - 0.5) + (3 - 0) + (4 - 2));
}

}  // namespace labhost
