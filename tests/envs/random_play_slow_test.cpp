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
  // Standard error of the mean over episodes.
  const auto error_of = [&result](auto value, double mean) {
    double squares = 0;
    for (const EpisodeResult& episode : result.episodes) {
      squares += std::pow(static_cast<double>(value(episode)) - mean, 2);
    }
    return std::sqrt(squares / (kEpisodes - 1) / kEpisodes);
  };
  const double error =
      error_of([](const EpisodeResult& e) { return e.episode_return; }, result.mean_return());
  const double length_error =
      error_of([](const EpisodeResult& e) { return e.length; }, result.mean_length());
  MESSAGE("mean return ", result.mean_return(), " +- ", error, ", mean length ",
          result.mean_length(), " +- ", length_error);
  // Measured on gym's model: -63.8 +- 4.8 over 500 episodes, mean length 191.
  CHECK(std::abs(result.mean_return() + 63.8) < 3 * std::hypot(error, 4.8));
  CHECK(std::abs(result.mean_length() - 191) < 3 * std::sqrt(2.0) * length_error);
  CHECK(ant->faults() == 0);
}

}  // namespace labhost::testing
