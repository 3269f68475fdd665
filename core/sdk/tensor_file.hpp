// Named tensors and text in one file, in the safetensors format, which Python, Rust and others
// read.
//
// The file: the header's length (8 bytes, little endian), the header (JSON: name -> type, shape and
// the range of its bytes, and `__metadata__`), the tensors' bytes, wide types first. It
// holds no code, and every extent is checked before a byte of a tensor is read.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "core/sdk/types.hpp"

namespace labhost {

struct LABHOST_API TensorFile {
  /// On the CPU, contiguous. Types: float64, float32, float16, bfloat16, int64, int32, uint8, bool.
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;  ///< UTF-8

  /// InputError, naming `where` and what is missing, when absent or of another shape.
  Tensor tensor(const std::string& name, const std::vector<std::int64_t>& shape,
                const std::string& where) const;

  /// The same content gives the same bytes.
  std::string to_bytes() const;
  /// Throws InputError that names `where`, what was expected and what was found.
  static TensorFile from_bytes(std::string_view bytes, const std::string& where);

  /// Atomic and synced: the old file or the new one, never a part.
  void save(const std::filesystem::path& file) const;
  /// Throws InputError when the file is absent or no whole safetensors file.
  static TensorFile load(const std::filesystem::path& file);
};

}  // namespace labhost
