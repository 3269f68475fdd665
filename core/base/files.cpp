#include "core/base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <random>
#include <system_error>

#include "core/sdk/error.hpp"

namespace labhost {
namespace {

[[noreturn]] void fail(int error, const char* action, const std::filesystem::path& path) {
  throw std::system_error(error, std::generic_category(),
                          std::string("cannot ") + action + " " + path.string());
}

class File {
 public:
  File(const std::filesystem::path& path, int flags, mode_t mode = 0)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

// Short whatever the target's name, so that it never exceeds the file system's limit. The random
// part keeps two machines apart that share the folder.
std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  static std::atomic<std::uint64_t> counter{0};
  return folder_of(path) /
         (".labhost-" + std::to_string(::getpid()) + "-" + std::to_string(counter++) + "-" +
          std::to_string(std::random_device{}()) + ".tmp");
}

void sync(const std::filesystem::path& path, int flags) {
  const File file(path, flags);
  if (!file.is_open()) fail(errno, "open", path);
  // Some file systems cannot sync a folder; there is nothing more to be done on those.
  if (::fsync(file.descriptor()) != 0 && errno != EINVAL) fail(errno, "sync", path);
}

void write_all(int descriptor, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      fail(errno, "write", path);
    }
  }
}

// Appends the rest of the file to `text`; returns 0 or the error number.
int read_rest(int descriptor, std::string& text) {
  char buffer[1 << 16];
  while (true) {
    const ssize_t count = ::read(descriptor, buffer, sizeof buffer);
    if (count == 0) return 0;
    if (count > 0) {
      text.append(buffer, static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return errno;
    }
  }
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  const File file(path, O_RDONLY);
  std::string text;
  const int error = file.is_open() ? read_rest(file.descriptor(), text) : errno;
  if (error != 0) throw InputError("cannot read " + path.string() + ": " + std::strerror(error));
  return text;
}

void write_atomically(const std::filesystem::path& path, std::string_view bytes) {
  write_atomically(path, [&path, bytes](const std::filesystem::path& temporary) {
    const File file(temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (!file.is_open()) fail(errno, "create a file to write", path);
    write_all(file.descriptor(), bytes, path);
  });
}

void write_atomically(const std::filesystem::path& path,
                      const std::function<void(const std::filesystem::path&)>& write) {
  const std::filesystem::path temporary = temporary_beside(path);
  try {
    write(temporary);
    sync(temporary, O_RDONLY);
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail(errno, "replace", path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync(folder_of(path), O_RDONLY | O_DIRECTORY);
}

void remove_leftovers(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    const bool ours = name.rfind(".labhost-", 0) == 0 && entry.path().extension() == ".tmp";
    if (ours) std::filesystem::remove(entry.path(), ignored);
  }
}

std::filesystem::path executable_path() { return std::filesystem::read_symlink("/proc/self/exe"); }

std::string tail_of_file(const std::filesystem::path& path, int lines) {
  constexpr off_t kMostBytes = 1 << 18;
  if (lines <= 0) return "";
  const File file(path, O_RDONLY);
  struct stat status {};
  if (!file.is_open() || ::fstat(file.descriptor(), &status) != 0) return "";
  const off_t start = std::max<off_t>(0, status.st_size - kMostBytes);
  std::string text;
  if (::lseek(file.descriptor(), start, SEEK_SET) < 0) return "";
  if (read_rest(file.descriptor(), text) != 0 || text.empty()) return "";

  std::size_t begin = text.size();
  if (text.back() == '\n') --begin;
  for (int line = 0; line < lines && begin != std::string::npos; ++line) {
    begin = begin == 0 ? std::string::npos : text.rfind('\n', begin - 1);
  }
  return begin == std::string::npos ? text : text.substr(begin + 1);
}

}  // namespace labhost
