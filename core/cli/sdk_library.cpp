#include "core/cli/sdk_library.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <system_error>

#include "core/base/files.hpp"
#include "core/datasets/entry.hpp"
#include "core/runner/host/worker_environment.hpp"
#include "core/runner/worker/entry.hpp"
#include "core/sdk/error.hpp"

namespace labhost {

namespace {

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> result;
  for (const std::string& text : texts) result.push_back(text.c_str());
  return result;
}

/// Reads both pipes to their ends.
void drain(const std::array<int, 2>& pipes, std::array<std::string, 2>& texts) {
  std::array<pollfd, 2> watched = {pollfd{pipes[0], POLLIN, 0}, pollfd{pipes[1], POLLIN, 0}};
  int open_pipes = 2;
  while (open_pipes > 0 && poll(watched.data(), watched.size(), -1) >= 0) {
    for (std::size_t i = 0; i < watched.size(); ++i) {
      if (watched[i].revents == 0) continue;
      std::array<char, 4096> buffer{};
      const ssize_t size = read(watched[i].fd, buffer.data(), buffer.size());
      if (size > 0) {
        texts[i].append(buffer.data(), static_cast<std::size_t>(size));
      } else {
        close(watched[i].fd);
        watched[i].fd = -1;
        --open_pipes;
      }
    }
  }
}

/// Starts `labhost worker ARGUMENTS` with the given standard output and error (-1: ours).
pid_t start_worker(const std::vector<std::string>& arguments, int out, int err) {
  const std::string self = executable_path().string();
  std::vector<std::string> command = {self, "worker"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<const char*> argv = pointers(command);
  argv.push_back(nullptr);
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    if (out >= 0) dup2(out, STDOUT_FILENO);
    if (err >= 0) dup2(err, STDERR_FILENO);
    execv(self.c_str(), const_cast<char* const*>(argv.data()));
    _exit(127);
  }
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::string prefix = "labhost: ";
  return text.rfind(prefix, 0) == 0 ? text.substr(prefix.size()) : text;
}

std::filesystem::path library_folder() {
  return executable_path().parent_path().parent_path() / "lib";
}

void* load_library(const std::filesystem::path& library) {
  // Global: plugins and LibTorch's own type information must see one copy of everything.
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) throw InputError(std::string("a library cannot be loaded: ") + dlerror());
  return handle;
}

void* load_sdk() {
  set_worker_environment(1);
  return load_library(library_folder() / "liblabhost.so");
}

void* load_function(void* handle, const char* library, const char* symbol) {
  if (void* found = dlsym(handle, symbol)) return found;
  throw InputError(std::string(library) + " belongs to another labhost");
}

}  // namespace

int call_worker_main(const std::vector<std::string>& arguments) {
  const auto entry =
      reinterpret_cast<WorkerMain>(load_function(load_sdk(), "liblabhost.so", kWorkerMainSymbol));
  return entry(static_cast<int>(arguments.size()), pointers(arguments).data());
}

void* library_function(const char* name, const char* symbol) {
  return load_function(load_library(library_folder() / "labhost" / name), name, symbol);
}

std::string ask_datasets(const std::string& request) {
  load_sdk();
  const auto entry =
      reinterpret_cast<DatasetsMain>(library_function(kDatasetsLibrary, kDatasetsMainSymbol));
  std::string answer;
  entry(request, answer);
  return answer;
}

std::string worker_output(const std::vector<std::string>& arguments) {
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  const pid_t child = start_worker(arguments, out[1], err[1]);
  close(out[1]);
  close(err[1]);
  std::array<std::string, 2> texts;
  drain({out[0], err[0]}, texts);
  const int status = wait_for(child);
  if (WIFSIGNALED(status)) {
    throw InputError("crashed (signal " + std::to_string(WTERMSIG(status)) +
                     ") when it was loaded");
  }
  if (WEXITSTATUS(status) != 0) throw InputError(trimmed(texts[1]));
  return texts[0];
}

int worker_status(const std::vector<std::string>& arguments) {
  const int status = wait_for(start_worker(arguments, -1, -1));
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace labhost
