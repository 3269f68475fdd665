#include "core/nn/adam.hpp"

#include <doctest/doctest.h>

#include "core/nn/mlp.hpp"
#include "tests/nn/reference.hpp"

namespace labhost {

namespace {

using testing::DefaultType;
using testing::generator;
using testing::largest_difference;
using testing::TextbookAdam;

constexpr std::int64_t kCopies = 2;
constexpr int kSteps = 4;

/// Two modules of two copies each, and a gradient of our choice for each parameter and step.
struct Problem {
  Problem()
      : first(kCopies, {3, 2, 4, 1}, torch::kCPU, generator(1)),
        second(kCopies, {2, 1, 5, 2}, torch::kCPU, generator(2)) {
    at::Generator draws = generator(3);
    for (int step = 0; step < kSteps; ++step) {
      std::vector<Tensor> of_step;
      for (const Tensor& parameter : parameters()) {
        // Copy 0 of either module stays far below a norm of 1, copy 1 lies far above it.
        const Tensor size = torch::tensor({0.01, 3.0}).to(torch::kFloat64).view({kCopies, 1, 1});
        of_step.push_back(size * (step + 1) *
                          torch::randn(parameter.sizes(), draws, torch::kFloat64));
      }
      gradients.push_back(of_step);
    }
  }

  std::vector<Tensor> parameters() const {
    std::vector<Tensor> all = first.parameters();
    all.insert(all.end(), second.parameters().begin(), second.parameters().end());
    return all;
  }
  /// A loss whose gradient is that of `step`.
  Tensor loss(int step) const {
    Tensor sum = torch::zeros({});
    const std::vector<Tensor> all = parameters();
    for (std::size_t i = 0; i < all.size(); ++i) {
      sum = sum +
            (gradients[static_cast<std::size_t>(step)][i].to(all[i].scalar_type()) * all[i]).sum();
    }
    return sum;
  }
  /// Squared norm of copy c of one module (its parameters are first..last of the gradients).
  double squared_norm(int step, std::int64_t copy, std::size_t begin, std::size_t end) const {
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) {
      sum += gradients[static_cast<std::size_t>(step)][i][copy].square().sum().item<double>();
    }
    return sum;
  }

  Mlp first, second;
  std::vector<std::vector<Tensor>> gradients;  // [step][parameter]
};

double clip_factor(double squared_norm, double max_norm) {
  return std::min(1.0, max_norm / (std::sqrt(squared_norm) + 1e-6));
}

/// The clip factor of copy c of a module at a step, by the mode's definition.
double factor_by_hand(const Problem& p, Clip clip, double max_norm, int step, std::int64_t copy,
                      bool in_first) {
  const std::size_t middle = p.first.parameters().size(), end = p.parameters().size();
  const auto norm = [&](std::int64_t c, bool module_first) {
    return module_first ? p.squared_norm(step, c, 0, middle) : p.squared_norm(step, c, middle, end);
  };
  switch (clip) {
    case Clip::kNone:
      return 1;
    case Clip::kPerCopy:
      return clip_factor(norm(copy, in_first), max_norm);
    case Clip::kJointCopy:
      return clip_factor(norm(copy, true) + norm(copy, false), max_norm);
    case Clip::kGlobal:
      break;
  }
  return clip_factor(norm(0, true) + norm(0, false) + norm(1, true) + norm(1, false), max_norm);
}

/// Parameters after all steps, by the textbook.
std::vector<Tensor> by_hand(const Problem& p, Clip clip, double max_norm, double rate) {
  std::vector<Tensor> results;
  const std::vector<Tensor> parameters = p.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    TextbookAdam adam(parameters[i].to(torch::kFloat64));
    for (int step = 0; step < kSteps; ++step) {
      Tensor gradient = p.gradients[static_cast<std::size_t>(step)][i].clone();
      for (std::int64_t c = 0; c < kCopies; ++c) {
        gradient[c] *= factor_by_hand(p, clip, max_norm, step, c, i < p.first.parameters().size());
      }
      adam.step(gradient, rate);
    }
    results.push_back(adam.value());
  }
  return results;
}

void check_against_hand(Clip clip, double max_norm, double tolerance) {
  Problem p;
  const std::vector<Tensor> expected = by_hand(p, clip, max_norm, 0.01);
  Adam adam({&p.first, &p.second}, 0.01, clip, max_norm);
  for (int step = 0; step < kSteps; ++step) adam.minimise(p.loss(step));
  const std::vector<Tensor> found = p.parameters();
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(largest_difference(found[i].to(torch::kFloat64), expected[i]) < tolerance);
  }
}

}  // namespace

TEST_CASE("Adam is the textbook's in float64, and in float32 to its precision") {
  {
    const DefaultType precision(torch::kFloat64);
    check_against_hand(Clip::kNone, 1, 1e-13);
  }
  check_against_hand(Clip::kNone, 1, 1e-6);
}

TEST_CASE("gradients are clipped per copy, per copy over modules, or over everything") {
  // By hand in each mode; factors differ between copies, modules and steps.
  for (const Clip clip : {Clip::kPerCopy, Clip::kJointCopy, Clip::kGlobal}) {
    CAPTURE(static_cast<int>(clip));
    {
      const DefaultType precision(torch::kFloat64);
      check_against_hand(clip, 1, 1e-12);
      check_against_hand(clip, 0.05, 1e-12);
    }
    check_against_hand(clip, 1, 1e-5);
  }
}

TEST_CASE("the clipping modes of the other tests really differ") {
  const DefaultType precision(torch::kFloat64);
  const Problem p;
  const Clip modes[] = {Clip::kNone, Clip::kPerCopy, Clip::kJointCopy, Clip::kGlobal};
  for (const Clip a : modes) {
    for (const Clip b : modes) {
      if (a == b) continue;
      double difference = 0;
      const auto of_a = by_hand(p, a, 1, 0.01), of_b = by_hand(p, b, 1, 0.01);
      for (std::size_t i = 0; i < of_a.size(); ++i) {
        difference = std::max(difference, largest_difference(of_a[i], of_b[i]));
      }
      CHECK(difference > 1e-4);
    }
  }
}

TEST_CASE("minimise returns the loss without its graph and may change its rate") {
  const DefaultType precision(torch::kFloat64);
  Problem p;
  Adam adam({&p.first, &p.second}, 0.01, Clip::kNone);
  const Tensor loss = p.loss(0);
  const Tensor returned = adam.minimise(loss);
  CHECK_FALSE(returned.requires_grad());
  CHECK(returned.item<double>() == loss.item<double>());
  const Tensor before = p.first.weight(0).detach().clone();
  adam.set_learning_rate(0);
  adam.minimise(p.loss(1));
  CHECK(torch::equal(p.first.weight(0), before));
}

TEST_CASE("saved and loaded, an optimiser goes on to the bit") {
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    const DefaultType precision(type);
    Problem whole, resumed;
    Adam adam({&whole.first, &whole.second}, 0.01, Clip::kPerCopy);
    adam.minimise(whole.loss(0));
    adam.minimise(whole.loss(1));
    Archive archive;
    whole.first.save(archive, "first");
    whole.second.save(archive, "second");
    adam.save(archive, "adam");
    resumed.first.load(archive, "first");
    resumed.second.load(archive, "second");
    Adam again({&resumed.first, &resumed.second}, 0.01, Clip::kPerCopy);
    again.load(archive, "adam");
    for (int step = 2; step < kSteps; ++step) {
      adam.minimise(whole.loss(step));
      again.minimise(resumed.loss(step));
    }
    for (std::size_t i = 0; i < whole.parameters().size(); ++i) {
      CHECK(torch::equal(whole.parameters()[i], resumed.parameters()[i]));
    }
  }
}

TEST_CASE("Adam descends: a network learns a line") {
  Mlp network(1, {1, 1, 16, 1}, torch::kCPU, generator());
  Adam adam({&network}, 0.01, Clip::kNone);
  const Tensor x = torch::linspace(-1, 1, 32).view({1, 32, 1}), y = 2 * x + 1;
  double loss = 0;
  for (int i = 0; i < 300; ++i) {
    loss = adam.minimise((network.forward(x) - y).square().mean()).item<double>();
  }
  CHECK(loss < 1e-3);
}

TEST_CASE("optimisers that step together step as they would alone") {
  const DefaultType precision(torch::kFloat64);
  Problem together, alone;
  const auto loss = [](const Problem& problem) {
    const Tensor x = torch::ones({kCopies, 3, 3}), y = torch::ones({kCopies, 3, 2});
    return problem.first.forward(x).square().sum() * problem.second.forward(y).square().sum();
  };
  Adam a({&together.first}, 1e-2, Clip::kPerCopy), b({&together.second}, 1e-3, Clip::kNone);
  minimise(loss(together), {&a, nullptr, &b});

  const auto gradients = torch::autograd::grad({loss(alone)}, alone.parameters());
  Adam c({&alone.first}, 1e-2, Clip::kPerCopy), d({&alone.second}, 1e-3, Clip::kNone);
  const auto linear = [&](const std::vector<Tensor>& parameters, std::size_t first) {
    Tensor sum = torch::zeros({});
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      sum = sum + (parameters[i] * gradients[first + i]).sum();
    }
    return sum;
  };
  c.minimise(linear(alone.first.parameters(), 0));
  d.minimise(linear(alone.second.parameters(), alone.first.parameters().size()));
  CHECK(largest_difference(together.first.flat(), alone.first.flat()) < 1e-14);
  CHECK(largest_difference(together.second.flat(), alone.second.flat()) < 1e-14);
}

TEST_CASE("each module of an optimiser may have a rate of its own") {
  const DefaultType precision(torch::kFloat64);
  Problem problem;
  const Tensor first = problem.first.flat().clone(), second = problem.second.flat().clone();
  Adam adam({&problem.first, &problem.second}, 1e-2, Clip::kNone);
  adam.set_learning_rate(1, 0.0);
  Tensor sum = torch::zeros({});
  for (const Tensor& parameter : problem.parameters()) sum = sum + parameter.sum();
  adam.minimise(sum);
  // The first step of Adam is the rate, whatever the gradient.
  CHECK(largest_difference(problem.first.flat(), first - 1e-2) < 1e-9);
  CHECK(torch::equal(problem.second.flat(), second));
}

}  // namespace labhost
