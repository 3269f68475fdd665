// One member of the world model against the reference. The reference has a reward and a terminal
// head per agent, so its networks are plain Mlps of that width here; its terminal head predicts
// "goes on", which only swaps the target of the cross-entropy.
#include "core/nn/world_model.hpp"
#include "core/nn/adam.hpp"
#include "plugins/algorithms/world-model/losses.hpp"
#include "tests/golden/golden_file.hpp"

namespace labhost::golden {

namespace {

const LayerNames kFiveLayers = {{"fc1"}, {"fc2"}, {"fc3"}, {"fc4"}, {"fc5"}};

struct Member {
  Member()
      : next_state(1, {12, 16, 8, 4}, torch::kCPU, any_generator()),
        reward(1, {12, 4, 8, 4}, torch::kCPU, any_generator()),
        goes_on(1, {12, 2, 8, 2}, torch::kCPU, any_generator()) {}
  std::vector<Network> networks() {
    return {
        {&next_state, 0, "T", kFiveLayers}, {&reward, 0, "R", kFiveLayers}, {&goes_on, 0, "mask"}};
  }
  Mlp next_state, reward, goes_on;
};

struct Gaussians {
  Tensor mean, log_std;
};
Gaussians split(const Tensor& output) {
  const auto halves = output.chunk(2, -1);
  return {halves[0], halves[1].clamp(-6, 2)};
}

struct Losses {
  Tensor next_state, reward, goes_on;
  Tensor total() const { return next_state + reward + goes_on; }
};

struct Rows {
  explicit Rows(const GoldenFile& file)
      : input(WorldModel::input(of_both_agents(file, "observations"),
                                of_both_agents(file, "actions"), /*discrete=*/false)
                  .unsqueeze(0)),
        next_state(of_both_agents(file, "next_observations").unsqueeze(0)),
        reward(file.tensor("/inputs/rewards").expand({6, 2}).unsqueeze(0)),
        goes_on(file.tensor("/inputs/masks").expand({6, 2}).reshape({1, 12})) {}
  Tensor input, next_state, reward, goes_on;
};

Losses losses_of(const Member& member, const Rows& rows) {
  const Gaussians s = split(member.next_state.forward(rows.input));
  const Gaussians r = split(member.reward.forward(rows.input));
  const Tensor logit = member.goes_on.forward(rows.input).reshape({1, 12});
  return {world_model::gaussian_loss(s.mean, s.log_std, rows.next_state),
          world_model::gaussian_loss(r.mean, r.log_std, rows.reward),
          world_model::terminal_loss(logit, rows.goes_on)};
}

}  // namespace

TEST_CASE("a member's predictions, losses and gradients are the reference's") {
  const DoublePrecision precision;
  const GoldenFile file("10_worldmodel_member");
  Member member;
  load_networks(file, "/weights", member.networks());
  const Rows rows(file);
  const Gaussians s = split(member.next_state.forward(rows.input));
  const Gaussians r = split(member.reward.forward(rows.input));
  check_close(s.mean[0], file.tensor("/outputs/mean_next_state"), "mean of the next state");
  check_close(s.log_std[0], file.tensor("/outputs/log_std_next_state"), "its log std");
  check_close(r.mean[0], file.tensor("/outputs/mean_reward"), "mean of the reward");
  check_close(r.log_std[0], file.tensor("/outputs/log_std_reward"), "its log std");
  check_close(torch::sigmoid(member.goes_on.forward(rows.input))[0],
              file.tensor("/outputs/mask_prob"), "probability of going on");

  const Losses losses = losses_of(member, rows);
  check_close(losses.next_state, file.tensor("/outputs/loss_next_state"), "next-state loss");
  check_close(losses.reward, file.tensor("/outputs/loss_reward"), "reward loss");
  check_close(losses.goes_on, file.tensor("/outputs/loss_mask"), "terminal loss");
  check_close(losses.total(), file.tensor("/outputs/loss"), "loss");
  check_gradients(file, "/outputs/grads", member.networks(), losses.total());
}

TEST_CASE("one and three updates of a member end at the reference's parameters") {
  const DoublePrecision precision;
  const GoldenFile file("10_worldmodel_member");
  Member member;
  load_networks(file, "/weights", member.networks());
  const Rows rows(file);
  Adam optimiser({&member.next_state, &member.reward, &member.goes_on}, file.number("/settings/lr"),
                 Clip::kJointCopy, file.number("/settings/grad_clip_norm"));
  optimiser.minimise(losses_of(member, rows).total());
  check_networks(file, "/outputs/params_after_1_update", member.networks());
  optimiser.minimise(losses_of(member, rows).total());
  optimiser.minimise(losses_of(member, rows).total());
  check_networks(file, "/outputs/params_after_3_update", member.networks());
}

}  // namespace labhost::golden
