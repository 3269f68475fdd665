#include "core/sdk/tensor_file.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/files.hpp"
#include "core/base/safetensors.hpp"

namespace labhost {

namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kAlignment = 8;  // of the tensors' bytes

struct TypeName {
  const char* name;
  torch::ScalarType type;
};
constexpr TypeName kTypes[] = {
    {"F64", torch::kFloat64},   {"F32", torch::kFloat32}, {"F16", torch::kFloat16},
    {"BF16", torch::kBFloat16}, {"I64", torch::kInt64},   {"I32", torch::kInt32},
    {"U8", torch::kUInt8},      {"BOOL", torch::kBool},
};

const char* name_of(torch::ScalarType type) {
  for (const TypeName& known : kTypes) {
    if (known.type == type) return known.name;
  }
  throw std::logic_error(std::string("safetensors: no name for tensors of type ") +
                         torch::toString(type));
}

/// Where a tensor's bytes are, behind the header.
struct Extent {
  std::string name;
  torch::ScalarType type = torch::kFloat32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

/// Reads one file's header; errors name the file.
class Reader {
 public:
  Reader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  TensorFile read() {
    const SafetensorsHeader header = read_safetensors_header(bytes_, where_);
    data_ = bytes_.substr(header.data_at);
    TensorFile file;
    std::vector<Extent> extents;
    for (const auto& [name, value] : header.entries.items()) {
      if (name == kSafetensorsMetadata) {
        read_metadata(value, file);
      } else {
        extents.push_back(read_extent(name, value));
      }
    }
    check_extents(extents);
    for (const Extent& extent : extents) file.tensors.emplace(extent.name, read_tensor(extent));
    return file;
  }

 private:
  [[noreturn]] void refuse(const std::string& reason) const { refuse_safetensors(where_, reason); }

  void read_metadata(const json& value, TensorFile& file) const {
    if (!value.is_object()) refuse("its __metadata__ is no object");
    for (const auto& [name, text] : value.items()) {
      if (!text.is_string()) refuse("its metadata '" + name + "' is no text");
      file.metadata[name] = text.get<std::string>();
    }
  }

  Extent read_extent(const std::string& name, const json& value) const {
    const auto is_count = [](const json& number) { return number.is_number_unsigned(); };
    const auto has = [&value](const char* key) { return value.is_object() && value.contains(key); };
    if (!has("dtype") || !value["dtype"].is_string() || !has("shape") ||
        !value["shape"].is_array() || !has("data_offsets") || !value["data_offsets"].is_array() ||
        value["data_offsets"].size() != 2 ||
        !std::all_of(value["shape"].begin(), value["shape"].end(), is_count) ||
        !std::all_of(value["data_offsets"].begin(), value["data_offsets"].end(), is_count)) {
      refuse("tensor '" + name + "': expected dtype, shape and data_offsets");
    }
    Extent extent;
    extent.name = name;
    extent.type = type_of(name, value["dtype"].get<std::string>());
    extent.begin = value["data_offsets"][0].get<std::uint64_t>();
    extent.end = value["data_offsets"][1].get<std::uint64_t>();
    std::uint64_t bytes = torch::elementSize(extent.type);
    for (const json& size : value["shape"]) {
      const auto count = size.get<std::uint64_t>();
      if (__builtin_mul_overflow(bytes, count, &bytes) ||
          count > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        refuse("tensor '" + name + "' is larger than any file");
      }
      extent.shape.push_back(static_cast<std::int64_t>(count));
    }
    if (extent.begin > extent.end || extent.end > data_.size() ||
        extent.end - extent.begin != bytes) {
      refuse("tensor '" + name + "' needs " + std::to_string(bytes) +
             " bytes, its data_offsets are " + std::to_string(extent.begin) + " to " +
             std::to_string(extent.end) + " of " + std::to_string(data_.size()));
    }
    return extent;
  }

  torch::ScalarType type_of(const std::string& name, const std::string& type) const {
    std::string known;
    for (const TypeName& candidate : kTypes) {
      if (type == candidate.name) return candidate.type;
      known += std::string(known.empty() ? "" : ", ") + candidate.name;
    }
    refuse("tensor '" + name + "' is of type " + type + "; known are " + known);
  }

  /// The tensors fill the rest of the file, without gaps and without sharing.
  void check_extents(std::vector<Extent>& extents) const {
    std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
      return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    std::uint64_t at = 0;
    for (const Extent& extent : extents) {
      if (extent.begin != at) {
        refuse("tensor '" + extent.name + "' begins at byte " + std::to_string(extent.begin) +
               ", expected " + std::to_string(at));
      }
      at = extent.end;
    }
    if (at != data_.size()) {
      refuse("its tensors have " + std::to_string(at) + " bytes, the file has " +
             std::to_string(data_.size()) + " for them");
    }
  }

  Tensor read_tensor(const Extent& extent) const {
    Tensor tensor = torch::empty(extent.shape, extent.type);
    if (extent.end > extent.begin) {
      std::memcpy(tensor.data_ptr(), data_.data() + extent.begin, extent.end - extent.begin);
    }
    if (extent.type != torch::kBool) return tensor;
    // A bool of another value than 0 and 1 is undefined behaviour.
    for (std::uint64_t i = extent.begin; i < extent.end; ++i) {
      if (static_cast<unsigned char>(data_[i]) > 1) {
        refuse("tensor '" + extent.name + "' holds a bool that is neither 0 nor 1");
      }
    }
    return tensor;
  }

  std::string_view bytes_, data_;
  const std::string& where_;
};

}  // namespace

Tensor TensorFile::tensor(const std::string& name, const std::vector<std::int64_t>& shape,
                          const std::string& where) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) {
    throw InputError(where + ": expected a tensor '" + name + "', found none");
  }
  if (found->second.sizes() == torch::IntArrayRef(shape)) return found->second;
  std::ostringstream text;
  text << where << ": '" << name << "' has shape " << found->second.sizes() << ", expected "
       << torch::IntArrayRef(shape);
  throw InputError(text.str());
}

std::string TensorFile::to_bytes() const {
  json header = json::object();
  if (!metadata.empty()) header[kSafetensorsMetadata] = metadata;
  // Wide types first: each tensor's bytes are then aligned for its type.
  std::vector<std::pair<std::string, Tensor>> ordered(tensors.begin(), tensors.end());
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return a.second.element_size() > b.second.element_size();
  });
  std::string data;
  for (const auto& [name, tensor] : ordered) {
    const Tensor own = tensor.detach().to(torch::kCPU).contiguous();
    const std::size_t begin = data.size();
    data.append(static_cast<const char*>(own.data_ptr()), own.nbytes());
    header[name] = {{"dtype", name_of(own.scalar_type())},
                    {"shape", own.sizes().vec()},
                    {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  std::string bytes;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    bytes += static_cast<char>(static_cast<std::uint64_t>(text.size()) >> (8 * i) & 0xff);
  }
  return bytes + text + data;
}

TensorFile TensorFile::from_bytes(std::string_view bytes, const std::string& where) {
  return Reader(bytes, where).read();
}

void TensorFile::save(const std::filesystem::path& file) const {
  write_atomically(file, to_bytes());
}

TensorFile TensorFile::load(const std::filesystem::path& file) {
  return from_bytes(read_file(file), file.string());
}

}  // namespace labhost
