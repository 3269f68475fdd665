// IQL with a Gaussian policy, with and without a memory, and behavioural cloning against the
// reference: each loss with its gradients, and whole updates in the order of Iql::update() and
// Ibc::update().  05a, 05b, 05c.
#include "core/nn/policy.hpp"
#include "core/nn/values.hpp"
#include "plugins/algorithms/ibc/losses.hpp"
#include "plugins/algorithms/iql/losses.hpp"
#include "tests/golden/golden_memory.hpp"

namespace labhost::golden {

namespace {

struct Learner {
  explicit Learner(const GoldenFile& golden)
      : file(golden),
        task(single_task(/*discrete=*/false, 2)),
        sight(file, task),
        action(file.tensor("/inputs/actions")),
        v(task, sight.width(), 8, torch::kCPU, any_generator()),
        q(task, sight.width(), 8, torch::kCPU, any_generator()),
        q_target(task, sight.width(), 8, torch::kCPU, any_generator()),
        policy(task, Distribution::kSquashedGaussian, sight.width(), 8, torch::kCPU,
               any_generator()),
        v_optimiser({&v}, file.number("/settings/lr_v"), Clip::kNone),
        q_optimiser({&q}, file.number("/settings/lr_q"), Clip::kNone),
        policy_optimiser({&policy}, file.number("/settings/lr_pi"), Clip::kNone) {
    load_networks(file, "/weights", all_networks());
  }

  // --- losses -----------------------------------------------------------------------------------

  Tensor min_target_q() const {
    const torch::NoGradGuard no_grad;
    return std::get<0>(q_target.forward(sight.now_as_target(), action).min(0)).squeeze(0);
  }
  Tensor value(const Tensor& s) const {
    const torch::NoGradGuard no_grad;
    return v.forward(s).squeeze(0);
  }
  Tensor log_prob() const { return policy.log_prob(sight.now(), action); }  // [1, B]

  Tensor value_loss() const {
    return iql::expectile_loss(min_target_q(), v.forward(sight.now()).squeeze(0),
                               file.number("/settings/expectile"));
  }
  Tensor policy_loss() const {
    const Tensor weight = iql::awr_weight(min_target_q(), value(sight.now_as_target()),
                                          file.number("/settings/awr_temperature"),
                                          file.number("/settings/awr_weight_max"));
    return iql::awr_loss(weight, log_prob().squeeze(0));
  }
  Tensor critic_loss() const {
    const Tensor target = file.column("/inputs/rewards") +
                          file.number("/settings/discount_factor") * file.column("/inputs/masks") *
                              value(sight.next_as_target());
    return iql::critic_loss(q.forward(sight.now(), action).squeeze(1), target);
  }
  Tensor cloning_loss() const { return ibc::negative_log_likelihood(log_prob()); }

  // --- updates ----------------------------------------------------------------------------------

  void update(const Tensor& losses) {
    check_close(minimise(value_loss(), {&v_optimiser, sight.optimiser()}), losses[0], "V loss");
    check_close(minimise(policy_loss(), {&policy_optimiser, sight.optimiser()}), losses[1],
                "policy loss");
    check_close(minimise(critic_loss(), {&q_optimiser, sight.optimiser()}), losses[2], "Q loss");
    polyak();
  }
  void clone(const Tensor& losses) {
    check_close(minimise(cloning_loss(), {&policy_optimiser, sight.optimiser()}), losses[0],
                "policy loss");
    polyak();
  }
  void polyak() {
    q_target.polyak(q, file.number("/settings/target_update_coef"));
    sight.polyak(file.number("/settings/target_update_coef"));
  }

  // --- networks ---------------------------------------------------------------------------------

  std::vector<Network> value_networks() { return {{&v, 0, "v"}}; }
  std::vector<Network> critic_networks() { return {{&q, 0, "q1"}, {&q, 1, "q2"}}; }
  std::vector<Network> policy_networks() { return {{&policy, 0, "policy", kGaussianHeads}}; }
  std::vector<Network> all_networks() {
    return {{&v, 0, "v"},
            {&q, 0, "q1"},
            {&q, 1, "q2"},
            {&q_target, 0, "q1_target"},
            {&q_target, 1, "q2_target"},
            {&policy, 0, "policy", kGaussianHeads}};
  }

  const GoldenFile& file;
  TaskSpec task;
  Sight sight;
  Tensor action;  // [B, 2]
  StateValue v;
  TwinQ q, q_target;
  TeamPolicy policy;
  Adam v_optimiser, q_optimiser, policy_optimiser;
};

/// The gradients of a loss that is stepped with `networks` and the memory.
void check_step(const std::string& section, Learner& learner, const std::vector<Network>& networks,
                const Tensor& loss) {
  check_close(loss, learner.file.tensor(section + "/loss"), section + " loss");
  check_gradients(learner.file, section + "/grads", networks, loss);
  learner.sight.check_memory_gradients(learner.file, section + "/grads", loss);
}

/// Three updates of which the reference keeps the first and the last.
void check_updates(Learner& learner, void (Learner::*update)(const Tensor& losses)) {
  for (int count = 1; count <= 3; ++count) {
    const std::string number = std::to_string(count - 1);
    (learner.*update)(learner.file.tensor("/outputs/losses_per_update/" + number));
    if (count == 2) continue;
    const std::string after = "/outputs/params_after_" + std::to_string(count) + "_update";
    check_networks(learner.file, after, learner.all_networks());
    learner.sight.check_parameters(learner.file, after);
  }
}

void check_iql(const std::string& name) {
  const GoldenFile file(name);
  Learner learner(file);
  check_step("/outputs/v", learner, learner.value_networks(), learner.value_loss());
  check_step("/outputs/pi", learner, learner.policy_networks(), learner.policy_loss());
  check_step("/outputs/q", learner, learner.critic_networks(), learner.critic_loss());
  check_updates(learner, &Learner::update);
}

}  // namespace

TEST_CASE("05a: IQL without a memory") {
  const DoublePrecision doubles;
  check_iql("05a_iql_nomem");
}

TEST_CASE("05b: IQL with a memory") {
  const DoublePrecision doubles;
  check_iql("05b_iql_mem");
}

// The reference moves all targets in behavioural cloning too; ours has none that anything reads.
TEST_CASE("05c: behavioural cloning with a memory") {
  const DoublePrecision doubles;
  const GoldenFile file("05c_bc_mem");
  Learner learner(file);
  check_step("/outputs/pi", learner, learner.policy_networks(), learner.cloning_loss());
  check_updates(learner, &Learner::clone);
}

}  // namespace labhost::golden
