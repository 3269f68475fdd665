// The conservative term and ICQL's policy loss against the released code, whose samples are
// corrected by the density of their noise.  07, 07b.
#include "tests/golden/td3_learner.hpp"

namespace labhost::golden {

namespace {

using CqlDraws = Td3Learner::CqlDraws;

CqlDraws draws_of(const GoldenFile& file) {
  return {file.tensor("/inputs/random_actions"), file.tensor("/inputs/eps_current"),
          file.tensor("/inputs/eps_next")};
}

void check_setting(Td3Learner& learner, const std::string& section,
                   Td3Learner::SoftMaximum soft_maximum) {
  const GoldenFile& file = learner.file;
  const Tensor conservative =
      file.number(section + "/cql_alpha") *
      learner.conservative_term(draws_of(file), file.number(section + "/lse_temp"), soft_maximum);
  const Tensor td = learner.critic_loss(file.tensor("/inputs/noise"));
  check_close(conservative, file.tensor(section + "/loss_cql"), section + " conservative term");
  check_close(td, file.tensor(section + "/loss_td"), section + " TD loss");
  check_close(td + conservative, file.tensor(section + "/loss_total"), section + " loss");
  learner.check_gradients_of(td + conservative, learner.critic_networks(), section + "/grads");
}

void check_file(const std::string& name) {
  const GoldenFile file(name);
  Td3Learner learner(file, Td3Settings::released(file));
  REQUIRE(file.number("/settings/td3_omar_cql_sample_noise_level") == 0.2);
  for (const std::string setting : {"/outputs/alpha1_temp1", "/outputs/alpha5_temp0.7"}) {
    check_setting(learner, setting, fan_logsumexp);
    check_setting(learner, setting, fan_logsumexp_as_written);
  }
  const Tensor h = learner.sight.now();
  const Tensor actor = -learner.q.first_fixed(h, learner.policy.forward(h)).mean(-1).sum();
  check_close(actor, file.tensor("/outputs/icql_actor/loss"), "actor loss");
  learner.check_gradients_of(actor, learner.policy_networks(), "/outputs/icql_actor/grads");
}

/// d term / d (the memory's first layer), where the policy's actions have a graph or none.
Tensor memory_gradient(Td3Learner& learner, bool through_actions) {
  const Tensor h = learner.sight.now();
  const cql::Samples all = learner.samples(h, draws_of(learner.file));
  const Tensor action = through_actions ? all.action : all.action.detach();
  const Tensor term = fan_logsumexp(learner.q, h, action, all.correction, 1).sum();
  const MemoryEncoder& memory = *learner.sight.memories().front().module;
  return torch::autograd::grad({term}, {memory.part(MemoryEncoder::kEmbed)})[0];
}

}  // namespace

TEST_CASE("07: the conservative term without a memory") {
  const DoublePrecision doubles;
  check_file("07_cql_nomem");
}

TEST_CASE("07b: the conservative term with a memory, which learns through the policy's actions") {
  const DoublePrecision doubles;
  check_file("07b_cql_mem");
  // The numbers above can tell: without that path the gradient is another.
  const GoldenFile file("07b_cql_mem");
  Td3Learner learner(file, Td3Settings::released(file));
  const Tensor path = memory_gradient(learner, true) - memory_gradient(learner, false);
  CHECK(path.abs().max().item<double>() > 1e-4);
}

}  // namespace labhost::golden
