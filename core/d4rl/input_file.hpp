// An HDF5 file that is open for reading, and how errors about it are worded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "core/d4rl/hdf5.hpp"

namespace labhost {

class InputFile {
 public:
  /// Throws InputError when there is no such file or HDF5 cannot open it.
  explicit InputFile(const std::filesystem::path& path);

  std::uint64_t bytes() const { return bytes_; }
  bool contains(const std::string& key) const;
  /// The dataset of that name. Links that lead to another file are not followed: a dataset is what
  /// its one file holds, and what is checked against that file's size.
  hdf5::Handle open(const std::string& key) const;
  /// The root's attributes that are one text each; others are left out.
  std::map<std::string, std::string> text_attributes() const;

  /// Throws InputError: "FILE: 'KEY': WHAT".
  [[noreturn]] void fail(const std::string& key, const std::string& what) const;

 private:
  std::string names() const;

  std::string path_;
  std::uint64_t bytes_ = 0;
  hdf5::Handle file_;
};

}  // namespace labhost
