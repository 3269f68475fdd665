// The header of the safetensors format: what a file of named tensors says of itself. Its tensors
// are read where LibTorch is (core/sdk/tensor_file.hpp).
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace labhost {

struct SafetensorsHeader {
  nlohmann::json entries;   ///< an object: name -> type, shape, range of bytes; and `__metadata__`
  std::size_t data_at = 0;  ///< where the tensors' bytes begin
};

inline constexpr const char* kSafetensorsMetadata = "__metadata__";

/// Of a file that begins with `bytes`. Throws InputError that names `where`, what was expected and
/// what was found.
SafetensorsHeader read_safetensors_header(std::string_view bytes, const std::string& where);

/// InputError: `where` is not a whole safetensors file, for this reason.
[[noreturn]] void refuse_safetensors(const std::string& where, const std::string& reason);

}  // namespace labhost
