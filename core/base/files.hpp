// Files that are either whole or absent.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace labhost {

/// Reads a whole file. Throws InputError when it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Writes under a temporary name in the same folder, fsyncs file and folder, renames. A crash
/// leaves the old content or the new, never a part. Throws std::system_error naming the path.
void write_atomically(const std::filesystem::path& path, std::string_view bytes);

/// The same for a writer that takes a path (LibTorch archives).
void write_atomically(const std::filesystem::path& path,
                      const std::function<void(const std::filesystem::path&)>& write);

/// Removes what killed writes left in a folder. Only its one writer may call this.
void remove_leftovers(const std::filesystem::path& folder);

/// Path of the running executable.
std::filesystem::path executable_path();

/// Last `lines` lines of a text file; empty when it cannot be read.
std::string tail_of_file(const std::filesystem::path& path, int lines);

}  // namespace labhost
