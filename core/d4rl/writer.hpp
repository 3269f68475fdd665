// Writes offline data in D4RL's HDF5 layout, for D4RL's users and for read_d4rl().
//
// One thread at a time: see reader.hpp.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/sdk/types.hpp"

namespace labhost {

struct D4rlWriteOptions {
  int compression = 4;  ///< gzip level 1 to 9; 0: contiguous, not compressed
};

/// Datasets observations, next_observations, actions and rewards (float32), terminals and timeouts
/// (one unsigned byte, which h5py reads as bool), and `attributes` as texts of the root.
///
/// Written whole or not at all: temporary name, fsync, rename. The bytes are a function of the
/// arguments (no times are stored), so what is written, read and written again is the same file.
/// Throws InputError when the file cannot be written or a value is not finite, and
/// std::invalid_argument when the transitions contradict themselves.
void write_d4rl(const std::filesystem::path& file, const Transitions& data,
                const std::map<std::string, std::string>& attributes,
                const D4rlWriteOptions& options = {});

}  // namespace labhost
