// Pictures on disk: PNG stills by LodePNG, H.264 videos by ffmpeg.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "core/sdk/types.hpp"

namespace labhost {

/// `picture` [H, W, 3] uint8. Atomic. Throws InputError when the file cannot be written.
LABHOST_API void write_png(const std::filesystem::path& file, const Tensor& picture);

/// A video that grows frame by frame, through a pipe to ffmpeg.
class LABHOST_API VideoWriter {
 public:
  /// Throws InputError when the program `ffmpeg` is missing. Width and height must be even.
  VideoWriter(const std::filesystem::path& file, std::int64_t width, std::int64_t height,
              double frames_per_second);
  ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  void add(const Tensor& picture);  ///< [H, W, 3] uint8
  /// Ends the video; the file is complete then. Throws std::runtime_error with ffmpeg's exit code
  /// when it failed (its own message is on standard error).
  void finish();

 private:
  std::filesystem::path file_;
  pid_t encoder_ = -1;
  int pipe_ = -1;
};

}  // namespace labhost
