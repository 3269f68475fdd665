#include "core/d4rl/guard.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <new>

#include "core/sdk/error.hpp"

namespace labhost {

namespace {

constexpr int kOutOfMemory = 3;  // exit code of the child

void limit(decltype(RLIMIT_CPU) resource, std::uint64_t value) {
  const rlimit both{value, value};
  ::setrlimit(resource, &both);
}

std::uint64_t address_space() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void write_all(int descriptor, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(descriptor, text.data() + done, text.size() - done);
    if (count <= 0) return;
    done += static_cast<std::size_t>(count);
  }
}

[[noreturn]] void run_child(int descriptor, const std::function<void()>& look,
                            const GuardLimits& limits) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU, SIGALRM}) {
    ::signal(signal, SIG_DFL);
  }
  // The crash is told in our words; a core file and what the C library prints would only confuse.
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, limits.seconds);
  ::alarm(static_cast<unsigned>(10 * limits.seconds));  // should it wait instead of computing
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which hang without memory
  limit(RLIMIT_AS, address_space() + limits.bytes);
#else
  static_cast<void>(address_space);
#endif
  try {
    look();
  } catch (const InputError& error) {
    write_all(descriptor, error.what());
  } catch (const std::bad_alloc&) {
    ::_exit(kOutOfMemory);
  } catch (...) {
    // Not the file's fault: the caller will meet it again.
  }
  ::_exit(0);
}

std::string read_all(int descriptor) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t count = ::read(descriptor, buffer, sizeof buffer);
    if (count > 0) text.append(buffer, static_cast<std::size_t>(count));
    if (count == 0 || (count < 0 && errno != EINTR)) return text;
  }
}

}  // namespace

void look_in_child(const std::string& file, const std::function<void()>& look,
                   const GuardLimits& limits) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  const pid_t child = ::fork();
  if (child == 0) run_child(ends[1], look, limits);
  ::close(ends[1]);
  const std::string words = child > 0 ? read_all(ends[0]) : "";
  ::close(ends[0]);
  if (child < 0) return;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return;
  }
  if (!words.empty()) throw InputError(words);
  const bool full = WIFEXITED(status) && WEXITSTATUS(status) == kOutOfMemory;
  if (full || WIFSIGNALED(status)) {
    throw InputError(file +
                     ": expected a whole HDF5 file, found one so damaged that HDF5 fails on it (" +
                     (full ? "Out of memory" : ::strsignal(WTERMSIG(status))) + ")");
  }
}

}  // namespace labhost
