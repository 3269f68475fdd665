// How a plugin behaves in its process, and where those lie that it may need.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "core/base/files.hpp"
#include "core/plugins/contract_parts.hpp"

namespace labhost {

namespace fs = std::filesystem;

Folders folders_beside(const fs::path& library) {
  Folders folders = {fs::absolute(library).parent_path()};
  const fs::path host =
      (executable_path().parent_path() / "../lib/labhost/plugins").lexically_normal();
  std::error_code ignored;
  if (fs::is_directory(host, ignored) && !fs::equivalent(host, folders[0], ignored)) {
    folders.push_back(host);
  }
  return folders;
}

fs::path library_of(const Folders& folders, const std::string& name) {
  for (const fs::path& folder : folders) {
    const fs::path library = folder / (name + ".so");
    if (fs::exists(library)) return library;
  }
  throw std::runtime_error("there is no plugin " + name + " in " + folders.front().string());
}

std::int64_t thread_count() {
  std::int64_t count = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/task")) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

void require_no_more_threads(std::int64_t before) {
  for (int wait = 0; wait < 100 && thread_count() > before; ++wait) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const std::int64_t more = thread_count() - before;
  require(more <= 0, std::to_string(more) + " more after an instance has come and gone");
}

OutputWatch::OutputWatch() : caught_(memfd_create("output", MFD_CLOEXEC)) {
  if (caught_ < 0) return;  // then nothing is caught
  std::fflush(stdout);
  saved_ = dup(STDOUT_FILENO);
  dup2(caught_, STDOUT_FILENO);
}

OutputWatch::~OutputWatch() {
  stop();
  if (caught_ >= 0) close(caught_);
}

std::string OutputWatch::stop() {
  if (saved_ < 0) return "";
  std::fflush(stdout);
  dup2(saved_, STDOUT_FILENO);
  close(saved_);
  saved_ = -1;
  std::string written(static_cast<std::size_t>(std::max<off_t>(0, lseek(caught_, 0, SEEK_END))), 0);
  const ssize_t size = pread(caught_, written.data(), written.size(), 0);
  written.resize(static_cast<std::size_t>(std::max<ssize_t>(0, size)));
  return written;
}

}  // namespace labhost
