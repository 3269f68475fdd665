// A step of the ensemble and its uncertainties against the reference ("outputs.paper": the paper's
// definitions on the reference's member predictions).
#include "core/nn/world_model.hpp"
#include "plugins/algorithms/moma-ppo/rollouts.hpp"
#include "tests/golden/golden_file.hpp"

namespace labhost::golden {

namespace {

const LayerNames kFiveLayers = {{"fc1"}, {"fc2"}, {"fc3"}, {"fc4"}, {"fc5"}};

Mlp& network(WorldModel& model, std::size_t index) {
  auto* network = dynamic_cast<Mlp*>(model.modules()[index]);
  REQUIRE(network != nullptr);
  return *network;
}

/// The means of pairs of neighbouring outputs: the reference has a head per agent, we have one.
Tensor of_heads(const Tensor& outputs) {
  return outputs.view({outputs.size(0), outputs.size(1) / 2, 2}).mean(2);
}

/// The reference's member as copy `member` of our networks. Averaging its two linear heads gives
/// the average of their predictions. Its terminal heads predict "goes on", ours "ends".
void load_member(const GoldenFile& file, WorldModel& model, std::int64_t member) {
  const torch::NoGradGuard no_grad;
  const std::string prefix = "member" + std::to_string(member) + ".";
  load_networks(file, "/weights", {{&network(model, 0), member, prefix + "T", kFiveLayers}});
  load_networks(file, "/weights",
                {{&network(model, 1), member, prefix + "R", {{"fc1"}, {"fc2"}, {"fc3"}, {"fc4"}}},
                 {&network(model, 2), member, prefix + "mask", {{"fc1"}, {"fc2"}}}});
  const std::string reward = "/weights/" + prefix + "R.fc5.",
                    ends = "/weights/" + prefix + "mask.fc3.";
  network(model, 1).weight(4)[member].copy_(of_heads(file.tensor(reward + "weight").t()));
  network(model, 1).bias(4)[member].copy_(of_heads(file.tensor(reward + "bias").unsqueeze(0)));
  network(model, 2).weight(2)[member].copy_(-of_heads(file.tensor(ends + "weight").t()));
  network(model, 2).bias(2)[member].copy_(-of_heads(file.tensor(ends + "bias").unsqueeze(0)));
}

/// The kept members of the reference's seven, through an artifact, with the dataset's box.
WorldModel stored_ensemble(const GoldenFile& file) {
  WorldModel all({8, 4, 7, 8, 4, 2}, torch::kCPU, any_generator());
  for (std::int64_t member = 0; member < 7; ++member) load_member(file, all, member);
  all.keep(file.tensor("/settings/members_used_best_first").to(torch::kLong));
  const Tensor states = torch::cat(
      {of_both_agents(file, "data_observations"), of_both_agents(file, "data_next_observations")});
  const Tensor rewards = file.tensor("/inputs/data_rewards");
  all.set_box(std::get<0>(states.min(0)), std::get<0>(states.max(0)), rewards.min(), rewards.max());
  Archive archive;
  all.save(archive);
  return WorldModel::restore(archive, torch::kCPU);
}

WorldModel::Step step_of(const GoldenFile& file, const WorldModel& model, at::Generator generator) {
  WorldModelOptions options;
  options.uncertainty_clip = options.stop_threshold = file.number("/settings/paper_threshold");
  return model.step(of_both_agents(file, "observations"), of_both_agents(file, "actions"),
                    /*discrete=*/false, options, generator);
}

/// Next states of the kept members, clipped to the box: [members, B, S].
Tensor clipped_candidates(const GoldenFile& file) {
  const Tensor states = torch::cat(
      {of_both_agents(file, "data_observations"), of_both_agents(file, "data_next_observations")});
  const Tensor means = file.tensor("/outputs/member_next_obs").permute({2, 0, 1});
  return torch::minimum(torch::maximum(means, std::get<0>(states.min(0))),
                        std::get<0>(states.max(0)));
}

}  // namespace

TEST_CASE("eps_g is the Frobenius norm of the reference's covariance") {
  const DoublePrecision precision;
  const GoldenFile file("11b_eps_g");
  for (const std::string set : {"0", "1", "2"}) {
    const Tensor x = file.tensor("/inputs/X" + set).permute({2, 0, 1});  // [M, B, q + 1]
    check_close(covariance_norm(x), file.column("/outputs/eps_g" + set), "eps_g of X" + set);
  }
}

TEST_CASE("a step's uncertainties, reward, terminal and threshold are the paper's") {
  const DoublePrecision precision;
  const GoldenFile file("11a_ensemble_step");
  const WorldModel model = stored_ensemble(file);
  const WorldModel::Step step = step_of(file, model, any_generator());
  const std::string paper = "/outputs/paper/";
  check_close(step.eps_g, file.tensor(paper + "eps_g"), "eps_g");
  check_close(step.eps_r, file.tensor(paper + "eps_r"), "eps_r");
  check_close(step.reward, file.tensor(paper + "reward_clipped"), "reward");
  CHECK(torch::equal(step.unreliable, file.tensor(paper + "uncertainty_timeout").eq(1)));
  CHECK(torch::equal(step.terminal, file.tensor(paper + "mask").eq(0)));

  moma_ppo::RolloutOptions options;
  options.lambda_g = file.number("/settings/lambda_g");
  options.lambda_r = file.number("/settings/lambda_r");
  check_close(step.reward - moma_ppo::penalty(step, options),
              file.tensor(paper + "reward_penalised"), "penalised reward");
}

TEST_CASE("uncertainties before clipping are the paper's") {
  const DoublePrecision precision;
  const GoldenFile file("11a_ensemble_step");
  const Tensor states = file.tensor("/outputs/member_next_obs").permute({2, 0, 1});
  const Tensor rewards = file.tensor("/outputs/member_reward").mean(1).t();  // [M, B]
  check_close(covariance_norm(torch::cat({states, rewards.unsqueeze(-1)}, -1)),
              file.tensor("/outputs/paper/eps_g_unclamped"), "eps_g");
  check_close(rewards.var(0), file.tensor("/outputs/paper/eps_r_unclamped"), "eps_r");
  check_close(rewards.mean(0), file.tensor("/outputs/paper/reward_mean"), "mean reward");
}

TEST_CASE("the next state is a kept member's mean in the dataset's box, each as likely") {
  const DoublePrecision precision;
  const GoldenFile file("11a_ensemble_step");
  const WorldModel model = stored_ensemble(file);
  const Tensor candidates = clipped_candidates(file);  // [5, 6, 8]
  at::Generator generator = Streams(3).get("members");
  constexpr int kDraws = 400;
  Tensor drawn = torch::zeros({5});
  for (int i = 0; i < kDraws; ++i) {
    const Tensor next = step_of(file, model, generator).next_state;
    const Tensor same = (candidates - next).abs().lt(1e-9).all(2);  // [5, 6]
    REQUIRE(same.sum(0).eq(1).all().item<bool>());
    drawn += same.sum(1);
  }
  // 480 expected of 2400 each; the standard deviation is about 20.
  CHECK(drawn.sub(6.0 * kDraws / 5).abs().max().item<double>() < 100);
}

}  // namespace labhost::golden
