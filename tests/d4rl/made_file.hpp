// D4RL files made by hand: a plan of what each dataset holds and how it is stored, right or wrong.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/d4rl/hdf5.hpp"

namespace labhost::testing {

/// One dataset. `values` are converted to `type` when they are written.
struct MadeArray {
  std::vector<hsize_t> shape;
  std::vector<double> values;
  hid_t type = H5T_IEEE_F32LE;
  std::vector<hsize_t> chunk = {};
  int gzip = 0;  ///< level; 0: none
  bool shuffle = false;
  bool h5py_bool = false;                    ///< instead of `type`
  std::optional<int> filter = {};            ///< one more, by HDF5's number
  bool compact = false;                      ///< in the dataset's header
  bool written = true;                       ///< false: declared only
  bool extendible = false;                   ///< by any number of rows, as Minari's are
  std::optional<hsize_t> rows_written = {};  ///< the first ones; else all
  std::optional<double> fill = {};           ///< instead of 0, in what is not written
};

struct MadeFile {
  std::map<std::string, MadeArray> arrays;  ///< "GROUP/NAME" in a group
  std::map<std::string, std::string> attributes;
  std::map<std::string, std::int64_t> counts;  ///< attributes that are whole numbers
  bool newest_format = false;                  ///< with checksums of all that is no data

  MadeArray& operator[](const std::string& key) { return arrays[key]; }
  void write(const std::filesystem::path& file) const;
};

/// A file of `rows` rows with observations of width 4, in which observation (i, j) is 10 i + j,
/// action (i, j) is i / 100 + j, reward i is i / 2, and no row is terminal; `timeouts` lists the
/// rows that are. No next_observations.
MadeFile made_file(std::size_t rows, const std::vector<std::size_t>& timeouts);

/// numpy's float16.
hdf5::Handle made_half_type();

/// Adds next observations (i, j) = 10 i + j + 0.5.
void add_next_observations(MadeFile& made);

/// Flags of that many rows, set in those listed.
MadeArray made_flags(std::size_t rows, const std::vector<std::size_t>& set);

/// Good files of every kind that the reader knows, by name: what it must read, and what a fuzzer
/// starts from. All hold the same transitions in the same rows, but for `v0` and `derived`.
std::map<std::string, MadeFile> made_variants();

/// Episode `number` of Minari's layout, of `steps` steps: observation (i, j) is
/// 1000 number + 10 i + j, of width 4; action (i, j) is i / 8 + j, reward i is number + i / 8. It
/// ends in a termination where `number` is even, else in a truncation.
void add_episode(MadeFile& made, std::size_t number, std::size_t steps);

/// Good files of Minari's layout, by name: episodes 0, 1, 2 and 10, of 3, 1, 4 and 2 steps.
std::map<std::string, MadeFile> minari_variants();

}  // namespace labhost::testing
