#include "core/runner/worker/evaluation.hpp"

#include <doctest/doctest.h>

namespace labhost {

namespace {

/// How the episode of one copy goes: its length, its reward per step, and what ends it.
struct Script {
  std::int64_t length;
  double reward;
  bool terminal, timeout;
};

/// Copies that follow scripts. A state is (copy, steps so far).
class Scripted final : public Environment {
 public:
  explicit Scripted(std::vector<Script> scripts)
      : scripts_(std::move(scripts)), steps_(scripts_.size(), 0) {
    task_.name = "scripted";
    task_.state_width = 2;
    task_.agents = {{"agent", {0, 1}, {/*discrete=*/false, 1}}};
    task_.horizon = 100;
  }

  const TaskSpec& task() const override { return task_; }
  Tensor reset(const Tensor& index) override {
    for (const std::int64_t copy : copies(index)) steps_[static_cast<std::size_t>(copy)] = 0;
    return states(index);
  }
  void set_state(const Tensor&, const Tensor&) override {}
  StepResult step(const Tensor& index, const Tensor& action) override {
    REQUIRE(action.size(0) == index.size(0));
    StepResult result;
    result.reward = torch::zeros({index.size(0)});
    result.terminal = torch::zeros({index.size(0)}, torch::kBool);
    result.timeout = result.terminal.clone();
    const auto of = copies(index);
    for (std::size_t k = 0; k < of.size(); ++k) {
      const auto copy = static_cast<std::size_t>(of[k]);
      const Script& script = scripts_[copy];
      REQUIRE_MESSAGE(steps_[copy] < script.length, "copy ", copy, " is stepped after its end");
      ++steps_[copy];
      const auto row = static_cast<std::int64_t>(k);
      // The action says which copy it was chosen for.
      CHECK(action[row][0].item<std::int64_t>() == of[k]);
      result.reward[row] = script.reward;
      if (steps_[copy] < script.length) continue;
      result.terminal[row] = script.terminal;
      result.timeout[row] = script.timeout;
    }
    result.next_state = states(index);
    return result;
  }
  /// Steps so far, less one: negative in the first state.
  std::vector<std::pair<std::string, Tensor>> measure(const Tensor& state) const override {
    return {{"age", state.select(1, 1) - 1}};
  }
  void save(Archive&, const std::string&) const override {}
  void load(const Archive&, const std::string&) override {}

 private:
  static std::vector<std::int64_t> copies(const Tensor& index) {
    const Tensor whole = index.contiguous();
    return {whole.data_ptr<std::int64_t>(), whole.data_ptr<std::int64_t>() + whole.size(0)};
  }
  Tensor states(const Tensor& index) const {
    std::vector<float> values;
    for (const std::int64_t copy : copies(index)) {
      values.push_back(static_cast<float>(copy));
      values.push_back(static_cast<float>(steps_[static_cast<std::size_t>(copy)]));
    }
    return torch::tensor(values).view({index.size(0), 2});
  }

  std::vector<Script> scripts_;
  std::vector<std::int64_t> steps_;
  TaskSpec task_;
};

/// Answers each state with the copy's number; counts its calls.
class Answering final : public Policy {
 public:
  void begin(const Tensor& index) override { begun_ = index.size(0); }
  Tensor act(const Tensor& index, const Tensor& state) override {
    ++calls_;
    CHECK(torch::equal(state.select(1, 0).to(torch::kLong), index));
    CHECK(state.select(1, 1).eq(static_cast<double>(calls_ - 1)).all().item<bool>());
    return state.narrow(1, 0, 1);
  }
  std::int64_t begun_ = 0;
  int calls_ = 0;
};

EvaluationResult evaluate_scripts(const std::vector<Script>& scripts) {
  Scripted environment(scripts);
  Answering policy;
  return evaluate(environment, policy, static_cast<std::int64_t>(scripts.size()));
}

EvaluationResult with_returns(const std::vector<double>& returns) {
  EvaluationResult result;
  for (const double value : returns) {
    EpisodeResult episode;
    episode.episode_return = value;
    result.episodes.push_back(episode);
  }
  return result;
}

}  // namespace

TEST_CASE("each episode has its own return, length and end") {
  const EvaluationResult result = evaluate_scripts({{4, 1.5, false, true},
                                                    {1, -2, true, false},
                                                    {6, 0.25, true, false},
                                                    {4, 10, false, true},
                                                    // Both at once: it did not outlast the horizon.
                                                    {2, 3, true, true}});
  const std::vector<double> returns = {6, -2, 1.5, 40, 6};
  const std::vector<std::int64_t> lengths = {4, 1, 6, 4, 2};
  const std::vector<bool> full = {true, false, false, true, false};
  REQUIRE(result.episodes.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CAPTURE(i);
    CHECK(result.episodes[i].episode_return == returns[i]);
    CHECK(result.episodes[i].length == lengths[i]);
    CHECK(result.episodes[i].full_length == full[i]);
  }
  CHECK(result.mean_return() == doctest::Approx(51.5 / 5));
  CHECK(result.median_return() == 6);
  CHECK(result.mean_length() == doctest::Approx(17.0 / 5));
  CHECK(result.full_length_share() == doctest::Approx(2.0 / 5));
}

TEST_CASE("all episodes advance together, with one policy call per time step") {
  Scripted environment({{3, 1, false, true}, {7, 1, false, true}, {5, 1, true, false}});
  Answering policy;
  evaluate(environment, policy, 3);
  CHECK(policy.begun_ == 3);
  CHECK(policy.calls_ == 7);
}

TEST_CASE("an environment can be evaluated again") {
  Scripted environment({{3, 1, false, true}, {2, 1, true, false}});
  for (int i = 0; i < 2; ++i) {
    Answering policy;
    CHECK(evaluate(environment, policy, 2).mean_length() == 2.5);
  }
}

TEST_CASE("returns are summed in double") {
  // A sum in float32 would stop at 2^24.
  const double reward = 1 << 24;
  CHECK(evaluate_scripts({{3, reward + 2, false, true}}).mean_return() == 3 * (reward + 2));
}

TEST_CASE("measures are taken in every state in which an action is chosen") {
  // Ages -1, 0, 1, 2 and -1, 0: one copy acts four times, the other twice.
  const EvaluationResult result = evaluate_scripts({{4, 0, false, true}, {2, 0, true, false}});
  REQUIRE(result.measures.count("age") == 1);
  const Measure& age = result.measures.at("age");
  CHECK(age.states == 6);
  CHECK(age.mean() == doctest::Approx(1.0 / 6));
  CHECK(age.positive_share() == doctest::Approx(2.0 / 6));
}

TEST_CASE("the median is the middle return, or the mean of both middle ones") {
  CHECK(with_returns({5}).median_return() == 5);
  CHECK(with_returns({9, 1, 4}).median_return() == 4);
  CHECK(with_returns({9, 1, 4, 2}).median_return() == 3);
}

}  // namespace labhost
