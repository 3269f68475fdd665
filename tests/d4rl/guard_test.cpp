#include "core/d4rl/guard.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <cstring>
#include <stdexcept>
#include <vector>

#include "core/base/files.hpp"
#include "core/d4rl/reader.hpp"
#include "tests/base/scratch_folder.hpp"
#include "tests/d4rl/made_file.hpp"

namespace labhost {

namespace {

using testing::contains;
using testing::input_error;

}  // namespace

TEST_CASE("what goes well in the child goes unnoticed") {
  int calls = 0;
  look_in_child("x", [&] { ++calls; });
  CHECK(calls == 0);  // here, that is
}

TEST_CASE("an InputError keeps its words, other exceptions are left to the caller") {
  const std::string words(100000, 'w');
  CHECK(input_error([&] { look_in_child("x", [&] { throw InputError(words); }); }) == words);
  CHECK_NOTHROW(look_in_child("x", [] { throw std::runtime_error("other"); }));
}

TEST_CASE("a crash names the file and the signal") {
  for (const int signal : {SIGSEGV, SIGABRT, SIGKILL}) {
    const std::string message =
        input_error([&] { look_in_child("some/file", [&] { ::raise(signal); }); });
    CHECK(contains(message, "some/file: expected a whole HDF5 file, found one so damaged"));
    CHECK(contains(message, ::strsignal(signal)));
  }
}

TEST_CASE("a child that computes without end is killed") {
  const auto spin = [] {
    for (volatile unsigned i = 0;; i = i + 1) {
    }
  };
  const std::string message = input_error([&] { look_in_child("x", spin, {1, 1 << 20}); });
  CHECK_MESSAGE(contains(message, "so damaged"), message);
}

#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // no limit of memory with these

TEST_CASE("a child that needs too much memory ends") {
  const auto hoard = [] {
    std::vector<std::vector<char>> pieces;
    while (true) pieces.emplace_back(1 << 20);
  };
  CHECK(contains(input_error([&] { look_in_child("x", hoard, {20, 16 << 20}); }), "so damaged"));
}

// Its local heap has a list of free pieces, which HDF5 1.10 follows for ever where it is a circle.
TEST_CASE("a file on which HDF5 itself goes astray is refused") {
  const testing::ScratchFolder folder;
  testing::made_variants()["gzip"].write(folder / "whole.hdf5");
  std::string bytes = read_file(folder / "whole.hdf5");
  const auto number = [&bytes](std::size_t at) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  const std::size_t heap = bytes.find("HEAP");
  REQUIRE(heap != std::string::npos);
  const std::uint64_t first_free = number(heap + 16), data = number(heap + 24);
  REQUIRE(data + first_free + 8 < bytes.size());
  std::memcpy(bytes.data() + data + first_free, &first_free, sizeof first_free);
  const std::string message = input_error([&] {
    read_d4rl(folder.write("circle.hdf5", bytes), {3, 2, 1000});
  });
  CHECK(contains(message, "circle.hdf5: "));
}

#endif

}  // namespace labhost
