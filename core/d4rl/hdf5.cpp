#include "core/d4rl/hdf5.hpp"

#include <exception>

namespace labhost::hdf5 {

namespace {

// HDF5 1.10 loses track of memory when a damaged file fails to open, and its clean-up at exit then
// prints "infinite loop closing library". There is nothing to clean up: whatever this folder opens
// it closes. Only before HDF5's first use, hence here.
[[maybe_unused]] const herr_t kNoCleanUpAtExit = H5dont_atexit();

// C code calls this: nothing may be thrown out of it.
herr_t take_description(unsigned, const H5E_error2_t* error, void* text) noexcept {
  try {
    if (error->desc != nullptr) *static_cast<std::string*>(text) = error->desc;
  } catch (const std::exception&) {
    return -1;
  }
  return 1;  // the first is enough
}

}  // namespace

std::string reason() {
  std::string text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_description, &text);
  return text.empty() ? "no reason given" : text;
}

}  // namespace labhost::hdf5
