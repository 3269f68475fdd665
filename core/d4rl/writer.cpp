#include "core/d4rl/writer.hpp"

#include <algorithm>
#include <stdexcept>
#include <system_error>

#include "core/base/files.hpp"
#include "core/d4rl/hdf5.hpp"

namespace labhost {

namespace fs = std::filesystem;
using hdf5::Handle;

namespace {

constexpr std::int64_t kChunkBytes = 1 << 18;

/// One file under construction. HDF5's failures become InputErrors that name the final file.
class Output {
 public:
  Output(const fs::path& temporary, const fs::path& file, int compression)
      : name_(file.string()), compression_(compression) {
    const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    H5Pset_obj_track_times(creation.get(), false);
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG);
    H5Pset_file_locking(access.get(), false, true);
    // One version of the format, whatever HDF5 this is: same bytes, and its metadata has checksums.
    H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V18);
    file_ =
        Handle(H5Fcreate(temporary.c_str(), H5F_ACC_EXCL, creation.get(), access.get()), H5Fclose);
    if (!file_.valid()) fail("the file");
  }

  void write(const char* key, const Tensor& values, hid_t stored, hid_t memory) {
    const std::vector<hsize_t> shape(values.sizes().begin(), values.sizes().end());
    const Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
                       H5Sclose);
    const Handle creation = layout(values);
    Handle dataset(
        H5Dcreate2(file_.get(), key, stored, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
        H5Dclose);
    if (!dataset.valid() ||
        H5Dwrite(dataset.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data_ptr()) < 0 ||
        !dataset.close()) {
      fail(key);
    }
  }

  void write_attribute(const std::string& key, const std::string& text) {
    const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), H5T_VARIABLE);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    const Handle creation(H5Pcreate(H5P_ATTRIBUTE_CREATE), H5Pclose);
    H5Pset_char_encoding(creation.get(), H5T_CSET_UTF8);
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    Handle attribute(
        H5Acreate2(file_.get(), key.c_str(), type.get(), space.get(), creation.get(), H5P_DEFAULT),
        H5Aclose);
    const char* content = text.c_str();
    if (!attribute.valid() || H5Awrite(attribute.get(), type.get(), &content) < 0 ||
        !attribute.close()) {
      fail("attribute " + key);
    }
  }

  void close() {
    if (!file_.close()) fail("the file");
  }

 private:
  Handle layout(const Tensor& values) const {
    Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_obj_track_times(creation.get(), false);
    if (compression_ == 0) return creation;
    std::vector<hsize_t> chunk(values.sizes().begin(), values.sizes().end());
    const std::int64_t row_bytes = 4 * values.numel() / values.size(0);
    chunk[0] =
        static_cast<hsize_t>(std::clamp<std::int64_t>(kChunkBytes / row_bytes, 1, values.size(0)));
    H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
    H5Pset_deflate(creation.get(), static_cast<unsigned>(compression_));
    return creation;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(name_ + ": '" + what + "' cannot be written (" + hdf5::reason() + ")");
  }

  std::string name_;
  int compression_;
  Handle file_;
};

// What h5py takes for bool, by its names and values, on one unsigned byte.
Handle flag_type() {
  Handle type(H5Tenum_create(H5T_STD_U8LE), H5Tclose);
  const unsigned char no = 0, yes = 1;
  H5Tenum_insert(type.get(), "FALSE", &no);
  H5Tenum_insert(type.get(), "TRUE", &yes);
  return type;
}

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("write_d4rl: ") + what);
}

void check(const Transitions& data) {
  for (const Tensor* field :
       {&data.state, &data.action, &data.reward, &data.next_state, &data.terminal, &data.timeout}) {
    require(field->defined() && field->dim() > 0, "a field is missing");
    require(field->size(0) == data.reward.size(0), "fields differ in rows");
    require(field->numel() > 0, "a field is empty");
  }
  require(data.state.dim() == 2 && data.action.dim() == 2, "states and actions are not matrices");
  require(data.next_state.sizes() == data.state.sizes(), "states and next states differ in shape");
  require(data.reward.dim() == 1 && data.terminal.dim() == 1 && data.timeout.dim() == 1,
          "rewards and flags are not vectors");
}

Tensor stored_reals(const Tensor& values, const char* key, const fs::path& file) {
  Tensor result = values.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const float* begin = result.data_ptr<float>();
  const float* end = begin + result.numel();
  const float* wrong = std::find_if(begin, end, [](float value) { return !std::isfinite(value); });
  if (wrong == end) return result;
  const std::int64_t row = (wrong - begin) / (result.numel() / result.size(0));
  throw InputError(file.string() + ": '" + key + "': expected finite numbers, found " +
                   std::to_string(*wrong) + " in row " + std::to_string(row));
}

void write_all(Output& output, const fs::path& file, const Transitions& data) {
  const std::pair<const char*, const Tensor*> reals[] = {{"actions", &data.action},
                                                         {"next_observations", &data.next_state},
                                                         {"observations", &data.state},
                                                         {"rewards", &data.reward}};
  for (const auto& [key, values] : reals) {
    output.write(key, stored_reals(*values, key, file), H5T_IEEE_F32LE, H5T_NATIVE_FLOAT);
  }
  const Handle flag = flag_type();
  const std::pair<const char*, const Tensor*> flags[] = {{"terminals", &data.terminal},
                                                         {"timeouts", &data.timeout}};
  for (const auto& [key, values] : flags) {
    const Tensor stored = values->detach().to(torch::kCPU, torch::kBool).contiguous();
    output.write(key, stored, flag.get(), flag.get());
  }
}

}  // namespace

void write_d4rl(const fs::path& file, const Transitions& data,
                const std::map<std::string, std::string>& attributes,
                const D4rlWriteOptions& options) {
  check(data);
  require(options.compression >= 0 && options.compression <= 9, "compression is not 0 to 9");
  const hdf5::QuietErrors quiet;
  try {
    write_atomically(file, [&](const fs::path& temporary) {
      Output output(temporary, file, options.compression);
      write_all(output, file, data);
      for (const auto& [key, text] : attributes) {
        require(!key.empty() && key.find('\0') == std::string::npos &&
                    text.find('\0') == std::string::npos,
                "an attribute has no name or holds a zero byte");
        output.write_attribute(key, text);
      }
      output.close();
    });
  } catch (const std::system_error& error) {
    throw InputError(error.what());
  }
}

}  // namespace labhost
