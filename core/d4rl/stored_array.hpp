// One dataset of an HDF5 file, checked before anything of its size is allocated, read in blocks.
//
// HDF5 1.10 reads beyond its buffers where a chunk of a damaged file holds fewer bytes than its
// header says. Chunks are therefore fetched as they are stored, and unpacked and measured here.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/d4rl/chunk_reader.hpp"
#include "core/d4rl/input_file.hpp"
#include "core/d4rl/numbers.hpp"

namespace labhost {

/// Some rows and columns as they are stored; row r begins at bytes + r * stride.
struct RawBlock {
  std::int64_t row, rows;
  std::int64_t column, columns;
  const unsigned char* bytes;
  std::int64_t stride;
};

class StoredArray {
 public:
  /// Throws InputError when the dataset is missing, holds no numbers, is empty, has neither one nor
  /// two dimensions, or claims more bytes than its file can hold. `file` outlives the array.
  StoredArray(const InputFile& file, std::string key);

  std::int64_t dimensions() const { return static_cast<std::int64_t>(shape_.size()); }
  std::int64_t rows() const { return static_cast<std::int64_t>(shape_[0]); }
  std::int64_t columns() const {
    return shape_.size() > 1 ? static_cast<std::int64_t>(shape_[1]) : 1;
  }
  const NumberFormat& format() const { return format_; }
  std::string shape_text() const;
  std::string type_text() const { return type_text_; }

  /// Finds all chunks of the first `columns` columns and checks their sizes; reads none.
  void check_chunks(std::int64_t columns) const;
  /// Hands out the first `columns` columns of all rows. Each stored byte is read once, so a block
  /// is a chunk, or 256 KB where there are no chunks.
  using Take = std::function<void(const RawBlock&)>;
  void read(std::int64_t columns, const Take& take) const;

  [[noreturn]] void fail(const std::string& what) const { file_->fail(key_, what); }

 private:
  void check_shape();
  void check_filters(hid_t properties);
  void check_size(hid_t properties) const;
  std::uint64_t row_bytes() const;
  using Visit = std::function<void(std::int64_t row, std::int64_t column)>;
  void for_chunks(std::int64_t columns, const Visit& visit) const;
  void read_rows(std::int64_t columns, const Take& take) const;
  ChunkLayout chunk_layout() const;

  const InputFile* file_;
  std::string key_, type_text_;
  hdf5::Handle dataset_, type_;
  NumberFormat format_;
  std::vector<hsize_t> shape_;  // one or two
  std::vector<hsize_t> chunk_;  // as many, or none where there are no chunks
  bool shuffled_ = false, deflated_ = false;
};

}  // namespace labhost
