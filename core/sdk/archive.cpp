#include "core/sdk/archive.hpp"

#include <cstring>
#include <stdexcept>

#include "core/base/files.hpp"
#include "core/base/hash.hpp"

namespace labhost {

namespace {

// Behind the tensors: LibTorch's reader takes a file with a wrong bit for a good one.
constexpr const char* kTrailer = "labhost-sha256:";
constexpr std::size_t kHashDigits = 64;

}  // namespace

void Archive::write(const std::string& name, const Tensor& tensor) {
  if (contains(name)) throw std::logic_error("archive: '" + name + "' is written twice");
  const torch::NoGradGuard no_grad;
  tensors_.emplace(name, tensor.detach().to(torch::kCPU).clone(at::MemoryFormat::Contiguous));
}

void Archive::write(const std::string& name, std::int64_t value) {
  write(name, torch::scalar_tensor(value, torch::kLong));
}

void Archive::write(const std::string& name, double value) {
  write(name, torch::scalar_tensor(value, torch::kFloat64));
}

Tensor Archive::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    throw InputError(origin_ + ": expected a tensor '" + name +
                     "', found none; the file was written by another algorithm or version");
  }
  return found->second;
}

std::int64_t Archive::integer(const std::string& name) const {
  return tensor(name).item<std::int64_t>();
}

double Archive::real(const std::string& name) const { return tensor(name).item<double>(); }

void Archive::read_into(const std::string& name, Tensor& target) const {
  const Tensor source = tensor(name);
  if (source.sizes() != target.sizes()) {
    throw InputError(origin_ + ": '" + name + "' has " + std::to_string(source.numel()) +
                     " numbers of another shape, expected " + std::to_string(target.numel()) +
                     "; it was written with other settings");
  }
  const torch::NoGradGuard no_grad;
  target.copy_(source);
}

void Archive::save(const std::filesystem::path& file) const {
  c10::Dict<std::string, Tensor> dictionary;
  for (const auto& [name, tensor] : tensors_) dictionary.insert(name, tensor);
  const std::vector<char> bytes = torch::pickle_save(dictionary);
  const std::string content(bytes.data(), bytes.size());
  write_atomically(file, content + kTrailer + sha256(content));
}

Archive Archive::load(const std::filesystem::path& file) {
  const std::string text = read_file(file);
  Archive archive;
  archive.origin_ = file.string();
  const std::size_t trailer = std::strlen(kTrailer) + kHashDigits;
  const std::size_t size = text.size() < trailer ? 0 : text.size() - trailer;
  if (size == 0 || text.substr(size) != kTrailer + sha256(text.substr(0, size))) {
    throw InputError(file.string() + ": not a whole archive (its checksum does not match)");
  }
  try {
    const torch::IValue value = torch::pickle_load(
        std::vector<char>(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size)));
    for (const auto& entry : value.toGenericDict()) {
      archive.tensors_.emplace(entry.key().toStringRef(), entry.value().toTensor());
    }
  } catch (const c10::Error& error) {
    throw InputError(file.string() + ": not a readable archive (" + error.what_without_backtrace() +
                     ")");
  }
  return archive;
}

}  // namespace labhost
