// MAIQL with categorical policies against the reference: each loss with its gradients, and whole
// updates in the order of Maiql::update().
#include "core/nn/adam.hpp"
#include "core/nn/iql_losses.hpp"
#include "core/nn/mixer.hpp"
#include "core/nn/policy.hpp"
#include "core/nn/values.hpp"
#include "tests/golden/golden_file.hpp"
#include "tests/golden/legal_moves.hpp"

namespace labhost::golden {

namespace {

struct Team {
  explicit Team(const TaskSpec& task)
      : v(task, 5, 8, torch::kCPU, any_generator()),
        q(task, 5, 8, torch::kCPU, any_generator()),
        q_target(task, 5, 8, torch::kCPU, any_generator()),
        mixer_v(2, 8, 8, torch::kCPU, any_generator()),
        mixer_q(2, 8 + task.encoded_width(), 8, torch::kCPU, any_generator()),
        mixer_q_target(2, 8 + task.encoded_width(), 8, torch::kCPU, any_generator()),
        policy(task, Distribution::kSquashedGaussian, 5, 8, torch::kCPU, any_generator()) {}

  std::vector<Network> value_networks() {
    return {{&v, 0, "agent0.v"}, {&v, 1, "agent1.v"}, {&mixer_v, 0, "mixer_v"}};
  }
  std::vector<Network> critic_networks() {
    return {{&q, 0, "agent0.q1"},
            {&q, 1, "agent1.q1"},
            {&q, 2, "agent0.q2"},
            {&q, 3, "agent1.q2"},
            {&mixer_q, 0, "mixer_q"}};
  }
  std::vector<Network> target_networks() {
    return {{&q_target, 0, "agent0.q1_target"},
            {&q_target, 1, "agent1.q1_target"},
            {&q_target, 2, "agent0.q2_target"},
            {&q_target, 3, "agent1.q2_target"},
            {&mixer_q_target, 0, "mixer_q_target"}};
  }
  std::vector<Network> policy_networks() {
    return {{&policy, 0, "agent0.policy", kCategorical},
            {&policy, 1, "agent1.policy", kCategorical}};
  }
  std::vector<Network> all_networks() {
    std::vector<Network> all = value_networks();
    for (const auto& more : {critic_networks(), target_networks(), policy_networks()}) {
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }

  StateValue v;
  TwinQ q, q_target;
  Mixer mixer_v, mixer_q, mixer_q_target;
  TeamPolicy policy;
};

struct Rows {
  Rows(const GoldenFile& file, const TaskSpec& task)
      : state(of_both_agents(file, "observations")),
        next_state(of_both_agents(file, "next_observations")),
        action(of_both_agents(file, "actions")),
        reward(file.column("/inputs/rewards")),
        mask(file.column("/inputs/masks")),
        h(Observer(task, torch::kCPU)(state)),
        h_next(Observer(task, torch::kCPU)(next_state)),
        mixer_input(torch::cat({state, encode_actions(task, action)}, 1)),
        legal(legal_moves({file.tensor("/inputs/agent0.legal_moves"),
                           file.tensor("/inputs/agent1.legal_moves")})) {}

  Tensor state, next_state, action, reward, mask, h, h_next, mixer_input, legal;
};

struct Settings {
  explicit Settings(const GoldenFile& file)
      : expectile(file.number("/settings/expectile")),
        temperature(file.number("/settings/awr_temperature")),
        weight_max(file.number("/settings/awr_weight_max")),
        discount(file.number("/settings/discount_factor")),
        polyak(file.number("/settings/target_update_coef")) {}
  double expectile, temperature, weight_max, discount, polyak;
};

Tensor target_q(const Team& team, const Rows& rows) {
  const torch::NoGradGuard no_grad;
  const Tensor own = std::get<0>(team.q_target.forward(rows.h, rows.action).min(0));
  return team.mixer_q_target.forward(rows.mixer_input, own);
}

Tensor mixed_v(const Team& team, const Tensor& h, const Tensor& state) {
  return team.mixer_v.forward(state, team.v.forward(h));
}

Tensor value_loss(const Team& team, const Rows& rows, const Settings& s) {
  return iql::expectile_loss(target_q(team, rows), mixed_v(team, rows.h, rows.state), s.expectile);
}

Tensor regression_weight(const Team& team, const Rows& rows, const Settings& s) {
  const torch::NoGradGuard no_grad;
  return iql::awr_weight(target_q(team, rows), mixed_v(team, rows.h, rows.state), s.temperature,
                         s.weight_max);
}

Tensor policy_loss(const Team& team, const Rows& rows, const Settings& s) {
  return iql::team_awr_loss(regression_weight(team, rows, s),
                            legal_log_prob(team.policy, rows.h, rows.action, rows.legal));
}

Tensor twin_q(const Team& team, const Rows& rows) {
  return Mixer::mix(team.mixer_q.weights(rows.mixer_input), team.q.forward(rows.h, rows.action));
}

Tensor critic_loss(const Team& team, const Rows& rows, const Settings& s) {
  const Tensor next = mixed_v(team, rows.h_next, rows.next_state).detach();
  return iql::critic_loss(twin_q(team, rows), rows.reward + s.discount * rows.mask * next);
}

}  // namespace

TEST_CASE("MAIQL's losses and gradients are the reference's") {
  const DoublePrecision precision;
  const GoldenFile file("13a_maiql_discrete");
  const TaskSpec task = team_task(/*discrete=*/true, 2, 3);
  Team team(task);
  load_networks(file, "/weights", team.all_networks());
  const Rows rows(file, task);
  const Settings settings(file);

  check_close(target_q(team, rows), file.column("/outputs/v/mixed_target_q"), "mixed target Q");
  check_close(mixed_v(team, rows.h, rows.state), file.column("/outputs/v/mixed_v"), "mixed V");
  const Tensor v_loss = value_loss(team, rows, settings);
  check_close(v_loss, file.tensor("/outputs/v/loss"), "V loss");
  check_gradients(file, "/outputs/v/grads", team.value_networks(), v_loss);

  check_close(regression_weight(team, rows, settings), file.column("/outputs/pi/weight"),
              "regression weight");
  const Tensor pi_loss = policy_loss(team, rows, settings);
  check_close(pi_loss, file.tensor("/outputs/pi/loss"), "policy loss");
  check_gradients(file, "/outputs/pi/grads", team.policy_networks(), pi_loss);

  check_close(twin_q(team, rows)[0], file.column("/outputs/q/mixed_q1"), "mixed Q1");
  check_close(twin_q(team, rows)[1], file.column("/outputs/q/mixed_q2"), "mixed Q2");
  check_close(mixed_v(team, rows.h_next, rows.next_state), file.column("/outputs/q/mixed_next_v"),
              "mixed next V");
  const Tensor q_loss = critic_loss(team, rows, settings);
  check_close(q_loss, file.tensor("/outputs/q/loss"), "Q loss");
  check_gradients(file, "/outputs/q/grads", team.critic_networks(), q_loss);
}

TEST_CASE("categorical policies of 2 and 3 choices are the reference's") {
  const DoublePrecision precision;
  const GoldenFile file("13a_maiql_discrete");
  const TaskSpec task = team_task(/*discrete=*/true, 2, 3);
  Team team(task);
  load_networks(file, "/weights", team.policy_networks());
  const Rows rows(file, task);
  check_close(team.policy.log_prob(rows.h, rows.action).t(),
              file.tensor("/outputs/categorical/log_probs_unmasked"), "log probability");
  check_close(legal_log_prob(team.policy, rows.h, rows.action, rows.legal).t(),
              file.tensor("/outputs/categorical/log_probs_legal"), "legal log probability");
  const Tensor logits = team.policy.forward(rows.h);
  check_close(logits[0].narrow(1, 0, 2), file.tensor("/outputs/categorical/logits/0"), "logits");
  check_close(logits[1], file.tensor("/outputs/categorical/logits/1"), "logits");
  // The reference's greedy actions heed the legal moves of each row, which tasks here do not have.
  const Tensor free = rows.legal.narrow(2, 0, 2).ge(1).all(2).all(0) & rows.legal[1].ge(1).all(1);
  const Tensor index = free.nonzero().squeeze(1);
  REQUIRE(index.size(0) == 3);
  check_close(team.policy.greedy(rows.h).index_select(0, index),
              file.tensor("/outputs/categorical/greedy_actions").index_select(0, index), "greedy");
}

TEST_CASE("one and three whole updates of MAIQL end at the reference's parameters") {
  const DoublePrecision precision;
  const GoldenFile file("13a_maiql_discrete");
  const TaskSpec task = team_task(/*discrete=*/true, 2, 3);
  Team team(task);
  load_networks(file, "/weights", team.all_networks());
  const Rows rows(file, task);
  const Settings settings(file);
  const double clip = file.number("/settings/grad_clip_norm");
  Adam v_optimiser({&team.v, &team.mixer_v}, file.number("/settings/lr_v"), Clip::kPerCopy, clip);
  Adam q_optimiser({&team.q, &team.mixer_q}, file.number("/settings/lr_q"), Clip::kPerCopy, clip);
  Adam policy_optimiser({&team.policy}, file.number("/settings/lr_pi"), Clip::kPerCopy, clip);
  for (int update = 0; update < 3; ++update) {
    const std::string losses = "/outputs/losses_per_update/" + std::to_string(update);
    check_close(v_optimiser.minimise(value_loss(team, rows, settings)),
                file.tensor(losses + "/loss_v/0"), "V loss");
    check_close(policy_optimiser.minimise(policy_loss(team, rows, settings)),
                file.tensor(losses + "/loss_pi/0"), "policy loss");
    check_close(q_optimiser.minimise(critic_loss(team, rows, settings)),
                file.tensor(losses + "/loss_q/0"), "Q loss");
    team.q_target.polyak(team.q, settings.polyak);
    team.mixer_q_target.polyak(team.mixer_q, settings.polyak);
    if (update == 0) check_networks(file, "/outputs/params_after_1_update", team.all_networks());
  }
  check_networks(file, "/outputs/params_after_3_update", team.all_networks());
}

}  // namespace labhost::golden
