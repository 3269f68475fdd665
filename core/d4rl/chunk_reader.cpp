#include "core/d4rl/chunk_reader.hpp"

#include <new>

namespace labhost {

namespace {

std::uint64_t chunk_bytes(const ChunkLayout& layout) {
  std::uint64_t bytes = layout.number_bytes;
  for (const hsize_t size : layout.chunk) bytes *= size;  // below 4 GB: HDF5's limit
  return bytes;
}

// The shuffle filter stores the first bytes of all numbers, then their second bytes, and so on.
void unshuffle(const std::vector<unsigned char>& from, std::size_t number_bytes,
               std::vector<unsigned char>& to) {
  to.resize(from.size());
  const std::size_t count = from.size() / number_bytes;
  for (std::size_t byte = 0; byte < number_bytes; ++byte) {
    const unsigned char* source = from.data() + byte * count;
    unsigned char* target = to.data() + byte;
    for (std::size_t i = 0; i < count; ++i) target[i * number_bytes] = source[i];
  }
}

std::string byte_count(std::uint64_t bytes) { return std::to_string(bytes) + " bytes"; }

}  // namespace

ChunkReader::ChunkReader(const InputFile& file, const std::string& key, hid_t dataset,
                         const ChunkLayout& layout)
    : file_(file),
      key_(key),
      dataset_(dataset),
      layout_(layout),
      bytes_(chunk_bytes(layout)),
      inflater_(libdeflate_alloc_decompressor(), libdeflate_free_decompressor) {
  if (inflater_ == nullptr) throw std::bad_alloc();
}

void ChunkReader::find(std::int64_t row, std::int64_t column) {
  row_ = row;
  column_ = column;
  const hsize_t offset[2] = {static_cast<hsize_t>(row), static_cast<hsize_t>(column)};
  haddr_t address = HADDR_UNDEF;
  if (H5Dget_chunk_info_by_coord(dataset_, offset, &skipped_, &address, &size_) < 0) {
    fail("its place in the file is damaged (" + hdf5::reason() + ")");
  }
  if (address == HADDR_UNDEF) fail("it was never written");
  if (size_ > file_.bytes() || address > file_.bytes() - size_) {
    fail("expected it within the file's " + byte_count(file_.bytes()) + ", found " +
         byte_count(size_) + " at " + std::to_string(address));
  }
  // Before anything is allocated for it: a small chunk cannot stand for a huge one.
  const std::uint64_t ratio = layout_.deflated ? kGzipRatio : 1;
  if (bytes_ / ratio > size_) {
    fail("expected " + byte_count(bytes_) + ", found " + byte_count(size_) +
         ", which cannot hold them");
  }
}

const unsigned char* ChunkReader::read(std::int64_t row, std::int64_t column) {
  find(row, column);
  stored_.resize(size_);
  const hsize_t offset[2] = {static_cast<hsize_t>(row), static_cast<hsize_t>(column)};
  std::uint32_t mask = 0;
  if (H5Dread_chunk(dataset_, H5P_DEFAULT, offset, &mask, stored_.data()) < 0) {
    fail("cannot be read (" + hdf5::reason() + ")");
  }
  const bool shuffled = layout_.shuffled && (skipped_ & 1U) == 0;
  const unsigned deflate_bit = layout_.shuffled ? 2U : 1U;
  const bool deflated = layout_.deflated && (skipped_ & deflate_bit) == 0;
  if (deflated) unpack();
  const std::vector<unsigned char>& bytes = deflated ? unpacked_ : stored_;
  if (bytes.size() != bytes_) {
    fail("expected " + byte_count(bytes_) + ", found " + byte_count(bytes.size()));
  }
  if (!shuffled) return bytes.data();
  unshuffle(bytes, layout_.number_bytes, ordered_);
  return ordered_.data();
}

void ChunkReader::unpack() {
  unpacked_.resize(bytes_);
  std::size_t found = 0;
  switch (libdeflate_zlib_decompress(inflater_.get(), stored_.data(), stored_.size(),
                                     unpacked_.data(), unpacked_.size(), &found)) {
    case LIBDEFLATE_SUCCESS:
      unpacked_.resize(found);
      return;
    case LIBDEFLATE_INSUFFICIENT_SPACE:
      fail("expected " + byte_count(bytes_) + ", found more");
    default:
      fail("expected gzip data, found damaged bytes");
  }
}

void ChunkReader::fail(const std::string& what) const {
  file_.fail(key_, "the chunk that begins in row " + std::to_string(row_) + ", column " +
                       std::to_string(column_) + ": " + what);
}

}  // namespace labhost
