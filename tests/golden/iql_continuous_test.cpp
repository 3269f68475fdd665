// IQL with a Gaussian policy, with and without a memory, and behavioural cloning against the
// reference: each loss with its gradients, and whole updates in the order of Iql::update() and
// Ibc::update().  05a, 05b, 05c.
#include "tests/golden/iql_learner.hpp"

namespace labhost::golden {

namespace {

/// The gradients of a loss that is stepped with `networks` and the memory.
void check_step(const std::string& section, IqlLearner& learner,
                const std::vector<Network>& networks, const Tensor& loss) {
  check_close(loss, learner.file.tensor(section + "/loss"), section + " loss");
  check_gradients(learner.file, section + "/grads", networks, loss);
  learner.sight.check_memory_gradients(learner.file, section + "/grads", loss);
}

/// Three updates of which the reference keeps the first and the last.
void check_updates(IqlLearner& learner, Tensor (IqlLearner::*update)()) {
  for (int count = 1; count <= 3; ++count) {
    const std::string number = std::to_string(count - 1);
    check_close((learner.*update)(), learner.file.tensor("/outputs/losses_per_update/" + number),
                "losses of update " + number);
    if (count == 2) continue;
    const std::string after = "/outputs/params_after_" + std::to_string(count) + "_update";
    check_networks(learner.file, after, learner.all_networks());
    learner.sight.check_parameters(learner.file, after);
  }
}

void check_iql(const std::string& name) {
  const GoldenFile file(name);
  IqlLearner learner(file);
  check_step("/outputs/v", learner, learner.value_networks(), learner.value_loss());
  check_step("/outputs/pi", learner, learner.policy_networks(), learner.policy_loss());
  check_step("/outputs/q", learner, learner.critic_networks(), learner.critic_loss());
  check_updates(learner, &IqlLearner::update);
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
  IqlLearner learner(file);
  check_step("/outputs/pi", learner, learner.policy_networks(), learner.cloning_loss());
  check_updates(learner, &IqlLearner::clone);
}

}  // namespace labhost::golden
