// SHA-256 (OpenSSL) of texts and files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace labhost {

/// 64 lower-case hexadecimal digits.
std::string sha256(std::string_view bytes);

/// Hash of a file's content. Throws InputError when it cannot be read.
std::string sha256_file(const std::filesystem::path& path);

}  // namespace labhost
