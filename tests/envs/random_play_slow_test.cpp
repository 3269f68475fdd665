// Uniform random play on the Ant, beside what was measured on gym's own model.
#include <cmath>

#include "core/runner/worker/evaluation.hpp"
#include "tests/envs/support.hpp"

namespace labhost::testing {

namespace {

class UniformPolicy final : public Policy {
 public:
  explicit UniformPolicy(std::int64_t width) : width_(width) {}
  void begin(const Tensor&) override {}
  Tensor act(const Tensor& index, const Tensor&) override {
    return 2 * torch::rand({index.size(0), width_}, generator_) - 1;
  }

 private:
  std::int64_t width_;
  at::Generator generator_ = Streams(12).get("actions");
};

}  // namespace

TEST_CASE("ant: 500 episodes of random play return what gym's do") {
  constexpr std::int64_t kEpisodes = 500;
  const auto ant = make_environment("ant", kEpisodes, {}, 2);
  UniformPolicy policy(8);
  const EvaluationResult result = evaluate(*ant, policy, kEpisodes);
  double squares = 0;
  for (const EpisodeResult& episode : result.episodes) {
    squares += std::pow(episode.episode_return - result.mean_return(), 2);
  }
  const double error = std::sqrt(squares / (kEpisodes - 1) / kEpisodes);
  MESSAGE("mean return ", result.mean_return(), " +- ", error, ", mean length ",
          result.mean_length());
  // Measured on gym's model: -63.8 +- 4.8 over 500 episodes, mean length 191.
  CHECK(std::abs(result.mean_return() + 63.8) < 3 * std::hypot(error, 4.8));
  CHECK(result.mean_length() == doctest::Approx(191).epsilon(0.15));
  CHECK(ant->faults() == 0);
}

}  // namespace labhost::testing
