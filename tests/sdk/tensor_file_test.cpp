// Tensor files: what is written is read back, and nothing damaged is read.
#include "core/sdk/tensor_file.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/base/files.hpp"
#include "tests/base/scratch_folder.hpp"

namespace labhost::testing {

namespace {

/// A file by hand: the header's text, then `data`.
std::string file_of(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  return bytes + header + data;
}

void check_refused(const std::string& bytes, const std::string& reason) {
  CHECK_THROWS_WITH_AS(TensorFile::from_bytes(bytes, "team.safetensors"),
                       doctest::Contains(reason.c_str()), InputError);
}

TensorFile small_file() {
  TensorFile file;
  file.tensors["weights"] = torch::arange(6, torch::kFloat32).view({2, 3});
  file.tensors["count"] = torch::scalar_tensor(7, torch::kLong);
  file.metadata["task"] = "ant";
  return file;
}

}  // namespace

TEST_CASE("a tensor file gives back every type, shape, NaN and text") {
  TensorFile file;
  std::int64_t size = 0;
  for (const torch::ScalarType type :
       {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kInt64,
        torch::kInt32, torch::kUInt8}) {
    file.tensors["t" + std::to_string(size++)] = torch::arange(3).to(type);
  }
  file.tensors["flags"] = torch::tensor({true, false, true});
  file.tensors["nothing"] = torch::empty({0, 4});
  file.tensors["scalar"] = torch::scalar_tensor(std::numeric_limits<double>::quiet_NaN());
  file.tensors["transposed"] = torch::arange(6).view({2, 3}).t();
  file.metadata["note"] = "\"quotes\", a\nline and \xc3\xa9";
  const TensorFile read = TensorFile::from_bytes(file.to_bytes(), "memory");
  CHECK(read.metadata == file.metadata);
  REQUIRE(read.tensors.size() == file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    const Tensor& other = read.tensors.at(name);
    CHECK_MESSAGE((other.scalar_type() == tensor.scalar_type()), name);
    CHECK_MESSAGE((other.sizes() == tensor.sizes()), name);
    if (name != "scalar") CHECK_MESSAGE(other.equal(tensor), name);
  }
  CHECK(std::isnan(read.tensors.at("scalar").item<double>()));
  CHECK(read.to_bytes() == file.to_bytes());
}

TEST_CASE("the bytes are those of the safetensors format") {
  TensorFile file;
  file.tensors["a"] = torch::tensor({1.5f});
  const std::string header = R"({"a":{"data_offsets":[0,4],"dtype":"F32","shape":[1]}})";
  std::string padded = header;
  padded.resize((header.size() + 7) / 8 * 8, ' ');
  CHECK(file.to_bytes() == file_of(padded, std::string("\0\0\xc0\x3f", 4)));
}

TEST_CASE("wide tensors come first, so that each is aligned for its type") {
  TensorFile file;
  file.tensors["a"] = torch::zeros({3}, torch::kUInt8);
  file.tensors["b"] = torch::zeros({2}, torch::kFloat64);
  const std::string bytes = file.to_bytes();
  CHECK(bytes.find(R"("b":{"data_offsets":[0,16])") != std::string::npos);
  CHECK(bytes.find(R"("a":{"data_offsets":[16,19])") != std::string::npos);
}

TEST_CASE("a damaged tensor file is refused, naming the file and the fault") {
  const std::string whole = small_file().to_bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK_THROWS_AS(TensorFile::from_bytes(whole.substr(0, size), "f"), InputError);
  }
  check_refused("", "team.safetensors: not a whole safetensors file: expected at least 8 bytes");
  check_refused(whole + "x", "the file has 33 for them");
  check_refused(std::string(8, '\xff'), "its header should have 18446744073709551615 bytes");
  check_refused(file_of("[]", ""), "no JSON object");
  check_refused(file_of("{", ""), "no JSON");
  check_refused(file_of(std::string(100000, '['), ""), "no JSON");
  const auto one = [](const std::string& entry, const std::string& data) {
    return file_of("{\"a\":" + entry + "}", data);
  };
  check_refused(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})", "abcd"),
                "needs 8 bytes");
  check_refused(one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})", "abcd"),
                "data_offsets are 4 to 0");
  check_refused(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,8]})", "abcd"), "of 4");
  check_refused(one(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})", "abcd"),
                "expected dtype, shape and data_offsets");
  check_refused(one(R"({"dtype":"F8","shape":[4],"data_offsets":[0,4]})", "abcd"),
                "is of type F8; known are");
  check_refused(
      one(R"({"dtype":"F64","shape":[4611686018427387904,4],"data_offsets":[0,4]})", "abcd"),
      "larger than any file");
  check_refused(one(R"({"dtype":"BOOL","shape":[4],"data_offsets":[0,4]})", "abcd"),
                "neither 0 nor 1");
  check_refused(one("7", "abcd"), "expected dtype");
  check_refused(file_of(R"({"__metadata__":{"a":1}})", ""), "metadata 'a' is no text");
  check_refused(file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                        R"("b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
                        "abcd"),
                "begins at byte 0, expected 4");
}

TEST_CASE("a tensor is asked for by name and shape") {
  const TensorFile file = small_file();
  CHECK(file.tensor("weights", {2, 3}, "f").size(1) == 3);
  CHECK_THROWS_WITH_AS(file.tensor("weights", {3, 2}, "f"),
                       doctest::Contains("f: 'weights' has shape [2, 3], expected [3, 2]"),
                       InputError);
  CHECK_THROWS_WITH_AS(file.tensor("bias", {1}, "f"), doctest::Contains("expected a tensor 'bias'"),
                       InputError);
}

TEST_CASE("a tensor file on disk is whole or absent") {
  const ScratchFolder folder;
  const auto path = folder.path() / "a.safetensors";
  small_file().save(path);
  CHECK(TensorFile::load(path).to_bytes() == small_file().to_bytes());
  CHECK_THROWS_WITH_AS(TensorFile::load(folder.path() / "b.safetensors"),
                       doctest::Contains("b.safetensors"), InputError);
}

}  // namespace labhost::testing
