#include "core/base/scratch_folder.hpp"

#include <stdlib.h>

#include <cerrno>
#include <system_error>

namespace labhost {

namespace fs = std::filesystem;

ScratchFolder::ScratchFolder(const std::string& use) {
  std::string name = (fs::temp_directory_path() / ("labhost-" + use + "-XXXXXX")).string();
  if (mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "cannot create " + name);
  }
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace labhost
