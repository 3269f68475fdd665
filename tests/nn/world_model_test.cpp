#include "core/nn/world_model.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "tests/nn/reference.hpp"

namespace labhost {

namespace {

using testing::DefaultType;
using testing::generator;
using testing::largest_difference;

constexpr std::int64_t kStates = 3, kActions = 2, kMembers = 5, kBatch = 40;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

WorldModel small_model() {
  return WorldModel({kStates, kActions, kMembers, 16, 2, 1}, torch::kCPU, generator());
}

/// Its next-state network gives differences, and all it sees and gives has units of its own.
WorldModel scaled_model(std::uint64_t seed = 1) {
  WorldModel model({kStates, kActions, kMembers, 16, 2, 1, /*difference=*/true}, torch::kCPU,
                   generator(seed));
  const at::Generator random = generator(20);
  const auto scaling = [&random](std::int64_t width) {
    return WorldModel::Scaling{torch::randn({width}, random), 0.2 + torch::rand({width}, random)};
  };
  const WorldModel::Scaling input = scaling(kStates + kActions), state = scaling(kStates);
  model.set_scaling(input, state, scaling(1));
  return model;
}

struct Question {
  Tensor state = torch::randn({kBatch, kStates}, generator(2));
  Tensor action = 2 * torch::rand({kBatch, kActions}, generator(3)) - 1;
  /// As the members see it: [M, B, S + E].
  Tensor input(std::int64_t members = kMembers) const {
    return WorldModel::input(state, action, /*discrete=*/false)
        .unsqueeze(0)
        .expand({members, -1, -1});
  }
};

WorldModelOptions open_options() {
  WorldModelOptions options;
  options.uncertainty_clip = options.stop_threshold = kInfinity;
  return options;
}

WorldModel::Step step_of(const WorldModel& model, const Question& q,
                         const WorldModelOptions& options, at::Generator draws) {
  return model.step(q.state, q.action, /*discrete=*/false, options, std::move(draws));
}

/// Frobenius norm of the explicit sample covariance of x [M, q] over the members.
double explicit_norm(const Tensor& x) {
  const Tensor deviation = x - x.mean(0, true);
  const Tensor covariance =
      torch::mm(deviation.t(), deviation) / static_cast<double>(x.size(0) - 1);
  return covariance.square().sum().sqrt().item<double>();
}

}  // namespace

TEST_CASE("eps_g and eps_r are those of the explicit covariance, in the data's units") {
  const DefaultType precision(torch::kFloat64);
  for (const bool scaled : {false, true}) {
    CAPTURE(scaled);
    const WorldModel model = scaled ? scaled_model() : small_model();
    const Question q;
    const torch::NoGradGuard no_grad;
    const auto step = step_of(model, q, open_options(), generator());
    const Tensor states = model.next_state(q.input()).mean, rewards = model.reward(q.input()).mean;
    const Tensor x = torch::cat({states, rewards}, -1);  // [M, B, S + 1]
    for (std::int64_t b = 0; b < kBatch; ++b) {
      CHECK(step.eps_g[b].item<double>() ==
            doctest::Approx(explicit_norm(x.select(1, b))).epsilon(1e-10));
    }
    CHECK(largest_difference(step.eps_r, rewards.squeeze(-1).var(0, /*unbiased=*/true)) < 1e-14);
    CHECK(step.eps_g.min().item<double>() > 0);
  }
}

TEST_CASE("a scaled model that predicts differences is s + shift + scale * network") {
  const DefaultType precision(torch::kFloat64);
  const torch::NoGradGuard no_grad;
  WorldModel model({kStates, kActions, kMembers, 16, 2, 1, /*difference=*/true}, torch::kCPU,
                   generator());
  const WorldModel::Scaling input = {torch::tensor({0.1, -0.2, 0.3, -0.4, 0.5}),
                                     torch::tensor({0.5, 1.0, 2.0, 4.0, 0.25})},
                            state = {torch::tensor({1.0, -2.0, 3.0}),
                                     torch::tensor({0.1, 10.0, 2.0})},
                            reward = {torch::tensor({-5.0}), torch::tensor({100.0})};
  model.set_scaling(input, state, reward);
  const Question q;
  const WorldModel::Gaussians s = model.next_state(q.input()), r = model.reward(q.input());
  const Tensor ends = model.terminal_logit(q.input());
  const Tensor x = (q.input()[0] - input.shift) / input.scale;
  for (std::int64_t m = 0; m < kMembers; ++m) {
    const auto output = [&](std::size_t network) {
      return testing::plain_forward(*dynamic_cast<Mlp*>(model.modules()[network]), m, x);
    };
    const Tensor of_state = output(0), of_reward = output(1);  // [B, 2 S], [B, 2]
    CHECK(largest_difference(s.mean[m], q.state + state.shift +
                                            state.scale * of_state.narrow(1, 0, kStates)) < 1e-12);
    CHECK(largest_difference(
              s.log_std[m].exp(),
              state.scale * of_state.narrow(1, kStates, kStates).clamp(-6, 2).exp()) < 1e-12);
    CHECK(largest_difference(r.mean[m], -5 + 100 * of_reward.narrow(1, 0, 1)) < 1e-10);
    CHECK(largest_difference(r.log_std[m].exp(), 100 * of_reward.narrow(1, 1, 1).exp()) < 1e-10);
    CHECK(largest_difference(ends[m], output(2).squeeze(1)) < 1e-12);
  }
}

TEST_CASE("a step is one member's mean, the mean reward and the members' majority") {
  const DefaultType precision(torch::kFloat64);
  const WorldModel model = small_model();
  const Question q;
  const torch::NoGradGuard no_grad;
  const Tensor means = model.next_state(q.input()).mean;
  const Tensor votes = model.terminal_logit(q.input()).gt(0).sum(0);
  // The networks must disagree somewhere for this to say anything.
  REQUIRE(votes.gt(kMembers / 2).any().item<bool>());
  REQUIRE(votes.le(kMembers / 2).any().item<bool>());
  at::Generator draws = generator(5);
  Tensor counts = torch::zeros({kMembers});
  for (int i = 0; i < 50; ++i) {
    const auto step = step_of(model, q, open_options(), draws);
    const Tensor same = (means - step.next_state).abs().lt(1e-12).all(2);  // [M, B]
    REQUIRE(same.sum(0).eq(1).all().item<bool>());
    counts += same.sum(1);
    CHECK(largest_difference(step.reward, model.reward(q.input()).mean.mean(0).squeeze(-1)) <
          1e-14);
    CHECK(torch::equal(step.terminal, votes.gt(kMembers / 2)));
  }
  // Each member 400 times of 2000, give or take 18.
  CHECK(largest_difference(counts, torch::full({kMembers}, 400.0)) < 90);
}

TEST_CASE("a tie of the members is no terminal") {
  WorldModel model({kStates, kActions, 2, 16, 2, 1}, torch::kCPU, generator());
  const Question q;
  const torch::NoGradGuard no_grad;
  auto* ends = dynamic_cast<Mlp*>(model.modules()[2]);
  REQUIRE(ends != nullptr);
  ends->bias(1)[0].fill_(100);
  ends->bias(1)[1].fill_(-100);
  CHECK_FALSE(step_of(model, q, open_options(), generator()).terminal.any().item<bool>());
  ends->bias(1)[1].fill_(100);
  CHECK(step_of(model, q, open_options(), generator()).terminal.all().item<bool>());
}

TEST_CASE("predictions are clipped to the box where asked, uncertainties are not touched by it") {
  WorldModel model = small_model();
  const Question q;
  const torch::NoGradGuard no_grad;
  const auto open = step_of(model, q, open_options(), generator(4));
  const Tensor low = torch::tensor({-0.05F, -0.02F, 0.0F}),
               high = torch::tensor({0.05F, 0.0F, 0.1F});
  model.set_box(low, high, torch::tensor(-0.01F), torch::tensor(0.02F));
  const auto boxed = step_of(model, q, open_options(), generator(4));
  CHECK(torch::equal(boxed.next_state, torch::minimum(torch::maximum(open.next_state, low), high)));
  CHECK(torch::equal(boxed.reward, open.reward.clamp(-0.01F, 0.02F)));
  CHECK_FALSE(torch::equal(boxed.next_state, open.next_state));
  CHECK_FALSE(torch::equal(boxed.reward, open.reward));
  CHECK(torch::equal(boxed.eps_g, open.eps_g));
  WorldModelOptions unboxed = open_options();
  unboxed.clip_to_dataset = false;
  CHECK(torch::equal(step_of(model, q, unboxed, generator(4)).next_state, open.next_state));
}

TEST_CASE("the threshold is tested before uncertainties are clipped") {
  const WorldModel model = small_model();
  const Question q;
  const auto open = step_of(model, q, open_options(), generator(4));
  CHECK_FALSE(open.unreliable.any().item<bool>());
  WorldModelOptions options;
  options.uncertainty_clip = open.eps_g.median().item<double>();
  options.stop_threshold = std::get<0>(open.eps_g.sort())[30].item<double>();
  const auto step = step_of(model, q, options, generator(4));
  CHECK(torch::equal(step.unreliable, open.eps_g.ge(options.stop_threshold)));
  CHECK(step.unreliable.sum().item<std::int64_t>() == 10);  // the threshold itself stops too
  CHECK(torch::equal(step.eps_g, open.eps_g.clamp_max(options.uncertainty_clip)));
  CHECK(torch::equal(step.eps_r, open.eps_r.clamp_max(options.uncertainty_clip)));
}

TEST_CASE("MOPO's penalty is the largest norm of a member's predicted covariance") {
  const DefaultType precision(torch::kFloat64);
  for (const bool scaled : {false, true}) {
    CAPTURE(scaled);
    const WorldModel model = scaled ? scaled_model() : small_model();
    const Question q;
    const torch::NoGradGuard no_grad;
    const Tensor log_std =
        torch::cat({model.next_state(q.input()).log_std, model.reward(q.input()).log_std}, -1);
    const Tensor variance = log_std.exp().square();  // [M, B, S + 1]
    const Tensor norm = variance.square().sum(-1).sqrt();
    CHECK(largest_difference(step_of(model, q, open_options(), generator()).aleatoric,
                             std::get<0>(norm.max(0))) < 1e-12);
  }
}

TEST_CASE("log standard deviations stay in [-6, 2]") {
  WorldModel model = small_model();
  const Question q;
  const torch::NoGradGuard no_grad;
  auto* states = dynamic_cast<Mlp*>(model.modules()[0]);
  REQUIRE(states != nullptr);
  Tensor bias = states->bias(2);  // [M, 1, 2 S]
  bias.narrow(2, kStates, kStates).fill_(50);
  CHECK(model.next_state(q.input()).log_std.eq(2).all().item<bool>());
  bias.narrow(2, kStates, kStates).fill_(-50);
  CHECK(model.next_state(q.input()).log_std.eq(-6).all().item<bool>());
}

TEST_CASE("continuous actions are kept off the bounds, discrete ones are not touched") {
  const Tensor state = torch::zeros({1, 1}), action = torch::tensor({{1.0F, -1.0F, 0.5F}});
  const Tensor bounded = WorldModel::input(state, action, /*discrete=*/false);
  const Tensor expected = torch::tensor({{0.0F, 1 - 1e-5F, -1 + 1e-5F, 0.5F}});
  CHECK(largest_difference(bounded, expected) < 1e-7);
  CHECK(torch::equal(WorldModel::input(state, action, true), torch::cat({state, action}, 1)));
}

TEST_CASE("restore() keeps the chosen members, best first, and the box") {
  const DefaultType precision(torch::kFloat64);
  WorldModel model = small_model();
  const Tensor chosen = torch::tensor({3, 0, 4}, torch::kLong);
  model.keep(chosen);
  model.set_box(torch::full({kStates}, -0.05), torch::full({kStates}, 0.05), torch::tensor(-0.01),
                torch::tensor(0.01));
  Archive archive;
  model.save(archive);
  const WorldModel kept = WorldModel::restore(archive, torch::kCPU);
  CHECK(kept.shape().members == 3);
  const Question q;
  const torch::NoGradGuard no_grad;
  CHECK(torch::equal(kept.next_state(q.input(3)).mean,
                     model.next_state(q.input()).mean.index_select(0, chosen)));
  CHECK(torch::equal(kept.reward(q.input(3)).log_std,
                     model.reward(q.input()).log_std.index_select(0, chosen)));
  CHECK(torch::equal(kept.terminal_logit(q.input(3)),
                     model.terminal_logit(q.input()).index_select(0, chosen)));
  const auto step = step_of(kept, q, open_options(), generator());
  CHECK(step.next_state.abs().max().item<double>() == 0.05);
  CHECK(step.reward.abs().max().item<double>() <= 0.01);
}

TEST_CASE("restore() keeps units and differences") {
  const DefaultType precision(torch::kFloat64);
  WorldModel model = scaled_model();
  const Tensor chosen = torch::tensor({4, 1}, torch::kLong);
  model.keep(chosen);
  Archive archive;
  model.save(archive);
  const WorldModel restored = WorldModel::restore(archive, torch::kCPU), kept = model.of_kept();
  const Question q;
  const torch::NoGradGuard no_grad;
  for (const WorldModel* other : {&restored, &kept}) {
    CHECK(other->shape().difference);
    const auto of_chosen = [&chosen](const Tensor& x) { return x.index_select(0, chosen); };
    CHECK(torch::equal(other->next_state(q.input(2)).mean,
                       of_chosen(model.next_state(q.input()).mean)));
    CHECK(torch::equal(other->next_state(q.input(2)).log_std,
                       of_chosen(model.next_state(q.input()).log_std)));
    CHECK(torch::equal(other->reward(q.input(2)).mean, of_chosen(model.reward(q.input()).mean)));
    CHECK(torch::equal(other->terminal_logit(q.input(2)),
                       of_chosen(model.terminal_logit(q.input()))));
  }
}

TEST_CASE("saved and loaded, a world model answers the same") {
  for (const bool scaled : {false, true}) {
    CAPTURE(scaled);
    WorldModel model = scaled ? scaled_model() : small_model();
    model.keep(torch::tensor({1, 2}, torch::kLong));
    Archive archive;
    model.save(archive);
    WorldModel again({kStates, kActions, kMembers, 16, 2, 1, scaled}, torch::kCPU, generator(9));
    again.load(archive);
    const Question q;
    const auto a = step_of(model, q, WorldModelOptions(), generator(4)),
               b = step_of(again, q, WorldModelOptions(), generator(4));
    CHECK(torch::equal(a.next_state, b.next_state));
    CHECK(torch::equal(a.reward, b.reward));
    CHECK(torch::equal(a.eps_g, b.eps_g));
    CHECK(torch::equal(again.kept(), model.kept()));
  }
}

}  // namespace labhost
