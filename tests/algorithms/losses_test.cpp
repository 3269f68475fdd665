// Every algorithm's losses on two or three rows, by hand.
#include <doctest/doctest.h>

#include <cmath>

#include "core/nn/iql_losses.hpp"
#include "core/nn/ppo_losses.hpp"
#include "plugins/algorithms/ibc/losses.hpp"
#include "plugins/algorithms/world-model/losses.hpp"

namespace labhost {

namespace {

using torch::Tensor;

Tensor vector(const std::vector<double>& values) { return torch::tensor(values, torch::kFloat64); }

Tensor matrix(std::int64_t rows, const std::vector<double>& values) {
  return vector(values).view({rows, -1});
}

void check(const Tensor& found, double expected) {
  REQUIRE(found.numel() == 1);
  CHECK(found.item<double>() == doctest::Approx(expected).epsilon(1e-12));
}

void check_values(const Tensor& found, const std::vector<double>& expected) {
  REQUIRE(found.dim() == 1);
  REQUIRE(found.size(0) == static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(found[static_cast<std::int64_t>(i)].item<double>() ==
          doctest::Approx(expected[i]).epsilon(1e-12));
  }
}

}  // namespace

TEST_CASE("expectile regression weighs underestimates by e and overestimates by 1 - e") {
  const Tensor q = vector({3, 1, 2}), v = vector({1, 2, 2});
  const double expected = (0.7 * 4 + 0.3 * 1 + 0) / 3;
  check(iql::expectile_loss(q, v, 0.7), expected);
  check(iql::expectile_loss(q, v, 0.5), (0.5 * 4 + 0.5 * 1) / 3);
}

TEST_CASE("the critic's loss adds both twins' mean squared errors") {
  const Tensor twins = matrix(2, {1, 2, /* */ 0, 5}), target = vector({2, 4});
  const double expected = (1.0 + 4.0) / 2 + (4.0 + 1.0) / 2;
  check(iql::critic_loss(twins, target), expected);
}

TEST_CASE("regression weights are exp(beta (Q - V)) up to the maximum") {
  const Tensor q = vector({1, 0, 9}), v = vector({0.5, 1, 0});
  const std::vector<double> expected = {std::exp(1.5), std::exp(-3.0), 100};
  check_values(iql::awr_weight(q, v, 3, 100), expected);
}

TEST_CASE("advantage-weighted regression: one weight for the team, or one per agent") {
  check(iql::awr_loss(vector({1, 2}), vector({-0.5, -1})), (0.5 + 2) / 2);
  const Tensor log_prob = matrix(2, {-1, -2, /* agent 2 */ -3, -4});
  check(iql::team_awr_loss(vector({10, 1}), log_prob), (10 * 4 + 1 * 6) / 2.0);
  const Tensor per_agent = matrix(2, {1, 10, /* agent 2 */ 100, 1000});
  check(iql::team_awr_loss(per_agent, log_prob), ((1 + 300) + (20 + 4000)) / 2.0);
}

TEST_CASE("behavioural cloning adds the agents' mean negative log-likelihoods") {
  check(ibc::negative_log_likelihood(matrix(2, {-1, -3, /* agent 2 */ -5, -6})), 2 + 5.5);
}

TEST_CASE("the team's ratio multiplies the agents' and is capped at exp(10)") {
  const Tensor log_prob = matrix(2, {-1, 0, 0, /* agent 2 */ -2, 0, -30});
  const Tensor old = matrix(2, {-2, -6, 0, /* agent 2 */ -2.5, -6, 0});
  check_values(ppo::team_ratio(log_prob, old), {std::exp(1.5), std::exp(10.0), std::exp(-30)});
}

TEST_CASE("PPO's surrogate takes the worse of the clipped and the unclipped, row by row") {
  const Tensor ratio = vector({1.5, 0.5, 1.5, 0.5}), advantage = vector({2, 2, -2, -2});
  // Gains are clipped, losses are not.
  check(ppo::actor_loss(ratio, advantage, 0.2), -(1.2 * 2 + 0.5 * 2 - 1.5 * 2 - 0.8 * 2) / 4);
}

TEST_CASE("the critic's loss is the larger of two batch means") {
  const Tensor old_value = vector({0, 0}), returns = vector({1, -1});
  // Unclipped: (0 + 1) / 2. Clipped to 0.2 and 0: (0.64 + 1) / 2.
  check(ppo::critic_loss(vector({1, 0}), old_value, returns, 0.2), 0.82);
  // Unclipped: (4 + 0) / 2 is larger than clipped (0.8^2 + 0.8^2) / 2.
  check(ppo::critic_loss(vector({3, -1}), old_value, returns, 0.2), 2);
  // Row by row the maxima would be (0.64 + 4) / 2: it is of batch means, 2.0 and (0.64 + 0.64) / 2.
  check(ppo::critic_loss(vector({1, 1}), old_value, returns, 0.2), 2);
}

TEST_CASE("the sampled entropy is the smaller of two batch means") {
  const Tensor log_prob = vector({-1, -2});
  check(ppo::entropy(vector({1, 1}), log_prob, 0.2), 1.5);
  check(ppo::entropy(vector({3, 1}), log_prob, 0.2), (1.2 * 1 + 1 * 2) / 2);
  check(ppo::entropy(vector({0.5, 1}), log_prob, 0.2), (0.5 * 1 + 1 * 2) / 2);
}

TEST_CASE("actions are penalised by their squared excess over [-1, 1]") {
  // Two agents, two rows, two components; excesses 0.5 and 1 in row 0, 2 in row 1.
  const Tensor action =
      vector({1.5, 0.3, /* row 1 */ 1, -1, /* agent 2, row 0 */ -2, 0, /* row 1 */ 0, 3})
          .view({2, 2, 2});
  const double row0 = 0.25 + 1, row1 = 4;
  check(ppo::action_bound_error(vector({1, 1}), action, 0.2), (row0 + row1) / 2);
  check(ppo::action_bound_error(vector({3, 1}), action, 0.2), (3 * row0 + row1) / 2);
  check(ppo::action_bound_error(vector({0.5, 1}), action, 0.2), (0.8 * row0 + row1) / 2);
}

TEST_CASE("Gaussian losses average over dimensions and batch and add the members") {
  // One member: rows (mean 0 -> target 1) and so on, two dimensions.
  const Tensor mean = vector({0, 1, 2, 3, /* member 2 */ 0, 0, 0, 0}).view({2, 2, 2});
  const Tensor log_std =
      vector({0, 0, std::log(2.0), 0, /* member 2 */ -1, -1, -1, -1}).view({2, 2, 2});
  const Tensor target = vector({1, 1, 6, 0, /* member 2 */ 0, 0, 0, 0}).view({2, 2, 2});
  const double first = (0.5 * 1 + 0 + (std::log(2.0) + 0.5 * 4) + 0.5 * 9) / 4;
  check(world_model::gaussian_loss(mean, log_std, target), first - 1);
}

TEST_CASE("terminal losses are cross-entropies, averaged over the batch, added over members") {
  const Tensor logit = matrix(2, {0, std::log(3.0), /* member 2 */ -50, 50});
  const Tensor terminal = matrix(2, {1, 0, /* member 2 */ 0, 1});
  check(world_model::terminal_loss(logit, terminal), (std::log(2.0) + std::log(4.0)) / 2);
}

TEST_CASE("L2 errors are mean distances per member") {
  const Tensor prediction = vector({3, 4, 0, 0, /* member 2 */ 0, 0, 1, 0}).view({2, 2, 2});
  check_values(world_model::l2_error(prediction, torch::zeros({1, 2, 2}, torch::kFloat64)),
               {2.5, 0.5});
}

}  // namespace labhost
