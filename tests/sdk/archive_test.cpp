#include "core/sdk/archive.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <system_error>

#include "tests/base/scratch_folder.hpp"

namespace labhost {

namespace {

using testing::contains;
using testing::input_error;
namespace fs = std::filesystem;

std::string bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::ptrdiff_t entries_in(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

Archive archive_of(const std::string& name, const Tensor& tensor) {
  Archive archive;
  archive.write(name, tensor);
  return archive;
}

}  // namespace

TEST_CASE("what an archive is given comes back to the bit, through a file too") {
  const testing::ScratchFolder folder;
  const std::map<std::string, Tensor> tensors = {
      {"float", torch::tensor({{1.5F, -2.25F}, {3e-38F, 1e38F}})},
      {"double", torch::tensor({0.1, 1e-300}, torch::kFloat64)},
      {"transposed", torch::arange(6).view({2, 3}).t()},
      {"state", torch::arange(200, torch::kUInt8)},
      {"flags", torch::tensor({true, false})},
      {"empty", torch::zeros({0, 3})}};
  Archive archive;
  for (const auto& [name, tensor] : tensors) archive.write(name, tensor);
  archive.write("step", std::int64_t{1} << 60);
  archive.write("score", 0.1);
  archive.save(folder / "checkpoint");

  for (const Archive& again : {archive, Archive::load(folder / "checkpoint")}) {
    CHECK(again.tensors().size() == tensors.size() + 2);
    for (const auto& [name, tensor] : tensors) {
      CAPTURE(name);
      CHECK(again.contains(name));
      CHECK((again.tensor(name).scalar_type() == tensor.scalar_type()));
      CHECK(torch::equal(again.tensor(name), tensor));
    }
    CHECK(again.integer("step") == std::int64_t{1} << 60);
    CHECK(again.real("score") == 0.1);
  }
}

TEST_CASE("an archive keeps the values of the moment") {
  Tensor weights = torch::ones({2});
  const Archive archive = archive_of("weights", weights);
  weights.fill_(7);
  CHECK(torch::equal(archive.tensor("weights"), torch::ones({2})));
  Tensor target = torch::zeros({2});
  archive.read_into("weights", target);
  target.fill_(9);
  CHECK(torch::equal(archive.tensor("weights"), torch::ones({2})));
}

TEST_CASE("writing a name twice is a mistake of the program") {
  Archive archive = archive_of("weights", torch::ones({2}));
  CHECK_THROWS_WITH_AS(archive.write("weights", torch::zeros({2})),
                       "archive: 'weights' is written twice", std::logic_error);
  CHECK(torch::equal(archive.tensor("weights"), torch::ones({2})));
}

TEST_CASE("a missing tensor and one of another shape are named with the file") {
  const testing::ScratchFolder folder;
  const fs::path file = folder / "checkpoint";
  archive_of("weights", torch::ones({2, 3})).save(file);
  const Archive archive = Archive::load(file);
  CHECK_FALSE(archive.contains("bias"));
  for (const std::string& message :
       {input_error([&] { archive.tensor("bias"); }), input_error([&] { archive.integer("bias"); }),
        input_error([&] { archive.real("bias"); })}) {
    CHECK(contains(message, file.string() + ": expected a tensor 'bias', found none"));
  }
  Tensor target = torch::zeros({3, 2});
  const std::string message = input_error([&] { archive.read_into("weights", target); });
  CHECK(contains(message, file.string() + ": 'weights'"));
  CHECK(contains(message, "shape"));
  CHECK(target.eq(0).all().item<bool>());
}

TEST_CASE("a file that is absent or no archive is refused by name") {
  const testing::ScratchFolder folder;
  CHECK(contains(input_error([&] { Archive::load(folder / "absent"); }),
                 (folder / "absent").string()));
  for (const std::string& text : {std::string(), std::string("not an archive")}) {
    const fs::path file = folder.write("garbage", text);
    CHECK(contains(input_error([&] { Archive::load(file); }), file.string() + ": not a"));
  }
}

TEST_CASE("a file that was cut off anywhere is refused") {
  const testing::ScratchFolder folder;
  archive_of("weights", torch::arange(100)).save(folder / "whole");
  const std::string bytes = bytes_of(folder / "whole");
  for (const double share : {0.01, 0.2, 0.5, 0.8, 0.99}) {
    CAPTURE(share);
    const auto length = static_cast<std::size_t>(share * static_cast<double>(bytes.size()));
    const fs::path file = folder.write("part", bytes.substr(0, length));
    CHECK(contains(input_error([&] { Archive::load(file); }), file.string()));
  }
}

TEST_CASE("a file with one wrong byte anywhere is refused") {
  const testing::ScratchFolder folder;
  archive_of("weights", torch::arange(64)).save(folder / "whole");
  const std::string bytes = bytes_of(folder / "whole");
  for (std::size_t at = 0; at < bytes.size(); at += 7) {
    CAPTURE(at);
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x55);
    const fs::path file = folder.write("changed", changed);
    CHECK(contains(input_error([&] { Archive::load(file); }), file.string()));
  }
}

TEST_CASE("saving replaces the old file whole or not at all") {
  const testing::ScratchFolder folder;
  const fs::path file = folder / "checkpoint";
  archive_of("step", torch::tensor(1)).save(file);
  archive_of("step", torch::tensor(2)).save(file);
  CHECK(Archive::load(file).integer("step") == 2);
  CHECK(entries_in(folder.path()) == 1);

  fs::create_directories(folder / "taken/by");
  CHECK_THROWS_AS(archive_of("step", torch::tensor(3)).save(folder / "taken"), std::system_error);
  CHECK_THROWS_AS(archive_of("step", torch::tensor(3)).save(folder / "absent/file"),
                  std::system_error);
  CHECK(Archive::load(file).integer("step") == 2);
  CHECK(entries_in(folder.path()) == 2);
}

}  // namespace labhost
