#include "core/base/files.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>
#include <system_error>

#include "tests/base/scratch_folder.hpp"

namespace labhost {
namespace {

namespace fs = std::filesystem;

std::ptrdiff_t entries_in(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

}  // namespace

TEST_CASE("write_atomically writes, replaces and leaves nothing else behind") {
  const testing::ScratchFolder folder;
  const fs::path file = folder / "result";
  const std::string bytes("a\0b\n", 4);
  write_atomically(file, bytes);
  CHECK(read_file(file) == bytes);
  write_atomically(file, "new");
  CHECK(read_file(file) == "new");
  write_atomically(file, "");
  CHECK(read_file(file).empty());
  CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("write_atomically gives the writer a path in the same folder") {
  const testing::ScratchFolder folder;
  fs::path given;
  write_atomically(folder / "archive", [&given](const fs::path& temporary) {
    given = temporary;
    std::ofstream(temporary) << "content";
  });
  CHECK(given.parent_path() == folder.path());
  CHECK(given != folder / "archive");
  CHECK(read_file(folder / "archive") == "content");
  CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("a writer that fails leaves the old content and no temporary") {
  const testing::ScratchFolder folder;
  const fs::path file = folder.write("result", "old");
  const auto broken = [](const fs::path& temporary) {
    std::ofstream(temporary) << "half";
    throw std::runtime_error("full");
  };
  CHECK_THROWS_WITH_AS(write_atomically(file, broken), "full", std::runtime_error);
  CHECK(read_file(file) == "old");
  CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("write errors name the path") {
  const testing::ScratchFolder folder;
  const fs::path file = folder / "absent/result";
  std::string message = "no error";
  try {
    write_atomically(file, "x");
  } catch (const std::system_error& error) {
    message = error.what();
  }
  CHECK(testing::contains(message, file.string()));
  fs::create_directories(folder / "taken/by");
  CHECK_THROWS_AS(write_atomically(folder / "taken", "x"), std::system_error);
  CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("read_file refuses what it cannot read") {
  const testing::ScratchFolder folder;
  const std::string message = testing::input_error([&] { read_file(folder / "absent"); });
  CHECK(message == "cannot read " + (folder / "absent").string() + ": No such file or directory");
  CHECK_THROWS_AS(read_file(folder.path()), InputError);
}

TEST_CASE("tail_of_file") {
  const testing::ScratchFolder folder;
  const fs::path file = folder.write("log", "one\ntwo\nthree\n");
  CHECK(tail_of_file(file, 1) == "three\n");
  CHECK(tail_of_file(file, 2) == "two\nthree\n");
  CHECK(tail_of_file(file, 9) == "one\ntwo\nthree\n");
  CHECK(tail_of_file(file, 0).empty());
  CHECK(tail_of_file(folder.write("open", "one\ntwo"), 1) == "two");
  CHECK(tail_of_file(folder.write("newline", "\n"), 3) == "\n");
  CHECK(tail_of_file(folder.write("empty", ""), 3).empty());
  CHECK(tail_of_file(folder / "absent", 3).empty());
  std::string big;
  for (int i = 0; i < 100000; ++i) big += "line " + std::to_string(i) + "\n";
  CHECK(tail_of_file(folder.write("big", big), 2) == "line 99998\nline 99999\n");
}

TEST_CASE("executable_path is this program") { CHECK(fs::exists(executable_path())); }

}  // namespace labhost
