#include "core/base/hash.hpp"

#include <doctest/doctest.h>

#include "tests/base/scratch_folder.hpp"

namespace labhost {

TEST_CASE("sha256 of the standard's examples") {
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("a file has the hash of its content, read in pieces") {
  const testing::ScratchFolder folder;
  std::string big(3 * (1 << 20) + 17, 'x');
  big[big.size() / 2] = '\0';
  CHECK(sha256_file(folder.write("big", big)) == sha256(big));
  CHECK(sha256_file(folder.write("empty", "")) == sha256(""));
}

TEST_CASE("a file that cannot be read is the user's error") {
  const testing::ScratchFolder folder;
  const std::string missing = testing::input_error([&] { sha256_file(folder / "missing"); });
  CHECK(testing::contains(missing, (folder / "missing").string()));
  CHECK(testing::contains(missing, "No such file"));
  CHECK_THROWS_AS(sha256_file(folder.path()), InputError);
}

}  // namespace labhost
