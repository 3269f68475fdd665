// MAPPO against the reference, composed as in MomaPpo: one mini-batch, and a whole update.
#include "tests/golden/mappo_learner.hpp"

namespace labhost::golden {

namespace {

TaskSpec task_of_files() { return team_task(/*discrete=*/false, 2, 2); }

/// One row: the files bring their own histories.
Transitions no_data() {
  Transitions data;
  data.state = data.next_state = torch::zeros({1, 8});
  data.action = torch::zeros({1, 4});
  data.reward = torch::zeros({1});
  data.terminal = data.timeout = torch::ones({1}, torch::kBool);
  return data;
}

/// A team with a file's weights.
struct Stored : MappoLearner {
  explicit Stored(const GoldenFile& file)
      : MappoLearner(task_of_files(), no_data(), MappoSettings::of(file)) {
    load_networks(file, "/weights", networks());
    load_memories(file, "/weights", memories());
    entropy_weight = file.number("/settings/entropy_alpha_before");
  }
  View stored_view(const GoldenFile& file, const Tensor& state) const {
    return {perception.observer()(state),
            perception.remembers() ? stored_histories(file, task, "history_memories") : Tensor()};
  }
  void check_parameters(const GoldenFile& file, const std::string& section) {
    check_networks(file, section, networks());
    check_memories(file, section, memories());
  }
};

MappoLearner::Prepared stored_batch(const Stored& team, const GoldenFile& file) {
  const Tensor state = of_both_agents(file, "observations");
  return {team.stored_view(file, state),     state,
          of_both_agents(file, "actions"),   file.tensor("/inputs/old_log_probs").t(),
          file.column("/inputs/old_values"), Tensor(),
          file.column("/inputs/returns"),    file.column("/inputs/advantages")};
}

void check_minibatch(const std::string& name) {
  const GoldenFile file(name);
  Stored team(file);
  const MappoLearner::Losses losses = team.losses_of(stored_batch(team, file));
  check_close(losses.value, file.column("/outputs/values"), "value");
  check_close(losses.actor, file.tensor("/outputs/actor_loss"), "actor loss");
  check_close(0.5 * losses.critic, file.tensor("/outputs/critic_weighted_loss"), "critic loss");
  check_close(team.entropy_weight, file.number("/outputs/entropy_alpha"), "entropy weight");
  check_close(-team.entropy_weight * losses.entropy, file.tensor("/outputs/entropy_bonus"),
              "entropy bonus");
  check_close(losses.bound_error, file.tensor("/outputs/action_bound_error"), "bound error");
  check_close(losses.total, file.tensor("/outputs/loss"), "loss");
  check_gradients(file, "/outputs/grads", team.networks(), losses.total);
  check_gradients(file, "/outputs/grads", team.memories(), losses.total);
  check_close(team.norm_of_gradient(losses.total), file.number("/outputs/grad_norm_before_clip"),
              "norm of the gradient");
  team.optimiser.minimise(losses.total);
  team.check_parameters(file, "/outputs/params_after_step");
}

MappoLearner::Rows stored_rows(const Stored& team, const GoldenFile& file) {
  MappoLearner::Rows rows;
  rows.state = of_both_agents(file, "observations");
  rows.next_state = of_both_agents(file, "next_observations");
  rows.action = of_both_agents(file, "actions");
  rows.reward = file.column("/inputs/rewards");
  rows.terminal = file.column("/inputs/masks").eq(0);
  rows.timeout = file.column("/inputs/agent0.time_out_masks").eq(0);
  rows.seen = team.stored_view(file, rows.state);
  rows.next_seen = {
      team.perception.observer()(rows.next_state),
      team.perception.histories().append(rows.seen.history, rows.seen.observation, rows.action)};
  return rows;
}

/// Means over mini-batches, by the reference's names.
using Means = std::map<std::string, double>;

void add(Means& means, const Stored& team, const MappoLearner::Losses& losses) {
  constexpr double kShare = 1.0 / 6;
  means["loss"] += kShare * losses.total.item<double>();
  means["actor_loss"] += kShare * losses.actor.item<double>();
  means["critic_weighted_loss"] += kShare * 0.5 * losses.critic.item<double>();
  means["entropy_bonus"] -= kShare * team.entropy_weight * losses.entropy.item<double>();
  means["entropy_alpha"] += kShare * team.entropy_weight;
  means["action_penalty"] += kShare * losses.bound_error.item<double>();
}

}  // namespace

TEST_CASE("a minibatch of MAPPO is the reference's") {
  const DoublePrecision precision;
  check_minibatch("09a_mappo_minibatch_nomem");
}

TEST_CASE("a minibatch of MAPPO with memories is the reference's") {
  const DoublePrecision precision;
  check_minibatch("09b_mappo_minibatch_mem");
}

TEST_CASE("a minibatch of MAPPO that exceeds the cap of the log-ratio is the reference's") {
  const DoublePrecision precision;
  check_minibatch("09d_mappo_minibatch_ratio_cap");
}

TEST_CASE("a whole update of MAPPO with memories is the reference's") {
  const DoublePrecision precision;
  const GoldenFile file("09c_mappo_update");
  Stored team(file);
  const MappoLearner::Prepared all = team.prepare(stored_rows(team, file));
  check_close(all.value, file.column("/outputs/values"), "values");
  check_close(all.next_value, file.column("/outputs/next_values"), "values of next states");
  check_close(all.returns, file.column("/outputs/returns"), "returns");
  check_close(all.advantage, file.column("/outputs/advantages"), "advantages");

  const Tensor orders = file.tensor("/inputs/permutations").to(torch::kLong);  // [2, 14]
  std::vector<double> losses, norms;
  Means means;
  for (std::int64_t pass = 0; pass < 2; ++pass) {
    for (std::int64_t first = 0; first + 4 <= 14; first += 4) {
      const auto of_batch =
          team.losses_of(MappoLearner::pick(all, orders[pass].narrow(0, first, 4)));
      losses.push_back(of_batch.total.item<double>());
      norms.push_back(team.norm_of_gradient(of_batch.total));
      add(means, team, of_batch);
      team.optimiser.minimise(of_batch.total);
    }
  }
  check_close(torch::tensor(losses), file.tensor("/outputs/loss_per_minibatch"), "losses");
  check_close(torch::tensor(norms), file.tensor("/outputs/grad_norms_before_clip"), "norms");
  for (const auto& [name, mean] : means) {
    check_close(mean, file.number("/outputs/mean_stats/" + name), "mean of " + name);
  }
  check_close(team.entropy_weight, file.number("/outputs/entropy_alpha_after"), "entropy weight");
  team.check_parameters(file, "/outputs/params_after");
}

}  // namespace labhost::golden
