// The fused memory against its formulas, in double precision.
#include "core/nn/memory.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/nn/reference.hpp"

namespace labhost {

namespace {

using testing::DefaultType;
using testing::generator;
using testing::largest_difference;

Tensor histories(std::int64_t agents, std::int64_t batch, const MemoryShape& shape) {
  return torch::randn({agents, batch, shape.length, shape.pair}, generator(3));
}

std::vector<Tensor> gradients(const MemoryEncoder& memory, const Tensor& embedding) {
  const Tensor weight = torch::randn(embedding.sizes(), generator(5));
  return torch::autograd::grad({(embedding * weight).sum()}, memory.parameters());
}

/// Rounding of a gradient is judged by its size: it sums over all rows.
void check_same(const MemoryEncoder& memory, const Tensor& history) {
  const Tensor fused = memory.forward(history), plain = memory.forward_as_written(history);
  REQUIRE(fused.sizes() ==
          torch::IntArrayRef({history.size(0), history.size(1), memory.shape().width}));
  CHECK(largest_difference(fused, plain) < 1e-11);
  const auto found = gradients(memory, fused), expected = gradients(memory, plain);
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    REQUIRE(found[i].sizes() == expected[i].sizes());
    const double size = 1 + expected[i].abs().max().item<double>();
    CHECK(largest_difference(found[i], expected[i]) < 1e-11 * size);
  }
}

void check_shape(std::int64_t agents, std::int64_t batch, const MemoryShape& shape) {
  CAPTURE(batch);
  CAPTURE(shape.pair);
  CAPTURE(shape.length);
  CAPTURE(shape.width);
  const MemoryEncoder memory(agents, shape, torch::kCPU, generator());
  check_same(memory, histories(agents, batch, shape));
}

}  // namespace

TEST_CASE("embeddings and gradients are those of the formulas") {
  const DefaultType doubles(torch::kFloat64);
  // A tile holds 64 histories.
  for (const std::int64_t batch : {1, 2, 63, 64, 65, 128, 130}) {
    check_shape(2, batch, {7, 10, 16});
  }
  // Lengths around the width of a vector, and pairs that with them fill it, or do not.
  for (const std::int64_t length : {1, 2, 15, 16, 17, 33, 63, 64}) {
    check_shape(2, 3, {7, length, 16});
    check_shape(1, 3, {16, length, 9});
  }
  check_shape(3, 5, {1, 4, 8});
  check_shape(1, 5, {31, 10, 128});
}

TEST_CASE(
    "the largest shape that the kernels take, and shapes beyond, which are computed as written") {
  const DefaultType doubles(torch::kFloat64);
  check_shape(2, 3, {240, 16, 8});  // 240 x 16 + 256 = 4096 numbers on the stack
  for (const MemoryShape& shape :
       {MemoryShape{241, 16, 8}, MemoryShape{300, 20, 8}, MemoryShape{3, 65, 8}}) {
    CAPTURE(shape.pair);
    check_shape(2, 3, shape);
    const MemoryEncoder memory(2, shape, torch::kCPU, generator());
    const Tensor history = histories(2, 3, shape);
    CHECK(torch::equal(memory.forward(history), memory.forward_as_written(history)));
  }
}

TEST_CASE("without gradients embeddings are the same to the bit") {
  const DefaultType doubles(torch::kFloat64);
  for (const std::int64_t batch : {1, 64, 65, 130}) {
    CAPTURE(batch);
    const MemoryShape shape{7, 10, 16};
    const MemoryEncoder memory(2, shape, torch::kCPU, generator());
    const Tensor history = histories(2, batch, shape);
    const Tensor with = memory.forward(history);
    const torch::NoGradGuard no_grad;
    const Tensor without = memory.forward(history);
    CHECK(!without.requires_grad());
    CHECK(torch::equal(with, without));
  }
}

TEST_CASE("zero pairs before an episode's start are attended to like others") {
  const DefaultType doubles(torch::kFloat64);
  const MemoryShape shape{7, 5, 16};
  const MemoryEncoder memory(2, shape, torch::kCPU, generator());
  Tensor history = histories(2, 6, shape);
  for (std::int64_t row = 0; row < 6; ++row) history.select(1, row).narrow(1, 0, 5 - row).zero_();
  check_same(memory, history);
  // All of an empty history's pairs are zero, and its embedding is not.
  CHECK(memory.forward(history)[0][0].abs().max().item<double>() > 0.1);
}

TEST_CASE("a memory of one pair is that pair's normalised embedding") {
  const DefaultType doubles(torch::kFloat64);
  const MemoryShape shape{4, 1, 8};
  const MemoryEncoder memory(1, shape, torch::kCPU, generator());
  const Tensor history = histories(1, 5, shape);
  const torch::NoGradGuard no_grad;
  // At position 0 sines are 0 and cosines 1. There is nothing to weigh.
  const Tensor place = torch::tensor({0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0});
  const Tensor x = torch::mm(history[0].squeeze(1), memory.part(MemoryEncoder::kEmbed)[0]) +
                   memory.part(MemoryEncoder::kEmbedBias)[0] + place;
  const Tensor sum = x + torch::mm(x, memory.part(MemoryEncoder::kValue)[0]) +
                     memory.part(MemoryEncoder::kValueBias)[0];
  CHECK(largest_difference(memory.forward(history)[0], torch::layer_norm(sum, {8})) < 1e-12);
}

TEST_CASE("a NaN in a history is a NaN in its embedding, and in no other") {
  const DefaultType doubles(torch::kFloat64);
  const MemoryShape shape{7, 10, 16};
  const MemoryEncoder memory(2, shape, torch::kCPU, generator());
  for (const std::int64_t pair : {0, 4, 9}) {
    for (const bool graph : {true, false}) {
      const torch::AutoGradMode mode(graph);
      Tensor history = histories(2, 66, shape);
      history[1][65][pair][2] = std::numeric_limits<double>::quiet_NaN();
      const Tensor broken = memory.forward(history).isnan();
      CHECK(broken[1][65].all().item<bool>());
      CHECK(broken.sum().item<int>() == shape.width);
    }
  }
}

TEST_CASE("padding does not change what an agent remembers") {
  const DefaultType doubles(torch::kFloat64);
  // The second agent's pair is 2 of 4 observed numbers and 1 of 2 action components.
  const Tensor live = torch::tensor({0, 1, 4}, torch::kLong);
  const MemoryEncoder alone(1, {3, 5, 16}, torch::kCPU, generator(1));
  const MemoryEncoder team(2, {6, 5, 16}, torch::kCPU, generator(2), {6, 3});
  {
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < team.parameters().size(); ++i) {
      Tensor own = team.parameters()[i][1];
      if (i == MemoryEncoder::kEmbed) {
        own.index_copy_(0, live, alone.parameters()[i][0]);
      } else {
        own.copy_(alone.parameters()[i][0]);
      }
    }
  }
  const Tensor own = histories(1, 7, alone.shape());
  Tensor history = histories(2, 7, team.shape());
  history[1].zero_();
  Tensor second = history[1];
  second.index_copy_(2, live, own[0]);
  CHECK(largest_difference(team.forward(history)[1], alone.forward(own)[0]) < 1e-12);
  const auto gradient = torch::autograd::grad({team.forward(history)[1].sum()},
                                              {team.part(MemoryEncoder::kEmbed)})[0];
  CHECK(
      gradient[1].index_select(0, torch::tensor({2, 3, 5}, torch::kLong)).eq(0).all().item<bool>());
  CHECK(gradient[0].eq(0).all().item<bool>());  // of the other agent
}

TEST_CASE("padding does not count in the initial bounds") {
  const DefaultType doubles(torch::kFloat64);
  const MemoryEncoder memory(2, {100, 3, 64}, torch::kCPU, generator(), {100, 4});
  const Tensor largest = memory.part(MemoryEncoder::kEmbed).detach().abs().amax({1, 2});
  CHECK(largest[0].item<double>() == doctest::Approx(0.1).epsilon(0.02));
  CHECK(largest[1].item<double>() == doctest::Approx(0.5).epsilon(0.02));
}

TEST_CASE("histories need not be contiguous, and have no gradient") {
  const DefaultType doubles(torch::kFloat64);
  const MemoryShape shape{7, 5, 16};
  const MemoryEncoder memory(2, shape, torch::kCPU, generator());
  const Tensor history = histories(2, 6, shape);
  const Tensor strange = history.transpose(1, 2).contiguous().transpose(1, 2);
  REQUIRE(!strange.is_contiguous());
  CHECK(torch::equal(memory.forward(strange), memory.forward(history)));
  const Tensor asking = history.clone().requires_grad_();
  CHECK_THROWS(memory.forward(asking).sum().backward());
}

}  // namespace labhost
