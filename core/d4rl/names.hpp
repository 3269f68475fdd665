// Names of D4RL's datasets, the files that they stand for, and where those are looked for.
//
// Header only, and no LibTorch or HDF5: the command line, which links neither, uses it too.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "core/sdk/error.hpp"

namespace labhost {

/// A dataset's name in its parts: "ant-full-replay-v2" is ant, full-replay, 2.
struct D4rlName {
  std::string environment, level, version;

  /// "ant_full_replay-v2.hdf5"
  std::string file() const {
    std::string text = environment + "_" + level;
    std::replace(text.begin(), text.end(), '-', '_');
    return text + "-v" + version + ".hdf5";
  }
  /// Where the D4RL authors keep it.
  std::string address() const {
    return "http://rail.eecs.berkeley.edu/datasets/offline_rl/gym_mujoco_v" + version + "/" +
           file();
  }
};

/// Throws InputError when `name` is not ENVIRONMENT-LEVEL-vNUMBER of lower-case letters and digits.
inline D4rlName parse_d4rl_name(const std::string& name) {
  const auto in = [](const std::string& text, const char* allowed) {
    return !text.empty() && text.find_first_not_of(allowed) == std::string::npos;
  };
  const std::size_t first = name.find('-'), last = name.rfind("-v");
  if (first != std::string::npos && last != std::string::npos && first < last) {
    const D4rlName parts{name.substr(0, first), name.substr(first + 1, last - first - 1),
                         name.substr(last + 2)};
    if (in(parts.environment, "abcdefghijklmnopqrstuvwxyz0123456789") &&
        in(parts.level, "abcdefghijklmnopqrstuvwxyz0123456789-") &&
        in(parts.version, "0123456789")) {
      return parts;
    }
  }
  throw InputError("D4RL dataset '" + name +
                   "': expected a name like ant-medium-v2 or ant-full-replay-v2");
}

/// Folders in which files are looked for, in order: those of LABHOST_DATA (`data`, separated by
/// colons), then D4RL's own below `home`. Either may be nullptr.
inline std::vector<std::filesystem::path> d4rl_folders(const char* data, const char* home) {
  std::vector<std::filesystem::path> folders;
  const std::string list = data == nullptr ? "" : data;
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find(':', begin), list.size());
    if (end > begin) folders.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  if (home != nullptr && *home != '\0') {
    folders.push_back(std::filesystem::path(home) / ".d4rl" / "datasets");
  }
  return folders;
}

/// The same, from the process's environment.
inline std::vector<std::filesystem::path> d4rl_folders() {
  return d4rl_folders(std::getenv("LABHOST_DATA"), std::getenv("HOME"));
}

/// The file of a dataset in the first folder that has it; empty when none has.
inline std::filesystem::path look_for_d4rl(const D4rlName& name,
                                           const std::vector<std::filesystem::path>& folders) {
  for (const std::filesystem::path& folder : folders) {
    std::error_code ignored;
    const std::filesystem::path file = folder / name.file();
    if (std::filesystem::is_regular_file(file, ignored)) return file;
  }
  return {};
}

/// "A, B", or where to say which folders there are.
inline std::string folders_text(const std::vector<std::filesystem::path>& folders) {
  std::string text;
  for (const std::filesystem::path& folder : folders) {
    text += (text.empty() ? "" : ", ") + folder.string();
  }
  return text.empty() ? "of LABHOST_DATA" : text;
}

/// The same, but InputError, which says how to get the file, when no folder has it.
inline std::filesystem::path find_d4rl(const std::string& name,
                                       const std::vector<std::filesystem::path>& folders) {
  const D4rlName parts = parse_d4rl_name(name);
  const std::filesystem::path file = look_for_d4rl(parts, folders);
  if (!file.empty()) return file;
  throw InputError("D4RL dataset '" + name + "': expected the file " + parts.file() +
                   " in one of the folders " + folders_text(folders) +
                   ", found none. Get it with `labhost datasets fetch " + name + "`, or download " +
                   parts.address() +
                   " and copy it into one of these folders; the environment variable LABHOST_DATA "
                   "names further ones, separated by colons");
}

}  // namespace labhost
