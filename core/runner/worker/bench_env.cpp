// `labhost bench env`: environments beside the bare simulator that they are made of.
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "core/plugins/loader.hpp"
#include "core/runner/worker/bench.hpp"
#include "core/runner/worker/bench_support.hpp"

namespace labhost {

namespace {

constexpr std::int64_t kCopies = 64;
constexpr std::int64_t kWarmUp = 200;  // time steps, so that episodes are at different ages
constexpr double kRoundSeconds = 0.3;  // of each measurement
constexpr int kRounds = 9;

/// All copies under uniform actions; new episodes begin where old ones end.
class Play {
 public:
  Play(const LoadedPlugin& plugin, const Params& params, std::int64_t threads, Logger& logger)
      : environment_(plugin.make(EnvironmentContext{params, kCopies, 1, threads, logger})),
        all_(torch::arange(kCopies, torch::kLong)) {
    environment_->reset(all_);
    step(kWarmUp);
  }

  /// Seconds for `count` time steps of all copies; actions are drawn before the clock starts.
  double step(std::int64_t count) {
    const std::int64_t width = environment_->task().joint_width();
    const Tensor actions = torch::rand({count, kCopies, width}, generator_) * 2 - 1;
    const double begun = now_seconds();
    for (std::int64_t t = 0; t < count; ++t) {
      const StepResult result = environment_->step(all_, actions[t]);
      const Tensor ended = (result.terminal | result.timeout).nonzero().squeeze(1);
      if (ended.size(0) > 0) environment_->reset(ended);
    }
    return now_seconds() - begun;
  }
  std::optional<double> bare_seconds(std::int64_t steps) {
    return environment_->bare_seconds(steps);
  }

 private:
  std::unique_ptr<Environment> environment_;
  Tensor all_;
  at::Generator generator_ = Streams(1).get("bench");
};

void bench_environment(const std::filesystem::path& library) {
  const LoadedPlugin plugin = LoadedPlugin::load(library);
  QuietLogger logger;
  const Params params(default_values(plugin.description()));
  if (plugin.make(EnvironmentContext{params, 1, 1, 1, logger})->task().discrete()) return;
  Play one(plugin, params, 1, logger), two(plugin, params, 2, logger);
  const auto trial = one.bare_seconds(100);
  if (!trial) return;  // no simulator apart from the environment
  const auto steps = static_cast<std::int64_t>(kRoundSeconds / *trial * 100);
  const std::int64_t rows = std::max<std::int64_t>(1, steps / kCopies);
  // In turn, so that all see the same clock frequency and the same neighbours; ratios within a
  // round.
  std::vector<double> bare, with_one, with_two, share, gain;
  for (int round = 0; round < kRounds; ++round) {
    bare.push_back(static_cast<double>(steps) / one.bare_seconds(steps).value());
    with_one.push_back(static_cast<double>(rows * kCopies) / one.step(rows));
    with_two.push_back(static_cast<double>(rows * kCopies) / two.step(rows));
    share.push_back(with_one.back() / bare.back());
    gain.push_back(with_two.back() / with_one.back());
  }
  std::printf("%-18s %12.0f %12.0f %8.2f %12.0f %8.2f %12.2f\n", plugin.description().name.c_str(),
              median(bare), median(with_one), median(share), median(with_two), median(gain),
              median(share) * median(gain) / 2);
}

}  // namespace

int bench_environments(const std::vector<std::string>& libraries) {
  torch::set_num_threads(1);
  std::printf(
      "environments: %lld copies under uniform actions, time steps per second, beside a bare loop\n"
      "of the same simulator in turn with them; medians of %d rounds\n",
      static_cast<long long>(kCopies), kRounds);
  std::printf("%-18s %12s %12s %8s %12s %8s %12s\n", "environment", "bare", "1 thread", "of bare",
              "2 threads", "times", "per thread");
  for (const std::string& library : libraries) bench_environment(library);
  return 0;
}

}  // namespace labhost
