#include "core/cli/sdk_library.hpp"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <system_error>

#include "core/base/files.hpp"
#include "core/base/subprocess.hpp"
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

std::vector<std::string> worker_words(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {executable_path().string(), "worker"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
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
  const ProgramEnd end = run_to_end(worker_words(arguments));
  if (WIFSIGNALED(end.wait_status)) {
    throw InputError("crashed (signal " + std::to_string(WTERMSIG(end.wait_status)) +
                     ") when it was loaded");
  }
  if (!end.succeeded()) throw InputError(trimmed(end.err));
  return end.out;
}

int worker_status(const std::vector<std::string>& arguments) {
  const std::vector<std::string> words = worker_words(arguments);
  std::vector<const char*> argv = pointers(words);
  argv.push_back(nullptr);
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    execv(argv[0], const_cast<char* const*>(argv.data()));
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace labhost
