#include "tests/d4rl/made_file.hpp"

#include <algorithm>
#include <stdexcept>

namespace labhost::testing {

using hdf5::Handle;

namespace {

void require(bool ok, const std::string& what) {
  if (!ok) throw std::runtime_error("cannot make the test file: " + what);
}

Handle h5py_bool_type() {
  Handle type(H5Tenum_create(H5T_STD_I8LE), H5Tclose);
  const signed char no = 0, yes = 1;
  H5Tenum_insert(type.get(), "FALSE", &no);
  H5Tenum_insert(type.get(), "TRUE", &yes);
  return type;
}

Handle creation_of(const MadeArray& array) {
  Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation.get(), false);
  if (array.compact) H5Pset_layout(creation.get(), H5D_COMPACT);
  if (!array.chunk.empty()) {
    H5Pset_chunk(creation.get(), static_cast<int>(array.chunk.size()), array.chunk.data());
  }
  if (array.shuffle) H5Pset_shuffle(creation.get());
  if (array.gzip > 0) H5Pset_deflate(creation.get(), static_cast<unsigned>(array.gzip));
  if (array.filter) {
    const unsigned value = 4;
    // Optional: what HDF5 does not have it leaves out, but the header names it.
    require(H5Pset_filter(creation.get(), *array.filter, H5Z_FLAG_OPTIONAL, 1, &value) >= 0,
            "filter");
  }
  if (array.fill) {
    require(H5Pset_fill_value(creation.get(), H5T_NATIVE_DOUBLE, &*array.fill) >= 0, "fill value");
  }
  return creation;
}

void write_first_rows(hid_t dataset, const MadeArray& array) {
  std::vector<hsize_t> count = array.shape;
  count[0] = *array.rows_written;
  const std::vector<hsize_t> begin(count.size(), 0);
  const Handle space(H5Dget_space(dataset), H5Sclose);
  const Handle memory(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr),
                      H5Sclose);
  H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, begin.data(), nullptr, count.data(), nullptr);
  require(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, memory.get(), space.get(), H5P_DEFAULT,
                   array.values.data()) >= 0,
          "first rows");
}

void write_values(hid_t dataset, const MadeArray& array) {
  if (array.rows_written) return write_first_rows(dataset, array);
  if (!array.h5py_bool) {
    require(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                     array.values.data()) >= 0,
            "values");
    return;
  }
  const std::vector<signed char> flags(array.values.begin(), array.values.end());
  const Handle type = h5py_bool_type();
  require(H5Dwrite(dataset, type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, flags.data()) >= 0, "flags");
}

void write_array(hid_t file, const std::string& key, const MadeArray& array) {
  std::vector<hsize_t> most = array.shape;
  if (array.extendible) most[0] = H5S_UNLIMITED;
  const Handle space(
      H5Screate_simple(static_cast<int>(array.shape.size()), array.shape.data(), most.data()),
      H5Sclose);
  const Handle creation = creation_of(array), boolean = h5py_bool_type();
  const hid_t type = array.h5py_bool ? boolean.get() : array.type;
  const Handle groups(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(groups.get(), 1);
  const Handle dataset(
      H5Dcreate2(file, key.c_str(), type, space.get(), groups.get(), creation.get(), H5P_DEFAULT),
      H5Dclose);
  require(dataset.valid(), key);
  if (array.written && !array.values.empty()) write_values(dataset.get(), array);
}

void write_attribute(hid_t file, const std::string& key, const std::string& text) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), text.size() + 1);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(
      H5Acreate2(file, key.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  require(H5Awrite(attribute.get(), type.get(), text.c_str()) >= 0, key);
}

void write_count(hid_t file, const std::string& key, std::int64_t value) {
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(
      H5Acreate2(file, key.c_str(), H5T_STD_I64LE, space.get(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  require(H5Awrite(attribute.get(), H5T_NATIVE_INT64, &value) >= 0, key);
}

MadeArray made_matrix(std::size_t rows, std::size_t columns,
                      const std::function<double(double, double)>& value) {
  MadeArray array;
  array.shape = {rows, columns};
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      array.values.push_back(value(static_cast<double>(i), static_cast<double>(j)));
    }
  }
  return array;
}

void for_all(MadeFile& made, const std::function<void(MadeArray&)>& change) {
  for (auto& [key, array] : made.arrays) change(array);
}

void for_flags(MadeFile& made, const std::function<void(MadeArray&)>& change) {
  change(made["terminals"]);
  change(made["timeouts"]);
}

}  // namespace

void MadeFile::write(const std::filesystem::path& path) const {
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  if (newest_format) H5Pset_libver_bounds(access.get(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose);
  require(file.valid(), path.string());
  for (const auto& [key, array] : arrays) write_array(file.get(), key, array);
  for (const auto& [key, text] : attributes) write_attribute(file.get(), key, text);
  for (const auto& [key, value] : counts) write_count(file.get(), key, value);
}

MadeArray made_flags(std::size_t rows, const std::vector<std::size_t>& set) {
  MadeArray flags;
  flags.shape = {rows};
  flags.type = H5T_STD_U8LE;
  flags.values.assign(rows, 0);
  for (const std::size_t row : set) flags.values[row] = 1;
  return flags;
}

MadeFile made_file(std::size_t rows, const std::vector<std::size_t>& timeouts) {
  MadeFile made;
  made["observations"] = made_matrix(rows, 4, [](double i, double j) { return 10 * i + j; });
  made["actions"] = made_matrix(rows, 2, [](double i, double j) { return i / 100 + j; });
  made["rewards"] = made_matrix(rows, 1, [](double i, double) { return i / 2; });
  made["rewards"].shape = {rows};
  made["terminals"] = made_flags(rows, {});
  made["timeouts"] = made_flags(rows, timeouts);
  return made;
}

Handle made_half_type() {
  Handle type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
  H5Tset_fields(type.get(), 15, 10, 5, 0, 10);
  H5Tset_size(type.get(), 2);
  H5Tset_ebias(type.get(), 15);
  return type;
}

void add_next_observations(MadeFile& made) {
  MadeArray next = made["observations"];
  for (double& value : next.values) value += 0.5;
  made["next_observations"] = next;
}

std::map<std::string, MadeFile> made_variants() {
  MadeFile plain = made_file(12, {3, 11});
  plain["terminals"] = made_flags(12, {7});
  add_next_observations(plain);
  std::map<std::string, MadeFile> variants = {{"contiguous", plain}};
  const auto add = [&](const std::string& name) -> MadeFile& { return variants[name] = plain; };

  for_all(add("compact"), [](MadeArray& array) { array.compact = true; });
  for_all(add("chunked"), [](MadeArray& array) {
    array.chunk = {5};  // chunks that overhang the last row, and in width 4 the last column
    if (array.shape.size() > 1) array.chunk.push_back(std::min<hsize_t>(3, array.shape[1]));
  });
  variants["gzip"] = variants["chunked"];
  for_all(variants["gzip"], [](MadeArray& array) { array.gzip = 4; });
  variants["shuffled"] = variants["gzip"];
  for_all(variants["shuffled"], [](MadeArray& array) { array.shuffle = true; });
  variants["shuffle-only"] = variants["chunked"];
  for_all(variants["shuffle-only"], [](MadeArray& array) { array.shuffle = true; });
  variants["large-chunks"] = variants["gzip"];
  for_all(variants["large-chunks"], [](MadeArray& array) { array.chunk = array.shape; });
  for_all(add("float64"), [](MadeArray& array) {
    if (array.type == H5T_IEEE_F32LE) array.type = H5T_IEEE_F64LE;
  });
  for_all(add("big-endian"), [](MadeArray& array) {
    if (array.type == H5T_IEEE_F32LE) array.type = H5T_IEEE_F64BE;
    if (array.type == H5T_STD_U8LE) array.type = H5T_STD_I32BE;
  });
  for_flags(add("h5py-bool"), [](MadeArray& array) { array.h5py_bool = true; });
  for_flags(add("integer-flags"), [](MadeArray& array) { array.type = H5T_STD_I64LE; });
  for_flags(add("real-flags"), [](MadeArray& array) { array.type = H5T_IEEE_F32LE; });
  MadeFile& columns = add("columns");
  for (const char* key : {"rewards", "terminals", "timeouts"}) columns[key].shape = {12, 1};
  add("attributes").attributes = {{"algorithm", "SAC"}, {"note", ""}};
  variants["newest-format"] = variants["gzip"];
  variants["newest-format"].newest_format = true;
  add("v0").arrays.erase("timeouts");
  add("derived").arrays.erase("next_observations");
  return variants;
}

void add_episode(MadeFile& made, std::size_t number, std::size_t steps) {
  const std::string group = "episode_" + std::to_string(number) + "/";
  const auto base = static_cast<double>(number);
  made[group + "observations"] =
      made_matrix(steps + 1, 4, [base](double i, double j) { return 1000 * base + 10 * i + j; });
  made[group + "actions"] = made_matrix(steps, 2, [](double i, double j) { return i / 8 + j; });
  made[group + "rewards"] =
      made_matrix(steps, 1, [base](double i, double) { return base + i / 8; });
  made[group + "rewards"].shape = {steps};
  const std::vector<std::size_t> last = {steps - 1}, none;
  made[group + "terminations"] = made_flags(steps, number % 2 == 0 ? last : none);
  made[group + "truncations"] = made_flags(steps, number % 2 == 0 ? none : last);
}

std::map<std::string, MadeFile> minari_variants() {
  MadeFile plain;
  const std::pair<std::size_t, std::size_t> episodes[] = {{0, 3}, {1, 1}, {2, 4}, {10, 2}};
  for (const auto& [number, steps] : episodes) add_episode(plain, number, steps);
  std::map<std::string, MadeFile> variants = {{"minari", plain}};
  MadeFile& chunked = variants["minari-chunked"] = plain;  // as Minari writes it
  for_all(chunked, [](MadeArray& array) {
    array.extendible = true;
    array.chunk = {3};
    if (array.shape.size() > 1) array.chunk.push_back(2);
    if (array.type == H5T_IEEE_F32LE) array.type = H5T_IEEE_F64LE;
    array.h5py_bool = array.type == H5T_STD_U8LE;
  });
  chunked.newest_format = true;
  chunked.counts = {{"total_episodes", 4}, {"total_steps", 10}};
  return variants;
}

}  // namespace labhost::testing
