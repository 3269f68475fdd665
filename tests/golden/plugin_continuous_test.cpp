// Maiql::update() and Iql::update() with Gaussian policies, themselves, as built plugins, against
// the reference, which does not decay the policies' learning rate.  04a, 05a.
#include "core/nn/mixer.hpp"
#include "core/nn/policy.hpp"
#include "core/nn/values.hpp"
#include "tests/golden/plugin_rows.hpp"

namespace labhost::golden {

namespace {

/// Networks of a plugin under the names of its checkpoints.
using Named = std::vector<std::pair<std::string, Mlp*>>;

struct Expected {
  std::string value, policy, critic;  ///< where an update's losses are
};

/// Three updates, of which the reference keeps the first's and the last's parameters.
void check_updates(const GoldenFile& file, testing::TrainedPlugin& plugin, const Named& named,
                   const std::vector<Network>& networks, const Expected& losses) {
  for (int update = 1; update <= 3; ++update) {
    const std::string at = "/outputs/losses_per_update/" + std::to_string(update - 1);
    const auto metrics = plugin.update(1);
    check_close(metrics.at("value/loss"), file.number(at + losses.value), "V loss");
    check_close(metrics.at("policy/loss"), file.number(at + losses.policy), "policy loss");
    check_close(metrics.at("critic/loss"), file.number(at + losses.critic), "Q loss");
    if (update == 2) continue;
    const Archive saved = plugin.saved();
    for (const auto& [name, network] : named) network->load(saved, name);
    check_networks(file, "/outputs/params_after_" + std::to_string(update) + "_update", networks);
  }
}

testing::TrainedPlugin::Setup setup_of(const std::string& plugin, const std::string& clip) {
  return {plugin,
          {{"hidden", "8"},
           {"batch_size", "6"},
           {"memory", "off"},
           {"policy_schedule", "constant"},
           {"gradient_clip", clip}},
          3,
          permuting_seed(396'014, 3)};
}

}  // namespace

TEST_CASE("04a: the maiql plugin updates all of its networks as the reference does") {
  const DoublePrecision doubles;
  const GoldenFile file("04a_maiql_nomem");
  const TaskSpec task = team_task(/*discrete=*/false, 2, 2);
  StateValue v(task, 5, 8, torch::kCPU, any_generator());
  TwinQ q(task, 5, 8, torch::kCPU, any_generator()),
      q_target(task, 5, 8, torch::kCPU, any_generator());
  Mixer mixer_v(2, 8, 8, torch::kCPU, any_generator()),
      mixer_q(2, 12, 8, torch::kCPU, any_generator()),
      mixer_q_target(2, 12, 8, torch::kCPU, any_generator());
  TeamPolicy policy(task, Distribution::kSquashedGaussian, 5, 8, torch::kCPU, any_generator());
  // The second agent sees 3 of 5 numbers; its action follows the padding.
  const std::vector<std::int64_t> narrow = {0, 1, 2, 5, 6};
  const std::vector<Network> networks = {{&v, 0, "agent0.v"},
                                         {&v, 1, "agent1.v"},
                                         {&q, 0, "agent0.q1"},
                                         {&q, 1, "agent1.q1", kThreeLayers, narrow},
                                         {&q, 2, "agent0.q2"},
                                         {&q, 3, "agent1.q2", kThreeLayers, narrow},
                                         {&q_target, 0, "agent0.q1_target"},
                                         {&q_target, 1, "agent1.q1_target", kThreeLayers, narrow},
                                         {&q_target, 2, "agent0.q2_target"},
                                         {&q_target, 3, "agent1.q2_target", kThreeLayers, narrow},
                                         {&mixer_v, 0, "mixer_v"},
                                         {&mixer_q, 0, "mixer_q"},
                                         {&mixer_q_target, 0, "mixer_q_target"},
                                         {&policy, 0, "agent0.policy", kGaussianHeads},
                                         {&policy, 1, "agent1.policy", kGaussianHeads}};
  load_networks(file, "/weights", networks);
  const Named named = {{"v", &v},
                       {"q", &q},
                       {"q_target", &q_target},
                       {"mixer_v", &mixer_v},
                       {"mixer_q", &mixer_q},
                       {"mixer_q_target", &mixer_q_target},
                       {"policy", &policy}};
  testing::TrainedPlugin plugin(
      task,
      rows_of(file, of_both_agents(file, "observations"), of_both_agents(file, "actions"),
              of_both_agents(file, "next_observations")),
      setup_of("maiql", "1"));
  replace_networks(plugin, {named.begin(), named.end()});
  check_updates(file, plugin, named, networks, {"/loss_v/0", "/loss_pi/0", "/loss_q/0"});
}

TEST_CASE("05a: the iql plugin updates all of its networks as the reference does") {
  const DoublePrecision doubles;
  const GoldenFile file("05a_iql_nomem");
  const TaskSpec task = single_task(/*discrete=*/false, 2);
  StateValue v(task, 5, 8, torch::kCPU, any_generator());
  TwinQ q(task, 5, 8, torch::kCPU, any_generator()),
      q_target(task, 5, 8, torch::kCPU, any_generator());
  TeamPolicy policy(task, Distribution::kSquashedGaussian, 5, 8, torch::kCPU, any_generator());
  const std::vector<Network> networks = {{&v, 0, "v"},
                                         {&q, 0, "q1"},
                                         {&q, 1, "q2"},
                                         {&q_target, 0, "q1_target"},
                                         {&q_target, 1, "q2_target"},
                                         {&policy, 0, "policy", kGaussianHeads}};
  load_networks(file, "/weights", networks);
  const Named named = {{"v", &v}, {"q", &q}, {"q_target", &q_target}, {"policy", &policy}};
  testing::TrainedPlugin plugin(
      task,
      rows_of(file, file.tensor("/inputs/observations"), file.tensor("/inputs/actions"),
              file.tensor("/inputs/next_observations")),
      setup_of("iql", "0"));
  replace_networks(plugin, {named.begin(), named.end()});
  check_updates(file, plugin, named, networks, {"/0", "/1", "/2"});
}

}  // namespace labhost::golden
