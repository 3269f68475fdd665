#include "core/d4rl/input_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>

#include "core/sdk/error.hpp"

namespace labhost {

namespace fs = std::filesystem;
using hdf5::Handle;

namespace {

constexpr std::size_t kLongestText = 1 << 20;  // bytes of an attribute

Handle read_access() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // Nothing stays open when the file is closed, whatever a damaged object left behind.
  H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG);
  // Data files do not change once they are there, and network file systems may refuse the lock.
  H5Pset_file_locking(access.get(), false, true);
  return access;
}

// C code calls these two: nothing may be thrown out of them.
herr_t add_attribute(hid_t, const char* name, const H5A_info_t*, void* names) noexcept {
  try {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  } catch (const std::exception&) {
    return -1;
  }
  return 0;
}

herr_t add_link(hid_t, const char* name, const H5L_info_t*, void* names) noexcept {
  return add_attribute(-1, name, nullptr, names);
}

/// Stores, JSON and whoever reads them take UTF-8 only; files of other times hold Latin-1.
std::string as_utf8(const std::string& bytes) {
  using nlohmann::json;
  return json::parse(json(bytes).dump(-1, ' ', false, json::error_handler_t::replace))
      .get<std::string>();
}

/// "a, b, c", at most twelve.
std::string listed(std::vector<std::string> names) {
  constexpr std::size_t kMost = 12;
  std::sort(names.begin(), names.end());
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) {
    list += (i > 0 ? ", " : "") + as_utf8(names[i]);
  }
  return list + (names.size() > kMost ? ", ..." : "");
}

std::vector<std::string> links_of(hid_t group) {
  std::vector<std::string> names;
  if (H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, add_link, &names) < 0)
    names.clear();
  return names;
}

std::string parent_of(const std::string& key) {
  const std::size_t slash = key.rfind('/');
  return slash == std::string::npos ? "/" : key.substr(0, slash);
}

/// "an external link to 'rewards' of the file 'other.hdf5'".
std::string describe_link(hid_t file, const std::string& key, const H5L_info_t& link) {
  std::vector<char> value(link.u.val_size + 1, '\0');
  const char *other = nullptr, *object = nullptr;
  if (H5Lget_val(file, key.c_str(), value.data(), link.u.val_size, H5P_DEFAULT) < 0) {
    return "a damaged link";
  }
  if (link.type == H5L_TYPE_SOFT) return "a soft link to '" + as_utf8(value.data()) + "'";
  if (link.type != H5L_TYPE_EXTERNAL ||
      H5Lunpack_elink_val(value.data(), link.u.val_size, nullptr, &other, &object) < 0) {
    return "a link of an unknown kind";
  }
  return "an external link to '" + as_utf8(object) + "' of the file '" + as_utf8(other) + "'";
}

/// Where Minari keeps the data of a dataset's folder.
std::string data_below(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : {"main_data.hdf5", "data/main_data.hdf5"}) {
    if (fs::is_regular_file(folder / name, ignored)) {
      return "; the data of this one is in " + (folder / name).string();
    }
  }
  return "";
}

bool is_one_value(hid_t attribute) {
  const Handle space(H5Aget_space(attribute), H5Sclose);
  return space.valid() && H5Sget_simple_extent_npoints(space.get()) == 1;
}

enum class Text { kRead, kTooLong, kDamaged };

Text read_variable_text(hid_t attribute, hid_t type, std::string& text) {
  const Handle memory(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(memory.get(), H5T_VARIABLE);
  H5Tset_cset(memory.get(), H5Tget_cset(type));
  char* content = nullptr;
  if (H5Aread(attribute, memory.get(), &content) < 0) return Text::kDamaged;
  const std::size_t size = content == nullptr ? 0 : std::strlen(content);
  if (size <= kLongestText) text.assign(content == nullptr ? "" : content, size);
  H5free_memory(content);
  return size <= kLongestText ? Text::kRead : Text::kTooLong;
}

Text read_fixed_text(hid_t attribute, hid_t type, std::string& text) {
  const std::size_t size = H5Tget_size(type);
  if (size == 0) return Text::kDamaged;
  if (size > kLongestText) return Text::kTooLong;
  text.resize(size);
  if (H5Aread(attribute, type, text.data()) < 0) return Text::kDamaged;
  text.resize(text.find('\0') == std::string::npos ? size : text.find('\0'));
  const bool padded = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
  if (padded) text.resize(text.find_last_not_of(' ') + 1);
  return Text::kRead;
}

Text read_text(hid_t attribute, hid_t type, std::string& text) {
  return H5Tis_variable_str(type) > 0 ? read_variable_text(attribute, type, text)
                                      : read_fixed_text(attribute, type, text);
}

/// Who may read the file, for a user who may not.
std::string permissions(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return "";
  char text[80];
  std::snprintf(text, sizeof text, " (owner: user %u, mode %04o; we are user %u)", status.st_uid,
                status.st_mode & 07777U, ::geteuid());
  return text;
}

}  // namespace

InputFile::InputFile(const fs::path& path) : path_(path) {
  const std::string name = path.string();
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    throw InputError(name + ": expected an HDF5 file, found no such file");
  }
  if (!fs::status_known(status)) {
    throw InputError(name + ": expected an HDF5 file, found one that cannot be reached: " +
                     error.message() + "; check the permissions of its folders");
  }
  if (!fs::is_regular_file(status)) {
    throw InputError(name + ": expected an HDF5 file, found a folder or device" + data_below(path));
  }
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0) {
    const int reason = errno;
    throw InputError(name + ": expected a file that may be read, found: " + std::strerror(reason) +
                     permissions(path) + "; its owner can change that with `chmod a+r FILE`");
  }
  bytes_ = fs::file_size(path, error);
  if (error) throw InputError(name + ": cannot be read: " + error.message());
  const Handle access = read_access();
  file_ = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
  if (!file_.valid()) {
    throw InputError(name + ": expected a whole HDF5 file, found " + std::to_string(bytes_) +
                     " bytes that are none (" + hdf5::reason() + ")");
  }
}

bool InputFile::contains(const std::string& key) const {
  const htri_t found = H5Lexists(file_.get(), key.c_str(), H5P_DEFAULT);
  if (found >= 0) return found > 0;
  const std::string why = hdf5::reason();
  const Handle parent(H5Oopen(file_.get(), parent_of(key).c_str(), H5P_DEFAULT), H5Oclose);
  if (parent.valid() && H5Iget_type(parent.get()) != H5I_GROUP) {
    fail(parent_of(key), "expected a group, found a dataset or a named type");
  }
  fail(key, "the file's index is damaged (" + why + ")");
}

void InputFile::fail_as_missing(const std::string& key) const {
  const Handle parent(H5Oopen(file_.get(), parent_of(key).c_str(), H5P_DEFAULT), H5Oclose);
  const std::string found = listed(links_of(parent.get()));
  const std::string nothing = parent_of(key) == "/" ? "an empty file" : "an empty group";
  fail(key, "expected a dataset of this name, found " + (found.empty() ? nothing : found));
}

// Every part of the path is looked at, so that nothing below is reached through a link.
void InputFile::refuse_links(const std::string& key) const {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = key.find('/', end + 1);
    const std::string part = key.substr(0, end);
    H5L_info_t link{};
    if (H5Lget_info(file_.get(), part.c_str(), &link, H5P_DEFAULT) < 0) {
      const std::string why = hdf5::reason();
      if (!contains(part)) fail_as_missing(part);
      fail(part, "the file's index is damaged (" + why + ")");
    }
    if (link.type == H5L_TYPE_HARD) continue;
    fail(part, "expected a dataset in this file, found " + describe_link(file_.get(), part, link) +
                   ", which is not followed; this makes a file that holds the data itself: " +
                   rewriting_command(key));
  }
}

void InputFile::fail_as_group(const std::string& key, hid_t group) const {
  const std::string parts = listed(links_of(group));
  fail(key, "expected a dataset in this file, found a group" +
                (parts.empty() ? ", an empty one" : " of " + parts) +
                " (a Dict or Tuple space in Minari); only one array of numbers is read, so write "
                "the parts side by side, one row per step, into one dataset of this name");
}

Handle InputFile::open(const std::string& key) const {
  refuse_links(key);
  Handle object(H5Oopen(file_.get(), key.c_str(), H5P_DEFAULT), H5Oclose);
  const std::string why = object.valid() ? "a named type" : hdf5::reason();
  const H5I_type_t kind = object.valid() ? H5Iget_type(object.get()) : H5I_BADID;
  if (kind == H5I_GROUP) fail_as_group(key, object.get());
  if (kind == H5I_DATASET) return object;
  fail(key, "expected a dataset in this file, found what HDF5 cannot open as one (" + why + ")");
}

std::vector<std::string> InputFile::names() const { return links_of(file_.get()); }

std::map<std::string, std::string> InputFile::text_attributes(
    std::vector<std::string>& left_out) const {
  std::vector<std::string> found;
  if (H5Aiterate2(file_.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, add_attribute, &found) < 0) {
    throw InputError(path_.string() + ": its attributes cannot be read (" + hdf5::reason() + ")");
  }
  std::map<std::string, std::string> texts;
  for (const std::string& raw : found) {
    const std::string name = as_utf8(raw);
    const Handle attribute(H5Aopen(file_.get(), raw.c_str(), H5P_DEFAULT), H5Aclose);
    const Handle type(attribute.valid() ? H5Aget_type(attribute.get()) : -1, H5Tclose);
    if (type.valid() && H5Tget_class(type.get()) != H5T_STRING) continue;
    if (type.valid() && !is_one_value(attribute.get())) continue;
    std::string text;
    const Text outcome =
        type.valid() ? read_text(attribute.get(), type.get(), text) : Text::kDamaged;
    if (outcome == Text::kDamaged) {
      throw InputError(path_.string() + ": attribute '" + name +
                       "': expected a text, found a damaged one");
    }
    if (outcome == Text::kTooLong) {
      left_out.push_back(name);
    } else {
      texts[name] = as_utf8(text);
    }
  }
  return texts;
}

std::optional<std::int64_t> InputFile::integer_attribute(const std::string& name) const {
  if (H5Aexists(file_.get(), name.c_str()) <= 0) return std::nullopt;
  const Handle attribute(H5Aopen(file_.get(), name.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle type(attribute.valid() ? H5Aget_type(attribute.get()) : -1, H5Tclose);
  if (!type.valid() || H5Tget_class(type.get()) != H5T_INTEGER || !is_one_value(attribute.get())) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  if (H5Aread(attribute.get(), H5T_NATIVE_INT64, &value) < 0) return std::nullopt;
  return value;
}

void InputFile::fail(const std::string& key, const std::string& what) const {
  throw InputError(path_.string() + ": '" + key + "': " + what);
}

// With h5py, which reads through links and knows filters that HDF5 itself lacks. h5repack leaves an
// empty file where it lacks one.
std::string rewriting_command(const std::string& key) {
  const std::string begin =
      "python3 -c \"import h5py; a = h5py.File('FILE'); b = h5py.File('NEW_FILE', 'w'); "
      "b.attrs.update(a.attrs); ";
  if (key.find('/') != std::string::npos || key.rfind("episode_", 0) == 0) {
    return begin +
           "[b.create_dataset(e + '/' + k, data=a[e][k][()]) for e in a for k in ('observations', "
           "'actions', 'rewards', 'terminations', 'truncations')]\"";
  }
  return begin +
         "[b.create_dataset(k, data=a[k][()]) for k in ('observations', 'actions', 'rewards', "
         "'terminals', 'timeouts', 'next_observations') if k in a]\"";
}

}  // namespace labhost
