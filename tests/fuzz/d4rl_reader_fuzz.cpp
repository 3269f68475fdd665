// Whatever bytes a file has, read_d4rl() returns consistent transitions or throws InputError.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <stdexcept>

#include "core/d4rl/reader.hpp"

namespace {

/// A new file in memory: HDF5 needs one with a path.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* bytes, std::size_t size) {
    const int descriptor = ::mkstemp(path_);
    while (size > 0) {
      const ssize_t count = ::write(descriptor, bytes, size);
      if (count < 0) std::abort();
      bytes += count;
      size -= static_cast<std::size_t>(count);
    }
    ::close(descriptor);
  }
  ~MemoryFile() { ::unlink(path_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  const char* path() const { return path_; }

 private:
  char path_[32] = "/dev/shm/labhost-fuzz-XXXXXX";
};

void require(bool holds) {
  if (!holds) throw std::logic_error("the transitions contradict themselves");
}

void check(const labhost::D4rlData& read, const labhost::D4rlOptions& options) {
  const labhost::Transitions& data = read.transitions;
  const std::int64_t rows = read.rows - read.dropped;
  require(rows > 0 && data.size() == rows);
  require(data.state.sizes() == torch::IntArrayRef({rows, options.state_width}));
  require(data.next_state.sizes() == data.state.sizes());
  require(data.action.sizes() == torch::IntArrayRef({rows, options.action_width}));
  require(data.terminal.size(0) == rows && data.timeout.size(0) == rows);
  require((data.terminal | data.timeout)[rows - 1].item<bool>());
  for (const torch::Tensor* field : {&data.state, &data.next_state, &data.action, &data.reward}) {
    require(torch::isfinite(*field).all().item<bool>());
  }
}

}  // namespace

// HDF5 asks for as much memory as a damaged header says, and takes a refusal; and it loses memory
// of its own when a file is damaged.
extern "C" const char* __asan_default_options() {
  return "allocator_may_return_null=1:detect_leaks=0";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const labhost::D4rlOptions options{3, 2, 1000, /*guarded=*/false};
  const MemoryFile file(bytes, size);
  try {
    check(labhost::read_d4rl(file.path(), options), options);
  } catch (const labhost::InputError&) {
    return 0;
  }
  return 0;
}
