// Maiql::update() and Iql::update() themselves, as built plugins, against the reference. What the
// reference's legal moves touch (the categorical policies) is left to maiql_test.cpp and
// iql_test.cpp: tasks here have no legal moves, and values do not depend on policies.
#include "core/nn/mixer.hpp"
#include "core/nn/values.hpp"
#include "tests/golden/plugin_rows.hpp"

namespace labhost::golden {

TEST_CASE("the maiql plugin updates values, critics and targets as the reference does") {
  const DoublePrecision precision;
  const GoldenFile file("13a_maiql_discrete");
  const TaskSpec task = team_task(/*discrete=*/true, 2, 3);
  StateValue v(task, 5, 8, torch::kCPU, any_generator());
  TwinQ q(task, 5, 8, torch::kCPU, any_generator());
  TwinQ q_target(task, 5, 8, torch::kCPU, any_generator());
  Mixer mixer_v(2, 8, 8, torch::kCPU, any_generator());
  Mixer mixer_q(2, 13, 8, torch::kCPU, any_generator());
  Mixer mixer_q_target(2, 13, 8, torch::kCPU, any_generator());
  const std::vector<Network> networks = {{&v, 0, "agent0.v"},
                                         {&v, 1, "agent1.v"},
                                         {&q, 0, "agent0.q1"},
                                         {&q, 1, "agent1.q1"},
                                         {&q, 2, "agent0.q2"},
                                         {&q, 3, "agent1.q2"},
                                         {&q_target, 0, "agent0.q1_target"},
                                         {&q_target, 1, "agent1.q1_target"},
                                         {&q_target, 2, "agent0.q2_target"},
                                         {&q_target, 3, "agent1.q2_target"},
                                         {&mixer_v, 0, "mixer_v"},
                                         {&mixer_q, 0, "mixer_q"},
                                         {&mixer_q_target, 0, "mixer_q_target"}};
  load_networks(file, "/weights", networks);

  testing::TrainedPlugin plugin(
      task,
      rows_of(file, of_both_agents(file, "observations"), of_both_agents(file, "actions"),
              of_both_agents(file, "next_observations")),
      {"maiql",
       {{"hidden", "8"}, {"batch_size", "6"}, {"memory", "off"}},
       3,
       permuting_seed(396'014, 3)});
  replace_networks(plugin, {{"v", &v},
                            {"q", &q},
                            {"q_target", &q_target},
                            {"mixer_v", &mixer_v},
                            {"mixer_q", &mixer_q},
                            {"mixer_q_target", &mixer_q_target}});
  for (int update = 0; update < 3; ++update) {
    const std::string losses = "/outputs/losses_per_update/" + std::to_string(update);
    check_update_losses(file, plugin, losses + "/loss_v/0", losses + "/loss_q/0");
    if (update == 1) continue;
    const Archive saved = plugin.saved();
    v.load(saved, "v");
    q.load(saved, "q");
    q_target.load(saved, "q_target");
    mixer_v.load(saved, "mixer_v");
    mixer_q.load(saved, "mixer_q");
    mixer_q_target.load(saved, "mixer_q_target");
    check_networks(file, "/outputs/params_after_" + std::to_string(update + 1) + "_update",
                   networks);
  }
}

TEST_CASE("the iql plugin updates values, critics and targets as the reference does") {
  const DoublePrecision precision;
  const GoldenFile file("13b_iql_discrete");
  const TaskSpec task = single_task(/*discrete=*/true, 3);
  StateValue v(task, 5, 8, torch::kCPU, any_generator());
  TwinQ q(task, 5, 8, torch::kCPU, any_generator());
  TwinQ q_target(task, 5, 8, torch::kCPU, any_generator());
  const std::vector<Network> networks = {{&v, 0, "v"},
                                         {&q, 0, "q1"},
                                         {&q, 1, "q2"},
                                         {&q_target, 0, "q1_target"},
                                         {&q_target, 1, "q2_target"}};
  load_networks(file, "/weights", networks);

  testing::TrainedPlugin plugin(
      task,
      rows_of(file, file.tensor("/inputs/observations"), file.tensor("/inputs/actions"),
              file.tensor("/inputs/next_observations")),
      {"iql",
       {{"hidden", "8"}, {"batch_size", "6"}, {"gradient_clip", "0"}},
       3,
       permuting_seed(396'014, 3)});
  replace_networks(plugin, {{"v", &v}, {"q", &q}, {"q_target", &q_target}});
  for (int update = 0; update < 3; ++update) {
    const std::string losses = "/outputs/losses_per_update/" + std::to_string(update);
    check_update_losses(file, plugin, losses + "/0", losses + "/2");
    if (update == 1) continue;
    const Archive saved = plugin.saved();
    v.load(saved, "v");
    q.load(saved, "q");
    q_target.load(saved, "q_target");
    check_networks(file, "/outputs/params_after_" + std::to_string(update + 1) + "_update",
                   networks);
  }
}

}  // namespace labhost::golden
