#include "core/cli/picture.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "core/base/files.hpp"
#include "core/base/scratch_folder.hpp"
#include "core/sdk/error.hpp"

extern char** environ;

namespace labhost {
namespace {

namespace fs = std::filesystem;

/// A converter that is told a picture of 96 dots per inch: print wants three times as many.
constexpr const char* kZoom = "3";

/// Runs rsvg-convert, its complaints going to `log`; returns its exit code.
int convert(const fs::path& svg, const fs::path& out, const std::string& format,
            const fs::path& log) {
  std::string words[] = {
      "rsvg-convert", "--format",   format,      "--zoom", format == "png" ? kZoom : "1",
      "--output",     out.string(), svg.string()};
  char* argv[9] = {};
  for (std::size_t i = 0; i < 8; ++i) argv[i] = words[i].data();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT, 0600);
  pid_t child = 0;
  const int error = posix_spawnp(&child, "rsvg-convert", &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) {
    throw InputError(
        "PNG and PDF are made by rsvg-convert, which is not installed (Debian: librsvg2-bin); "
        "an .svg needs nothing");
  }
  if (error != 0) throw std::system_error(error, std::generic_category(), "rsvg-convert");
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string converted(const std::string& svg, const std::string& format) {
  const ScratchFolder folder("picture");
  const fs::path& scratch = folder.path();
  write_atomically(scratch / "in.svg", svg);
  const fs::path log = scratch / "log";
  if (convert(scratch / "in.svg", scratch / "out", format, log) != 0) {
    throw InputError("rsvg-convert could not make a " + format + ": " + tail_of_file(log, 3));
  }
  return read_file(scratch / "out");
}

}  // namespace

void check_picture_name(const fs::path& file) {
  const std::string ending = file.extension().string();
  if (ending != ".svg" && ending != ".png" && ending != ".pdf") {
    throw InputError("a picture's name ends in .svg, .png or .pdf, found " + file.string());
  }
  const fs::path folder = fs::absolute(file).parent_path();
  if (!fs::is_directory(folder)) {
    throw InputError("cannot write " + file.string() + ": folder " + folder.string() +
                     " does not exist");
  }
}

void write_picture(const fs::path& file, const std::string& svg) {
  const std::string ending = file.extension().string();
  try {
    write_atomically(file, ending == ".svg" ? svg : converted(svg, ending.substr(1)));
  } catch (const std::system_error& error) {
    throw InputError(error.what());
  }
}

}  // namespace labhost
