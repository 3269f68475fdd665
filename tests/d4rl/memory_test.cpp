// Reading a file takes the memory of its result and little more.
#include <doctest/doctest.h>
#include <malloc.h>

#include <cstdlib>
#include <fstream>

#include "core/d4rl/reader.hpp"
#include "tests/base/scratch_folder.hpp"
#include "tests/d4rl/made_file.hpp"

namespace labhost {

namespace {

constexpr std::size_t kRows = 200000, kColumns = 60;
constexpr std::int64_t kWidth = 27;

/// Bytes, of a line of /proc/self/status.
double status(const std::string& name) {
  std::ifstream stream("/proc/self/status");
  for (std::string line; std::getline(stream, line);) {
    if (line.rfind(name + ":", 0) == 0) return 1024 * std::stod(line.substr(name.size() + 1));
  }
  return 0;
}

/// A file of zeros, with next observations or without.
testing::MadeFile large_file(bool chunked, bool next_observations) {
  testing::MadeFile made = testing::made_file(kRows, {});
  made.arrays.erase("timeouts");
  made["observations"].shape = {kRows, kColumns};
  made["observations"].values.assign(kRows * kColumns, 0);
  if (chunked) {
    made["observations"].chunk = {1000, kColumns};
    made["observations"].gzip = 1;
  }
  if (next_observations) add_next_observations(made);
  return made;
}

}  // namespace

TEST_CASE("the peak of memory is at most 1.3 times the result") {
  for (const bool chunked : {false, true}) {
    for (const bool stored : {false, true}) {
      CAPTURE(chunked);
      CAPTURE(stored);
      const testing::ScratchFolder folder;
      large_file(chunked, stored).write(folder / "data.hdf5");
      ::malloc_trim(0);  // what making the file has left
      std::ofstream refs("/proc/self/clear_refs");
      if (!(refs << 5 << std::flush)) {  // the peak counts from here
        MESSAGE("skipped: this system does not let a process measure its peak anew");
        return;
      }
      const double before = status("VmRSS");
      const Transitions data = read_d4rl(folder / "data.hdf5", {kWidth, 2, 1000}).transitions;
      [[maybe_unused]] const double peak = status("VmHWM") - before;
      double bytes = 0;
      for (const Tensor* field : {&data.state, &data.next_state, &data.action, &data.reward,
                                  &data.terminal, &data.timeout}) {
        bytes += static_cast<double>(field->nbytes());
      }
      CHECK(bytes > 4.0 * 2 * kWidth * kRows * 0.99);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which need more of their own
      CHECK(peak / bytes > 0.8);                                     // or it is not measured
      CHECK(peak / bytes < 1.3);
#endif
    }
  }
}

}  // namespace labhost
