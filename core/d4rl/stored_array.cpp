#include "core/d4rl/stored_array.hpp"

#include <algorithm>
#include <limits>

namespace labhost {

using hdf5::Handle;

namespace {

constexpr std::uint64_t kBlockBytes = 1 << 18;
constexpr H5Z_filter_t kLzf = 32000;  // as h5py has registered it
constexpr hsize_t kMostRows = std::numeric_limits<std::int64_t>::max();

std::string shape_of(const std::vector<hsize_t>& sizes) {
  std::string text = "(";
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(sizes[i]);
  }
  return text + ")";
}

std::string filter_name(hid_t properties, unsigned index, H5Z_filter_t& filter) {
  char name[64] = "";
  std::size_t values = 0;
  unsigned flags = 0, config = 0;
  filter = H5Pget_filter2(properties, index, &flags, &values, nullptr, sizeof name, name, &config);
  if (filter == kLzf) return "lzf";
  return name[0] != '\0' ? name : "number " + std::to_string(filter);
}

}  // namespace

StoredArray::StoredArray(const InputFile& file, std::string key)
    : file_(&file), key_(std::move(key)), dataset_(file.open(key_)) {
  type_ = Handle(H5Dget_type(dataset_.get()), H5Tclose);
  if (!type_.valid()) fail("its type cannot be read (" + hdf5::reason() + ")");
  type_text_ = describe_type(type_.get());
  const std::optional<NumberFormat> format = number_format(type_.get());
  if (!format) {
    fail("expected numbers, whole or IEEE 754 reals of 2, 4 or 8 bytes, found " + type_text_);
  }
  format_ = *format;
  check_shape();
  const Handle properties(H5Dget_create_plist(dataset_.get()), H5Pclose);
  if (!properties.valid()) fail("its layout cannot be read (" + hdf5::reason() + ")");
  check_filters(properties.get());
  find_written(properties.get());
  check_size(properties.get());
}

std::string StoredArray::shape_text() const { return shape_of(shape_); }

void StoredArray::check_shape() {
  const Handle space(H5Dget_space(dataset_.get()), H5Sclose);
  if (!space.valid()) fail("its shape cannot be read (" + hdf5::reason() + ")");
  const int rank = H5Sget_simple_extent_ndims(space.get());
  if (H5Sget_simple_extent_type(space.get()) != H5S_SIMPLE || rank < 1 || rank > 2) {
    fail("expected one or two dimensions, found " + std::to_string(std::max(rank, 0)));
  }
  shape_.resize(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space.get(), shape_.data(), nullptr);
  if (*std::min_element(shape_.begin(), shape_.end()) == 0) {
    fail("expected at least one row, found the shape " + shape_of(shape_));
  }
}

// The layouts that D4RL's files and h5py's defaults have. Others could be read by HDF5 alone, and
// what a damaged file does to their decoders is not known.
void StoredArray::check_filters(hid_t properties) {
  const H5D_layout_t layout = H5Pget_layout(properties);
  if (layout != H5D_CHUNKED && layout != H5D_CONTIGUOUS && layout != H5D_COMPACT) {
    fail(
        "expected data in this file, found a virtual dataset, which is a view of others; this "
        "makes a file that holds the data itself: " +
        rewriting_command(key_));
  }
  if (H5Pget_external_count(properties) > 0) fail_as_external(properties);
  if (layout != H5D_CHUNKED) return;
  chunk_.resize(shape_.size());
  const int rank = H5Pget_chunk(properties, static_cast<int>(chunk_.size()), chunk_.data());
  if (rank != dimensions() || *std::min_element(chunk_.begin(), chunk_.end()) == 0) {
    fail("expected chunks of " + std::to_string(shape_.size()) + " dimensions, found " +
         std::to_string(rank));
  }
  const int filters = std::max(0, H5Pget_nfilters(properties));
  for (int i = 0; i < filters; ++i) {
    H5Z_filter_t filter = 0;
    const std::string name = filter_name(properties, static_cast<unsigned>(i), filter);
    if (filter == H5Z_FILTER_SHUFFLE && i == 0) {
      shuffled_ = true;
    } else if (filter == H5Z_FILTER_DEFLATE && !deflated_) {
      deflated_ = true;
    } else {
      fail("expected gzip, with or without shuffle, or no compression, found the filter '" + name +
           "'" + way_out(filter));
    }
  }
}

void StoredArray::fail_as_external(hid_t properties) const {
  char name[256] = "";
  off_t offset = 0;
  hsize_t size = 0;
  H5Pget_external(properties, 0, sizeof name - 1, name, &offset, &size);
  fail("expected data in this file, found external raw storage: the values are in the file '" +
       std::string(name) +
       "'; this makes a file that holds the data itself: " + rewriting_command(key_));
}

// HDF5 itself with its tools, or h5py, which comes with lzf and takes further filters from
// hdf5plugin.
std::string StoredArray::way_out(H5Z_filter_t filter) const {
  if (H5Zfilter_avail(filter) > 0) return "; `h5repack -f GZIP=4 FILE NEW_FILE` converts it";
  return ", which HDF5 does not come with (h5repack neither: it would leave an empty file); h5py "
         "reads it" +
         std::string(filter == kLzf ? "" : " after `import hdf5plugin`") +
         ", and this makes a file without it: " + rewriting_command(key_);
}

void StoredArray::find_written(hid_t properties) {
  written_ = rows();
  if (chunk_.empty()) {
    const bool placed = H5Pget_layout(properties) != H5D_CONTIGUOUS ||
                        H5Dget_offset(dataset_.get()) != HADDR_UNDEF ||
                        H5Dget_storage_size(dataset_.get()) > 0;
    if (!placed) written_ = 0;
    return;
  }
  const Handle space(H5Dget_space(dataset_.get()), H5Sclose);
  hsize_t found = 0;
  if (H5Dget_num_chunks(dataset_.get(), space.get(), &found) < 0) {
    fail("its index of chunks is damaged (" + hdf5::reason() + ")");
  }
  hsize_t all = 1;
  for (std::size_t i = 0; i < shape_.size(); ++i) {
    const hsize_t count = (shape_[i] - 1) / chunk_[i] + 1;
    if (__builtin_mul_overflow(all, count, &all)) all = std::numeric_limits<hsize_t>::max();
  }
  if (found < all) written_ = rows_before_gap(found);
}

// Each look finds one of the `found` chunks or is the last, so a shape of any size takes no longer.
std::int64_t StoredArray::rows_before_gap(hsize_t found) const {
  if (found == 0) return 0;
  hsize_t seen = 0;
  const hsize_t width = chunk_.size() > 1 ? chunk_[1] : 1;
  for (hsize_t row = 0; row < shape_[0]; row += chunk_[0]) {
    for (hsize_t column = 0; column < static_cast<hsize_t>(columns()); column += width) {
      const hsize_t offset[2] = {row, column};
      unsigned skipped = 0;
      haddr_t address = HADDR_UNDEF;
      hsize_t size = 0;
      if (H5Dget_chunk_info_by_coord(dataset_.get(), offset, &skipped, &address, &size) < 0) {
        fail("its index of chunks is damaged (" + hdf5::reason() + ")");
      }
      if (address != HADDR_UNDEF) {
        ++seen;
      } else if (seen == found && column == 0) {
        return static_cast<std::int64_t>(row);
      } else {
        fail("the chunk that begins in row " + std::to_string(row) + ", column " +
             std::to_string(column) +
             " was never written, but others that belong to it or follow it were; write all rows, "
             "zeros too, or none of them");
      }
    }
  }
  return rows();
}

std::optional<double> StoredArray::fill_value() const {
  const Handle properties(H5Dget_create_plist(dataset_.get()), H5Pclose);
  H5D_fill_value_t defined = H5D_FILL_VALUE_ERROR;
  unsigned char value[8] = {};
  if (H5Pfill_value_defined(properties.get(), &defined) < 0 ||
      defined == H5D_FILL_VALUE_UNDEFINED || defined == H5D_FILL_VALUE_ERROR ||
      H5Pget_fill_value(properties.get(), type_.get(), value) < 0) {
    return std::nullopt;
  }
  return decode_number(format_, value);
}

// A file cannot hold more than its bytes; packed, at most what gzip can make of them. What was
// never written takes none, and whoever reads it has as many rows as the other datasets.
void StoredArray::check_size(hid_t properties) const {
  if (shape_[0] > kMostRows) fail("expected fewer rows, found the shape " + shape_of(shape_));
  if (written_ == 0) return;
  const std::uint64_t limit =
      deflated_ && file_->bytes() < std::numeric_limits<std::uint64_t>::max() / kGzipRatio
          ? file_->bytes() * kGzipRatio
          : file_->bytes();
  if (row_bytes() > limit || static_cast<std::uint64_t>(written_) > limit / row_bytes()) {
    fail("expected what a file of " + std::to_string(file_->bytes()) +
         " bytes can hold, found the shape " + shape_of(shape_));
  }
  if (!chunk_.empty()) return;
  const std::uint64_t bytes = shape_[0] * row_bytes();
  const hsize_t stored = H5Dget_storage_size(dataset_.get());
  if (stored < bytes) {
    fail("expected " + std::to_string(bytes) + " bytes for the shape " + shape_of(shape_) +
         ", found " + std::to_string(stored));
  }
  if (H5Pget_layout(properties) != H5D_CONTIGUOUS) return;
  const haddr_t begin = H5Dget_offset(dataset_.get());
  if (begin == HADDR_UNDEF || begin > file_->bytes() - bytes) {
    fail("expected " + std::to_string(bytes) + " bytes, found them to begin at " +
         std::to_string(begin) + " of a file of " + std::to_string(file_->bytes()));
  }
}

std::uint64_t StoredArray::row_bytes() const {
  const auto number = static_cast<std::uint64_t>(format_.bytes);
  std::uint64_t bytes = 0;
  const bool overflow =
      __builtin_mul_overflow(number, shape_.size() > 1 ? shape_[1] : hsize_t{1}, &bytes);
  return overflow ? std::numeric_limits<std::uint64_t>::max() : bytes;
}

void StoredArray::check_chunks(std::int64_t wanted) const {
  if (chunk_.empty()) return;
  const ChunkLayout layout = chunk_layout();
  ChunkReader chunks(*file_, key_, dataset_.get(), layout);
  for_chunks(written_, wanted,
             [&](std::int64_t row, std::int64_t column) { chunks.find(row, column); });
}

void StoredArray::read(std::int64_t rows, std::int64_t wanted, const Take& take) const {
  rows = std::min(rows, written_);
  if (rows == 0) return;
  if (chunk_.empty()) return read_rows(rows, wanted, take);
  const ChunkLayout layout = chunk_layout();
  ChunkReader chunks(*file_, key_, dataset_.get(), layout);
  const auto height = static_cast<std::int64_t>(chunk_[0]);
  const auto width = chunk_.size() > 1 ? static_cast<std::int64_t>(chunk_[1]) : 1;
  for_chunks(rows, wanted, [&](std::int64_t row, std::int64_t column) {
    take({row, std::min(height, rows - row), column, std::min(width, wanted - column),
          chunks.read(row, column), width * format_.bytes});
  });
}

ChunkLayout StoredArray::chunk_layout() const {
  return {chunk_, static_cast<std::size_t>(format_.bytes), shuffled_, deflated_};
}

void StoredArray::for_chunks(std::int64_t rows, std::int64_t wanted, const Visit& visit) const {
  const auto height = static_cast<std::int64_t>(chunk_[0]);
  const auto width = chunk_.size() > 1 ? static_cast<std::int64_t>(chunk_[1]) : 1;
  for (std::int64_t row = 0; row < rows; row += height) {
    for (std::int64_t column = 0; column < wanted; column += width) visit(row, column);
  }
}

// Whole rows, from which the caller takes the first columns: one long read is faster than HDF5's
// many short ones.
void StoredArray::read_rows(std::int64_t rows, std::int64_t wanted, const Take& take) const {
  const std::uint64_t most = std::max<std::uint64_t>(1, kBlockBytes / row_bytes());
  const auto height = static_cast<std::int64_t>(std::min(most, static_cast<std::uint64_t>(rows)));
  std::vector<unsigned char> buffer(static_cast<std::size_t>(height) * row_bytes());
  const Handle space(H5Dget_space(dataset_.get()), H5Sclose);
  for (std::int64_t row = 0; row < rows; row += height) {
    std::vector<hsize_t> begin(shape_.size(), 0), count = shape_;
    begin[0] = static_cast<hsize_t>(row);
    count[0] = static_cast<hsize_t>(std::min(height, rows - row));
    const Handle memory(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr),
                        H5Sclose);
    if (H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, begin.data(), nullptr, count.data(),
                            nullptr) < 0 ||
        H5Dread(dataset_.get(), type_.get(), memory.get(), space.get(), H5P_DEFAULT,
                buffer.data()) < 0) {
      fail("rows from " + std::to_string(row) + " cannot be read (" + hdf5::reason() + ")");
    }
    take({row, static_cast<std::int64_t>(count[0]), 0, wanted, buffer.data(),
          static_cast<std::int64_t>(row_bytes())});
  }
}

}  // namespace labhost
