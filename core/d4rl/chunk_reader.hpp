// Chunks of a dataset, fetched as they are stored, then unpacked and measured.
#pragma once

#include <libdeflate.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/d4rl/input_file.hpp"

namespace labhost {

/// A byte of gzip data stands for at most this many (zlib's technical notes).
inline constexpr std::uint64_t kGzipRatio = 1032;

struct ChunkLayout {
  std::vector<hsize_t> chunk;  ///< rows, or rows and columns
  std::size_t number_bytes = 0;
  bool shuffled = false, deflated = false;  ///< filters, in this order when written
};

class ChunkReader {
 public:
  /// References outlive the reader.
  ChunkReader(const InputFile& file, const std::string& key, hid_t dataset,
              const ChunkLayout& layout);

  /// Finds the chunk that begins there and checks its size; reads none of it.
  void find(std::int64_t row, std::int64_t column);
  /// The whole chunk that begins there, valid until the next call. Throws InputError when it was
  /// never written or is damaged.
  const unsigned char* read(std::int64_t row, std::int64_t column);

 private:
  void unpack();
  [[noreturn]] void fail(const std::string& what) const;

  const InputFile& file_;
  const std::string& key_;
  hid_t dataset_;
  const ChunkLayout& layout_;
  std::uint64_t bytes_;  // of an unpacked chunk
  // Of the chunk that was found last; bit i of `skipped_`: filter i was left out.
  std::int64_t row_ = 0, column_ = 0;
  hsize_t size_ = 0;
  unsigned skipped_ = 0;
  std::vector<unsigned char> stored_, unpacked_, ordered_;
  std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> inflater_;
};

}  // namespace labhost
