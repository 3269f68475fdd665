// A folder for intermediate files.
#pragma once

#include <filesystem>
#include <string>

namespace labhost {

/// Fresh, in the system's folder for such; removed with what is in it at the end of its scope.
class ScratchFolder {
 public:
  /// `use` becomes part of its name. Throws std::system_error.
  explicit ScratchFolder(const std::string& use);
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace labhost
