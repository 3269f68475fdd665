// One dataset of an HDF5 file, checked before anything of its size is allocated, read in blocks.
//
// HDF5 1.10 reads beyond its buffers where a chunk of a damaged file holds fewer bytes than its
// header says. Chunks are therefore fetched as they are stored, and unpacked and measured here.
//
// What was never written has no place in the file, and stands for the dataset's fill value: all of
// a dataset, or its last chunks (a file that was made for more rows than came). Chunks that miss
// before others are an error: nobody leaves out rows in the middle, a damaged index does.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
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
  /// two dimensions, lacks chunks in its middle, or claims more bytes than its file can hold.
  /// `file` outlives the array.
  StoredArray(const InputFile& file, std::string key);

  std::int64_t dimensions() const { return static_cast<std::int64_t>(shape_.size()); }
  std::int64_t rows() const { return static_cast<std::int64_t>(shape_[0]); }
  std::int64_t columns() const {
    return shape_.size() > 1 ? static_cast<std::int64_t>(shape_[1]) : 1;
  }
  /// Rows from here on were never written: 0 where none was, rows() where all were.
  std::int64_t written_rows() const { return written_; }
  /// What rows that were never written hold, where the file says it.
  std::optional<double> fill_value() const;
  const std::string& key() const { return key_; }
  const NumberFormat& format() const { return format_; }
  std::string shape_text() const;
  std::string type_text() const { return type_text_; }

  /// Finds all written chunks of the first `columns` columns and checks their sizes; reads none.
  void check_chunks(std::int64_t columns) const;
  /// Hands out the first `columns` columns of the first `rows` rows, as far as they were written.
  /// Each stored byte is read once, so a block is a chunk, or 256 KB where there are no chunks.
  using Take = std::function<void(const RawBlock&)>;
  void read(std::int64_t rows, std::int64_t columns, const Take& take) const;

  [[noreturn]] void fail(const std::string& what) const { file_->fail(key_, what); }

 private:
  void check_shape();
  void check_filters(hid_t properties);
  [[noreturn]] void fail_as_external(hid_t properties) const;
  std::string way_out(H5Z_filter_t filter) const;
  void find_written(hid_t properties);
  std::int64_t rows_before_gap(hsize_t found) const;
  void check_size(hid_t properties) const;
  std::uint64_t row_bytes() const;
  using Visit = std::function<void(std::int64_t row, std::int64_t column)>;
  void for_chunks(std::int64_t rows, std::int64_t columns, const Visit& visit) const;
  void read_rows(std::int64_t rows, std::int64_t columns, const Take& take) const;
  ChunkLayout chunk_layout() const;

  const InputFile* file_;
  std::string key_, type_text_;
  hdf5::Handle dataset_, type_;
  NumberFormat format_;
  std::vector<hsize_t> shape_;  // one or two
  std::vector<hsize_t> chunk_;  // as many, or none where there are no chunks
  bool shuffled_ = false, deflated_ = false;
  std::int64_t written_ = 0;
};

}  // namespace labhost
