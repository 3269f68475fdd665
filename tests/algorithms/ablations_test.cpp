// Options that ablations turn change what they are about and nothing else: first epochs of moma-ppo
// with the same seed, data and world model.  Sections 6.2 and 6.3.
#include <doctest/doctest.h>

#include <set>

#include "core/plugins/contract_tasks.hpp"
#include "tests/algorithms/trained_plugin.hpp"

namespace labhost {

namespace {

using doctest::Approx;
using testing::Overrides;
using testing::TrainedPlugin;
using Values = std::map<std::string, double>;

constexpr double kThreshold = 0.15;
constexpr std::int64_t kSteps = 6;

const SyntheticTask& synthetic() {
  static const SyntheticTask task = synthetic_tasks().at(1);
  return task;
}

std::unique_ptr<Environment> simulator(std::int64_t copies) {
  return synthetic().environment(copies);
}

/// A small world model, hardly trained: its members disagree.
const Archive& model() {
  static const Archive trained = [] {
    TrainedPlugin plugin(synthetic().task, synthetic().data,
                         {"world-model",
                          {{"hidden", "16"},
                           {"layers", "1"},
                           {"terminal_layers", "1"},
                           {"members", "4"},
                           {"kept", "3"},
                           {"learning_rate", "1e-3"}},
                          60,
                          1,
                          {},
                          simulator});
    plugin.update(60);
    return plugin.saved();
  }();
  return trained;
}

/// The same with some tensors replaced.
Archive changed(const Archive& archive, const std::map<std::string, Tensor>& tensors) {
  Archive result;
  for (const auto& [name, tensor] : archive.tensors()) {
    const auto other = tensors.find(name);
    result.write(name, other == tensors.end() ? tensor : other->second);
  }
  return result;
}

/// Metrics of the first epoch with these parameters.
Values first_epoch(const Overrides& more, const std::map<std::string, Archive>& artifacts) {
  Overrides params = {
      {"hidden", "8"},        {"memory_width", "8"}, {"k", std::to_string(kSteps)},
      {"transitions", "300"}, {"passes", "1"},       {"l_eps", std::to_string(kThreshold)},
      {"lambda_g", "0.7"},    {"lambda_r", "0.3"}};
  for (const auto& [name, value] : more) params[name] = value;
  return TrainedPlugin(synthetic().task, synthetic().data,
                       {"moma-ppo", params, 1, 1, artifacts, simulator})
      .update(1);
}
Values first_epoch(const Overrides& more) { return first_epoch(more, {{"world-model", model()}}); }

/// Everything about rollouts is the same to the bit, except for `changed`.
void check_same_rollouts(const Values& a, const Values& b, const std::set<std::string>& changed) {
  int compared = 0;
  for (const auto& [name, value] : a) {
    if (name.rfind("rollout/", 0) != 0) continue;
    ++compared;
    CAPTURE(name);
    CHECK((value == b.at(name)) == (changed.count(name) == 0));
  }
  CHECK(compared >= 10);
}

double penalty(const Values& m) {
  return m.at("rollout/reward") - m.at("rollout/penalised_reward");
}
double penalty_of(const Values& m, double lambda_r, double lambda_g) {
  return lambda_r * m.at("rollout/eps_r") + lambda_g * m.at("rollout/eps_g");
}

const std::set<std::string> kPenalised = {"rollout/penalised_reward"};

}  // namespace

TEST_CASE("the ablations' own setting stops some rollouts early, and not all") {
  const Values base = first_epoch({});
  CHECK(base.at("rollout/length") < kSteps - 0.2);
  CHECK(base.at("rollout/length") > 1.5);
  CHECK(base.at("rollout/unreliable") > 0.02);
  CHECK(penalty(base) == Approx(penalty_of(base, 0.3, 0.7)));
  check_same_rollouts(base, first_epoch({}), {});
}

TEST_CASE("lambda_g = 0 and lambda_r = 0 each leave out one uncertainty's penalty") {
  const Values base = first_epoch({});
  const Values no_g = first_epoch({{"lambda_g", "0"}}), no_r = first_epoch({{"lambda_r", "0"}});
  check_same_rollouts(base, no_g, kPenalised);
  check_same_rollouts(base, no_r, kPenalised);
  CHECK(penalty(no_g) == Approx(penalty_of(base, 0.3, 0)));
  CHECK(penalty(no_r) == Approx(penalty_of(base, 0, 0.7)));
  const Values neither = first_epoch({{"lambda_g", "0"}, {"lambda_r", "0"}});
  CHECK(penalty(neither) == 0);
}

TEST_CASE("the aleatoric penalty takes the place of both, with its own coefficient") {
  const Values base = first_epoch({});
  for (const char* lambda : {"1", "5"}) {
    const Values mopo = first_epoch({{"penalty", "aleatoric"}, {"lambda_aleatoric", lambda}});
    check_same_rollouts(base, mopo, kPenalised);
    CHECK(penalty(mopo) == Approx(std::stod(lambda) * base.at("rollout/aleatoric")));
  }
  // Elsewhere that coefficient means nothing.
  check_same_rollouts(base, first_epoch({{"lambda_aleatoric", "5"}}), {});
}

TEST_CASE("l_eps = inf neither stops rollouts nor clips what they are penalised by") {
  const Values base = first_epoch({}), open = first_epoch({{"l_eps", "inf"}});
  CHECK(open.at("rollout/length") == kSteps);
  CHECK(open.at("rollout/unreliable") == 0);
  CHECK(open.at("rollout/eps_g_95") > kThreshold);
  CHECK(base.at("rollout/eps_g_95") <= Approx(kThreshold));
  CHECK(penalty(open) == Approx(penalty_of(open, 0.3, 0.7)));
}

TEST_CASE("where l_eps only clips, rollouts are those of l_eps = inf") {
  const Values base = first_epoch({}), open = first_epoch({{"l_eps", "inf"}}),
               clipped = first_epoch({{"stop_threshold", "inf"}});  // the released code
  check_same_rollouts(open, clipped,
                      {"rollout/penalised_reward", "rollout/eps_g", "rollout/eps_g_95"});
  CHECK(clipped.at("rollout/length") == kSteps);
  CHECK(clipped.at("rollout/eps_g_95") == Approx(kThreshold));
  // And where it only stops, those of l_eps.
  const Values stopped =
      first_epoch({{"l_eps", "inf"}, {"stop_threshold", std::to_string(kThreshold)}});
  check_same_rollouts(base, stopped,
                      {"rollout/penalised_reward", "rollout/eps_g", "rollout/eps_g_95"});
  CHECK(stopped.at("rollout/eps_g") > base.at("rollout/eps_g"));
  check_same_rollouts(base, first_epoch({{"stop_threshold", std::to_string(kThreshold)}}), {});
}

TEST_CASE("clip_to_dataset = false leaves predictions as they are, uncertainties always are") {
  const auto in_box = [](double state, double reward) -> std::map<std::string, Archive> {
    const Tensor high = torch::full({5}, state), top = torch::scalar_tensor(reward);
    return {{"world-model", changed(model(), {{"box/state_low", -high},
                                              {"box/state_high", high},
                                              {"box/reward_low", top},
                                              {"box/reward_high", top}})}};
  };
  const Overrides clipped = {{"k", "1"}}, open = {{"k", "1"}, {"clip_to_dataset", "false"}};
  const Values base = first_epoch(open);
  check_same_rollouts(base, first_epoch(open, in_box(0.1, -0.125)), {});
  const Values boxed = first_epoch(clipped, in_box(0.1, -0.125));
  check_same_rollouts(base, boxed, {"rollout/reward", "rollout/penalised_reward"});
  CHECK(boxed.at("rollout/reward") == -0.125);
  // With k steps states are clipped as well, so rollouts go elsewhere.
  const Values narrow = first_epoch({}, in_box(0.1, -0.125)), wide = first_epoch({}, in_box(9, 0));
  CHECK(narrow.at("rollout/aleatoric") != wide.at("rollout/aleatoric"));
}

TEST_CASE("k is the length of rollouts that nothing stops") {
  for (const std::int64_t k : {1, 5, 10, 20}) {
    CAPTURE(k);
    const Values m = first_epoch({{"l_eps", "inf"}, {"k", std::to_string(k)}});
    CHECK(m.at("rollout/length") == static_cast<double>(k));
    CHECK(m.at("rollout/generated") == 300);
  }
}

TEST_CASE("ground truth needs no world model, and nothing is uncertain there") {
  const Values truth = first_epoch({{"ground_truth", "true"}}, {});
  CHECK(truth.at("rollout/length") == kSteps);
  for (const char* name : {"eps_g", "eps_g_95", "eps_r", "aleatoric", "unreliable"}) {
    CHECK_MESSAGE(truth.at(std::string("rollout/") + name) == 0, name);
  }
  CHECK(penalty(truth) == 0);
  // What is about the model changes nothing; k does.
  check_same_rollouts(truth,
                      first_epoch({{"ground_truth", "true"},
                                   {"l_eps", "0.1"},
                                   {"lambda_g", "5"},
                                   {"clip_to_dataset", "false"}},
                                  {}),
                      {});
  CHECK(first_epoch({{"ground_truth", "true"}, {"k", "2"}}, {}).at("rollout/length") == 2);
}

TEST_CASE("moma-ppo in MuJoCo's simulator goes on from a checkpoint with the same bits") {
  testing::SilentLogger logger;
  const LoadedPlugin reacher = testing::built_plugin("reacher");
  const Params params = testing::params_of(reacher);
  const auto simulators = [&](std::int64_t copies) {
    return reacher.make(EnvironmentContext{params, copies, 3, 1, logger});
  };
  const auto start = simulators(32);
  Transitions data;
  data.state = start->reset(torch::arange(32));
  const StepResult first =
      start->step(torch::arange(32), torch::zeros({32, start->task().joint_width()}));
  data.next_state = first.next_state;
  data.action = torch::zeros({32, start->task().joint_width()});
  data.reward = first.reward;
  data.terminal = torch::zeros({32}, torch::kBool);
  data.timeout = torch::ones({32}, torch::kBool);
  const TrainedPlugin::Setup setup = {"moma-ppo",
                                      {{"ground_truth", "true"},
                                       {"hidden", "8"},
                                       {"transitions", "60"},
                                       {"batch_size", "32"},
                                       {"learning_rate", "0.01"}},
                                      4,
                                      1,
                                      {},
                                      simulators};
  TrainedPlugin whole(start->task(), data, setup), before(start->task(), data, setup),
      after(start->task(), data, setup);
  whole.update(2);
  before.update(2);
  after.restore(before.checkpoint());
  CHECK(whole.update(2) == after.update(2));
  const Archive expected = whole.checkpoint(), found = after.checkpoint();
  for (const auto& [name, tensor] : expected.tensors()) {
    CAPTURE(name);
    CHECK(torch::equal(tensor, found.tensor(name)));
  }
}

}  // namespace labhost
