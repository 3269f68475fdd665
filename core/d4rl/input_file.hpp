// An HDF5 file that is open for reading, and how errors about it are worded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/d4rl/hdf5.hpp"

namespace labhost {

class InputFile {
 public:
  /// Throws InputError when there is no such file, or none that may be read, or HDF5 cannot open
  /// it.
  explicit InputFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t bytes() const { return bytes_; }
  bool contains(const std::string& key) const;
  /// The dataset of that name, "episode_3/rewards" in a group. Links are not followed, neither to
  /// other files nor within this one: a dataset is what its one file holds, and what is checked
  /// against that file's size.
  hdf5::Handle open(const std::string& key) const;
  /// What the root holds, in no particular order.
  std::vector<std::string> names() const;
  /// The root's attributes that are one text each, in UTF-8: bytes that are not become U+FFFD.
  /// Other attributes are left out; texts of more than a megabyte too, and `left_out` names those.
  std::map<std::string, std::string> text_attributes(std::vector<std::string>& left_out) const;
  /// The root's attribute of that name, where it is one whole number.
  std::optional<std::int64_t> integer_attribute(const std::string& name) const;

  /// Throws InputError: "FILE: 'KEY': WHAT".
  [[noreturn]] void fail(const std::string& key, const std::string& what) const;

 private:
  void refuse_links(const std::string& key) const;
  [[noreturn]] void fail_as_missing(const std::string& key) const;
  [[noreturn]] void fail_as_group(const std::string& key, hid_t group) const;

  std::filesystem::path path_;
  std::uint64_t bytes_ = 0;
  hdf5::Handle file_;
};

/// A command that writes the datasets of a file anew, plainly: whatever filter they are packed
/// with, whatever links lead to them. `key` tells the layout: one of Minari's has its episode
/// before it.
std::string rewriting_command(const std::string& key);

}  // namespace labhost
