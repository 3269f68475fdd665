// Recorded rows, played again: state and action of a row must give its next state.
//
// The excerpts in tests/data were recorded with gym's model in MuJoCo 2.2.2, ant-v2-recorded.hdf5
// with an older one, whose capsules were lighter. LABHOST_TEST_DATA names a folder with whole files
// of that layout and of these names.
#include <hdf5.h>

#include <cstdlib>
#include <filesystem>

#include "tests/envs/support.hpp"

namespace labhost::testing {

namespace {

namespace fs = std::filesystem;

/// A dataset of one or two dimensions in full, in double.
Tensor read_numbers(hid_t file, const char* name) {
  const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  REQUIRE_MESSAGE(dataset >= 0, "no ", name);
  const hid_t space = H5Dget_space(dataset);
  hsize_t sizes[2] = {0, 0};
  const int rank = H5Sget_simple_extent_dims(space, sizes, nullptr);
  REQUIRE((rank == 1 || rank == 2));
  std::vector<std::int64_t> shape(sizes, sizes + rank);
  Tensor values = torch::empty(shape, torch::kFloat64);
  REQUIRE(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data_ptr()) >=
          0);
  H5Sclose(space);
  H5Dclose(dataset);
  return values;
}

struct Replay {
  double next_states = 0;  ///< share of rows whose stored next state comes out within 1e-4
  double terminals = 0;    ///< share of rows whose terminal flag comes out
  double rewards = 0;      ///< median error of rewards
  std::int64_t ended = 0;  ///< rows with a terminal
};

/// The setting of `capsules` with which a file of this name was recorded.
std::string capsules_of(const fs::path& path) {
  return path.filename() == "ant-v2-recorded.hdf5" ? "recorded" : "current";
}

Replay replay(const fs::path& path, const std::string& capsules) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  REQUIRE_MESSAGE(file >= 0, "cannot open ", path.string());
  const Tensor state = read_numbers(file, "observations").narrow(1, 0, 27);
  const Tensor next_state = read_numbers(file, "next_observations").narrow(1, 0, 27);
  const Tensor action = read_numbers(file, "actions"), reward = read_numbers(file, "rewards");
  const Tensor terminal = read_numbers(file, "terminals").ne(0);
  H5Fclose(file);
  const std::int64_t rows = state.size(0), block = 1000;
  const auto ant = make_environment("ant", block, {{"capsules", capsules}}, 2);
  std::vector<Tensor> close, same, error;
  for (std::int64_t first = 0; first < rows; first += block) {
    const std::int64_t count = std::min(block, rows - first);
    ant->set_state(copies(count), state.narrow(0, first, count));
    const StepResult step = ant->step(copies(count), action.narrow(0, first, count));
    const Tensor far = (step.next_state - next_state.narrow(0, first, count)).abs().amax(1);
    close.push_back(far.le(1e-4));
    same.push_back(step.terminal.eq(terminal.narrow(0, first, count)));
    error.push_back((step.reward - reward.narrow(0, first, count)).abs());
  }
  const auto share = [](const std::vector<Tensor>& parts) {
    return torch::cat(parts).to(torch::kFloat64).mean().item<double>();
  };
  return {share(close), share(same), torch::cat(error).median().item<double>(),
          terminal.sum().item<std::int64_t>()};
}

void check_folder(const fs::path& folder) {
  int files = 0;
  std::int64_t ended = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".hdf5" || name.rfind("ant-", 0) != 0) continue;
    CAPTURE(entry.path().filename().string());
    const std::string capsules = capsules_of(entry.path());
    const Replay result = replay(entry.path(), capsules);
    MESSAGE(entry.path().filename().string(), ": ", 100 * result.next_states,
            " % of next states within 1e-4, rewards within ", result.rewards, " (median)");
    CHECK(result.next_states >= 0.99);
    CHECK(result.terminals >= 0.999);
    if (capsules == "current") CHECK(result.rewards < 1e-3);  // the old file pays for contacts
    const Replay other = replay(entry.path(), capsules == "current" ? "recorded" : "current");
    CHECK(other.next_states < 0.01);
    ended += result.ended;
    ++files;
  }
  CHECK(ended > 0);
  CHECK(files >= 4);
}

}  // namespace

TEST_CASE("recorded ant rows give their next states: excerpts") {
  check_folder(fs::path(LABHOST_SOURCE) / "tests/data");
}

TEST_CASE("recorded ant rows give their next states: whole files") {
  const char* folder = std::getenv("LABHOST_TEST_DATA");
  if (folder == nullptr) {
    MESSAGE("skipped: LABHOST_TEST_DATA names no folder with recorded files");
    return;
  }
  check_folder(folder);
}

}  // namespace labhost::testing
