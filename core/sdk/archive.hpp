// Checkpoints and artifacts: named tensors in one file.
//
// The file is a dictionary of tensors in LibTorch's pickle format, followed by its SHA-256.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/sdk/types.hpp"

namespace labhost {

class LABHOST_API Archive {
 public:
  /// Names are paths ("critic/weights"); writing a name twice is std::logic_error. The tensor is
  /// copied to the CPU, so later in-place changes do not reach the archive.
  void write(const std::string& name, const Tensor& tensor);
  void write(const std::string& name, std::int64_t value);
  void write(const std::string& name, double value);

  /// InputError, naming the file and what is missing, when absent or (read_into) of another shape.
  Tensor tensor(const std::string& name) const;
  std::int64_t integer(const std::string& name) const;
  double real(const std::string& name) const;
  void read_into(const std::string& name, Tensor& target) const;  ///< copies in place
  bool contains(const std::string& name) const { return tensors_.count(name) > 0; }
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }

  /// Atomic and synced: the old file or the new one, never a part.
  void save(const std::filesystem::path& file) const;
  /// Throws InputError when the file is absent or damaged.
  static Archive load(const std::filesystem::path& file);

 private:
  std::map<std::string, Tensor> tensors_;
  std::string origin_ = "memory";
};

}  // namespace labhost
