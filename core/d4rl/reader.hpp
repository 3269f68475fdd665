// Reads offline data in D4RL's HDF5 layout, or in Minari's.
//
// D4RL's has the datasets observations (T, D), actions (T, A), rewards, terminals, and optionally
// timeouts and next_observations; rewards and flags are (T) or (T, 1). Minari's has a group
// episode_N per episode, with observations (T + 1, D), actions, rewards, terminations, truncations.
//
// Numbers are whole, of any width, or float16, float32 or float64; flags are all 0 or 1. Contiguous
// or in chunks, with or without gzip. Other datasets (infos/*, metadata/*) are ignored. What was
// never written holds its fill value, and the result says so.
//
// HDF5's C library is not thread-safe: in a process, one thread at a time may be in the functions
// of this folder, and no other code may use HDF5 at that time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/sdk/types.hpp"

namespace labhost {

struct D4rlOptions {
  std::int64_t state_width = 0;   ///< the first columns of observations: 27 of Ant's 111
  std::int64_t action_width = 0;  ///< all columns of actions
  std::int64_t horizon = 1000;    ///< longest episode; where a file has no timeouts, they are there
  /// Opens the file in a child process first (guard.hpp): costs some milliseconds, and a file that
  /// crashes HDF5 is an error too. Off for a fuzzer, which is after the crash.
  bool guarded = true;
  bool keep_record = false;  ///< fills D4rlData::record
};

/// Rewards and ends of every row of a file. Returns are counted here: where next states are
/// derived, an episode that times out loses its last row, and with it that row's reward.
struct D4rlRecord {
  Tensor reward;             ///< [T]
  Tensor terminal, timeout;  ///< [T] bool
};

struct D4rlData {
  Transitions transitions;  ///< of LibTorch's default floating type, contiguous, on the CPU
  std::string layout;       ///< "D4RL", or "Minari, 12 episodes"
  std::int64_t rows = 0;    ///< in the file
  std::int64_t dropped = 0;
  std::int64_t unwritten = 0;       ///< of those dropped: at the end, zeros or fill values
  bool next_states_stored = false;  ///< else taken from the following rows
  bool timeouts_stored = false;     ///< else set after `horizon` steps
  /// The last episode neither ended nor timed out; its last row now has a timeout.
  bool partial_tail = false;
  std::vector<std::string> notes;  ///< sentences on what was read otherwise than it stands there
  std::map<std::string, std::string> attributes;  ///< the root's, where they are text, in UTF-8
  D4rlRecord record;                              ///< with D4rlOptions::keep_record
};

/// "95 of 100 rows kept; dropped: 2 whose next state ..., 3 that ...".
std::string kept_text(const D4rlData& data);

/// What a file says of itself before its data is read.
struct D4rlOutline {
  std::int64_t observation_columns = 0;
  std::map<std::string, std::string> attributes;
};

/// Rows keep the file's order, episodes of Minari's layout that of their numbers. With
/// next_observations, and in Minari's layout, all are kept, else those that derive_next_states()
/// keeps. Of a file that was made for more rows than came, the rows at its end that hold nothing
/// but zeros or fill values in all fields are dropped first. Values go block by block into the
/// result; beside it there is memory for one chunk of the file, packed and unpacked.
///
/// Throws InputError, naming file, dataset, what was expected and what was found, for whatever is
/// not such a file: missing, truncated, damaged, another shape or type, values that are not finite
/// or too large, flags that are neither 0 nor 1, an episode longer than `horizon`, datasets that
/// are links or in other files.
D4rlData read_d4rl(const std::filesystem::path& file, const D4rlOptions& options);

/// Throws InputError as read_d4rl() does.
D4rlOutline outline_d4rl(const std::filesystem::path& file);

}  // namespace labhost
