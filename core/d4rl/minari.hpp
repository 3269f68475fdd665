// Minari's layout: a group per episode, "episode_0", "episode_1", ...
//
// An episode of T steps has observations (T + 1, D), the one before its first step included, and
// actions (T, A), rewards, terminations and truncations (T). So every step's next state is there,
// and no row is dropped. How many episodes and steps there are is also said in the file's
// attributes (Minari before 0.5) or in a metadata.json beside it, and must agree: a file can lack
// episodes.
#pragma once

#include <string>
#include <vector>

#include "core/d4rl/reader.hpp"
#include "core/d4rl/stored_array.hpp"

namespace labhost {

/// The groups of a file's episodes, in the order of their numbers; none in another layout.
std::vector<std::string> minari_episodes(const InputFile& file);

class MinariLayout {
 public:
  /// Looks at how long the episodes are; reads no data.
  MinariLayout(const InputFile& file, const D4rlOptions& options);

  void check_chunks() const;
  void read(D4rlData& result) const;

 private:
  void read_rows(D4rlData& result) const;

  const InputFile& file_;
  const D4rlOptions& options_;
  std::vector<std::string> groups_;
  std::vector<std::int64_t> steps_;  // of each episode
};

}  // namespace labhost
