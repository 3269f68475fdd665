#include "core/d4rl/input_file.hpp"

#include <array>
#include <exception>
#include <system_error>
#include <vector>

#include "core/sdk/error.hpp"

namespace labhost {

namespace fs = std::filesystem;
using hdf5::Handle;

namespace {

constexpr std::size_t kLongestText = 1 << 20;  // bytes of an attribute of fixed length

Handle read_access() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // Nothing stays open when the file is closed, whatever a damaged object left behind.
  H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG);
  // Data files do not change once they are there, and network file systems may refuse the lock.
  H5Pset_file_locking(access.get(), false, true);
  return access;
}

herr_t refuse_link(const char*, const char*, const char*, const char*, unsigned*, hid_t, void*) {
  return -1;
}

herr_t add_name(hid_t, const char* name, const H5A_info_t*, void* names) noexcept {
  try {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  } catch (const std::exception&) {
    return -1;
  }
  return 0;
}

bool is_one_value(hid_t attribute) {
  const Handle space(H5Aget_space(attribute), H5Sclose);
  return space.valid() && H5Sget_simple_extent_npoints(space.get()) == 1;
}

/// False when the text cannot be read.
bool read_variable_text(hid_t attribute, hid_t type, std::string& text) {
  const Handle memory(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(memory.get(), H5T_VARIABLE);
  H5Tset_cset(memory.get(), H5Tget_cset(type));
  char* content = nullptr;
  if (H5Aread(attribute, memory.get(), &content) < 0) return false;
  if (content != nullptr) text = content;
  H5free_memory(content);
  return true;
}

bool read_fixed_text(hid_t attribute, hid_t type, std::string& text) {
  const std::size_t size = H5Tget_size(type);
  if (size == 0 || size > kLongestText) return false;
  text.resize(size);
  if (H5Aread(attribute, type, text.data()) < 0) return false;
  text.resize(text.find('\0') == std::string::npos ? size : text.find('\0'));
  const bool padded = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
  if (padded) text.resize(text.find_last_not_of(' ') + 1);
  return true;
}

}  // namespace

InputFile::InputFile(const fs::path& path) : path_(path.string()) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw InputError(path_ + ": expected an HDF5 file, found no such file");
  if (!fs::is_regular_file(status)) {
    throw InputError(path_ + ": expected an HDF5 file, found a folder or device");
  }
  bytes_ = fs::file_size(path, error);
  if (error) throw InputError(path_ + ": cannot be read: " + error.message());
  const Handle access = read_access();
  file_ = Handle(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
  if (!file_.valid()) {
    throw InputError(path_ + ": expected a whole HDF5 file, found " + std::to_string(bytes_) +
                     " bytes that are none (" + hdf5::reason() + ")");
  }
}

bool InputFile::contains(const std::string& key) const {
  const htri_t found = H5Lexists(file_.get(), key.c_str(), H5P_DEFAULT);
  if (found < 0) fail(key, "the file's index is damaged (" + hdf5::reason() + ")");
  return found > 0;
}

Handle InputFile::open(const std::string& key) const {
  if (!contains(key)) fail(key, "expected a dataset of this name, found " + names());
  const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  H5Pset_elink_cb(access.get(), refuse_link, nullptr);
  Handle dataset(H5Dopen2(file_.get(), key.c_str(), access.get()), H5Dclose);
  if (!dataset.valid()) {
    fail(key, "expected a dataset in this file, found what HDF5 cannot open as one (" +
                  hdf5::reason() + ")");
  }
  return dataset;
}

std::map<std::string, std::string> InputFile::text_attributes() const {
  std::vector<std::string> found;
  if (H5Aiterate2(file_.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, add_name, &found) < 0) {
    throw InputError(path_ + ": its attributes cannot be read (" + hdf5::reason() + ")");
  }
  std::map<std::string, std::string> texts;
  for (const std::string& name : found) {
    const Handle attribute(H5Aopen(file_.get(), name.c_str(), H5P_DEFAULT), H5Aclose);
    const Handle type(attribute.valid() ? H5Aget_type(attribute.get()) : -1, H5Tclose);
    if (type.valid() && H5Tget_class(type.get()) != H5T_STRING) continue;
    if (type.valid() && !is_one_value(attribute.get())) continue;
    const bool variable = type.valid() && H5Tis_variable_str(type.get()) > 0;
    std::string& text = texts[name];
    if (!type.valid() || !(variable ? read_variable_text(attribute.get(), type.get(), text)
                                    : read_fixed_text(attribute.get(), type.get(), text))) {
      throw InputError(path_ + ": attribute '" + name + "': expected a text, found a damaged one");
    }
  }
  return texts;
}

void InputFile::fail(const std::string& key, const std::string& what) const {
  throw InputError(path_ + ": '" + key + "': " + what);
}

std::string InputFile::names() const {
  constexpr hsize_t kMost = 12;
  H5G_info_t group{};
  if (H5Gget_info(file_.get(), &group) < 0 || group.nlinks == 0) return "an empty file";
  std::string list;
  for (hsize_t i = 0; i < std::min(group.nlinks, kMost); ++i) {
    std::array<char, 64> name{};
    if (H5Lget_name_by_idx(file_.get(), ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(),
                           name.size(), H5P_DEFAULT) < 0) {
      break;
    }
    list += (i > 0 ? ", " : "") + std::string(name.data());
  }
  return list + (group.nlinks > kMost ? ", ..." : "");
}

}  // namespace labhost
