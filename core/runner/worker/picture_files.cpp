#include "core/runner/worker/picture_files.hpp"

#include <fcntl.h>
#include <lodepng.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/files.hpp"

extern char** environ;

namespace labhost {

namespace {

/// ffmpeg, reading raw RGB frames from `input`. Returns its process.
pid_t start_encoder(const std::vector<std::string>& arguments, int input) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  pid_t child = -1;
  const int error = posix_spawnp(&child, "ffmpeg", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw InputError(std::string("a video needs the program ffmpeg (Debian package ffmpeg): ") +
                     std::strerror(error));
  }
  return child;
}

void write_whole(int pipe, const std::uint8_t* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t written = ::write(pipe, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw std::runtime_error("ffmpeg stopped before the video was complete");
    bytes += written;
    count -= static_cast<std::size_t>(written);
  }
}

}  // namespace

void write_png(const std::filesystem::path& file, const Tensor& picture) {
  const Tensor pixels = picture.contiguous();
  std::vector<unsigned char> png;
  const unsigned error =
      lodepng::encode(png, pixels.data_ptr<std::uint8_t>(), static_cast<unsigned>(pixels.size(1)),
                      static_cast<unsigned>(pixels.size(0)), LCT_RGB);
  if (error != 0) throw std::runtime_error(std::string("PNG: ") + lodepng_error_text(error));
  write_atomically(file, std::string_view(reinterpret_cast<const char*>(png.data()), png.size()));
}

VideoWriter::VideoWriter(const std::filesystem::path& file, std::int64_t width, std::int64_t height,
                         double frames_per_second)
    : file_(file) {
  std::signal(SIGPIPE, SIG_IGN);  // an encoder that dies is an error of write()
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe for the encoder");
  pipe_ = ends[1];
  const std::string size = std::to_string(width) + "x" + std::to_string(height);
  try {
    // yuv420p and the index in front: what every browser plays.
    encoder_ = start_encoder({"ffmpeg",
                              "-loglevel",
                              "error",
                              "-y",
                              "-f",
                              "rawvideo",
                              "-pixel_format",
                              "rgb24",
                              "-video_size",
                              size,
                              "-framerate",
                              std::to_string(frames_per_second),
                              "-i",
                              "pipe:0",
                              "-c:v",
                              "libx264",
                              "-preset",
                              "veryfast",
                              "-crf",
                              "20",
                              "-pix_fmt",
                              "yuv420p",
                              "-threads",
                              "1",
                              "-movflags",
                              "+faststart",
                              "-f",
                              "mp4",
                              file_.string()},
                             ends[0]);
  } catch (...) {
    close(ends[0]);
    close(ends[1]);
    throw;
  }
  close(ends[0]);
}

VideoWriter::~VideoWriter() {
  if (pipe_ >= 0) close(pipe_);
  if (encoder_ > 0) waitpid(encoder_, nullptr, 0);
}

void VideoWriter::add(const Tensor& picture) {
  const Tensor pixels = picture.contiguous();
  write_whole(pipe_, pixels.data_ptr<std::uint8_t>(), static_cast<std::size_t>(pixels.numel()));
}

void VideoWriter::finish() {
  close(pipe_);
  pipe_ = -1;
  int status = 0;
  while (waitpid(encoder_, &status, 0) < 0 && errno == EINTR) {
  }
  encoder_ = -1;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error("ffmpeg could not write " + file_.string() + " (status " +
                             std::to_string(status) + ")");
  }
}

}  // namespace labhost
