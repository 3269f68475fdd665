// Built plugins on a golden file's rows.
//
// Batches are drawn with replacement, so seeds are looked for whose draws are permutations of the
// six stored rows.
#pragma once

#include <utility>
#include <vector>

#include "core/nn/sampler.hpp"
#include "tests/algorithms/trained_plugin.hpp"
#include "tests/golden/golden_file.hpp"

namespace labhost::golden {

inline constexpr std::int64_t kRows = 6;

/// True when the first `batches` batches of a run with this seed hold every row once.
inline bool draws_permutations(std::uint64_t seed, int batches) {
  static const Transitions data = [] {
    Transitions numbered;
    numbered.state = numbered.next_state = torch::zeros({kRows, 1});
    numbered.action = torch::zeros({kRows, 1});
    numbered.reward = torch::arange(kRows, torch::kFloat64);
    numbered.terminal = numbered.timeout = torch::zeros({kRows}, torch::kBool);
    return numbered;
  }();
  Sampler sampler(data, kRows, Streams(seed).get("batches"));
  for (int i = 0; i < batches; ++i) {
    const Tensor rows = std::get<0>(sampler.draw().reward.sort());
    if (!torch::equal(rows, data.reward)) return false;
  }
  return true;
}

/// The first such seed from `first` on. Good first values were found once; they only save time.
inline std::uint64_t permuting_seed(std::uint64_t first, int batches) {
  std::uint64_t seed = first;
  while (!draws_permutations(seed, batches)) {
    ++seed;
    REQUIRE_MESSAGE(seed < first + 2'000'000, "no seed draws permutations; look for another start");
  }
  return seed;
}

inline Transitions rows_of(const GoldenFile& file, const Tensor& state, const Tensor& action,
                           const Tensor& next_state) {
  Transitions data;
  data.state = state;
  data.action = action;
  data.next_state = next_state;
  data.reward = file.column("/inputs/rewards");
  data.terminal = file.column("/inputs/masks").eq(0);
  data.timeout = torch::zeros({kRows}, torch::kBool);
  return data;
}

/// Episodes of four rows, every second of which ends in a terminal state. Continuous actions.
inline Transitions made_up_rows(const TaskSpec& task) {
  constexpr std::int64_t kCount = 24;
  const at::Generator random = Streams(3).get("made up");
  Transitions data;
  data.state = torch::randn({kCount, task.state_width}, random);
  data.next_state = torch::randn({kCount, task.state_width}, random);
  data.action = torch::rand({kCount, task.joint_width()}, random) * 1.8 - 0.9;
  data.reward = torch::randn({kCount}, random);
  const Tensor row = torch::arange(kCount, torch::kLong);
  data.terminal = row.remainder(8).eq(3);
  data.timeout = row.remainder(8).eq(7);
  return data;
}

/// Puts networks in the place of those that `plugin` began with, by its own saved state.
inline void replace_networks(
    testing::TrainedPlugin& plugin,
    const std::vector<std::pair<std::string, const FlatModule*>>& networks) {
  const Archive before = plugin.saved();
  Archive after;
  for (const auto& [name, network] : networks) network->save(after, name);
  for (const auto& [name, tensor] : before.tensors()) {
    if (!after.contains(name)) after.write(name, tensor);
  }
  plugin->load(after);
}

inline void check_update_losses(const GoldenFile& file, testing::TrainedPlugin& plugin,
                                const std::string& v_loss, const std::string& q_loss) {
  const auto metrics = plugin.update(1);
  check_close(metrics.at("value/loss"), file.number(v_loss), "V loss");
  check_close(metrics.at("critic/loss"), file.number(q_loss), "Q loss");
}

}  // namespace labhost::golden
