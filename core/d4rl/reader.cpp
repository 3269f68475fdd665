#include "core/d4rl/reader.hpp"

#include <limits>
#include <stdexcept>
#include <system_error>

#include "core/d4rl/flat_layout.hpp"
#include "core/d4rl/guard.hpp"
#include "core/d4rl/minari.hpp"
#include "core/d4rl/values.hpp"

namespace labhost {

namespace {

/// The layout is what the root holds: episodes alone are Minari's.
bool is_minari(const InputFile& file) {
  return !file.contains("observations") && !minari_episodes(file).empty();
}

void check(const InputFile& file, const D4rlOptions& options) {
  std::vector<std::string> left_out;
  file.text_attributes(left_out);
  if (is_minari(file)) {
    MinariLayout(file, options).check_chunks();
  } else {
    FlatLayout(file, options).check_chunks();
  }
}

/// Files of many small episodes take longer to look at, but not beyond all measure.
GuardLimits limits_for(const std::filesystem::path& path) {
  constexpr std::uintmax_t kBytesPerSecond = 10 << 20;
  GuardLimits limits;
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (!error) limits.seconds += bytes / kBytesPerSecond;
  return limits;
}

std::map<std::string, std::string> attributes_of(const InputFile& file,
                                                 std::vector<std::string>& notes) {
  std::vector<std::string> left_out;
  auto attributes = file.text_attributes(left_out);
  for (const std::string& name : left_out) {
    notes.push_back("attribute '" + name + "' is left out: it has more than a megabyte");
  }
  return attributes;
}

}  // namespace

std::string kept_text(const D4rlData& data) {
  const auto count = [](std::int64_t value) { return std::to_string(value); };
  std::string text = count(data.rows - data.dropped) + " of " + count(data.rows) + " rows kept";
  if (data.dropped == 0) return text;
  text += "; dropped: ";
  const std::int64_t without_next = data.dropped - data.unwritten;
  if (without_next > 0) {
    text += count(without_next) +
            " whose next state is not in the file (where an episode times out, and the last row)";
  }
  if (data.unwritten > 0) {
    text += (without_next > 0 ? ", " : "") + count(data.unwritten) +
            " at the end that were never written (zeros or fill values in all fields)";
  }
  return text;
}

D4rlData read_d4rl(const std::filesystem::path& path, const D4rlOptions& options) {
  if (options.state_width < 1 || options.action_width < 1 || options.horizon < 1) {
    throw std::logic_error("read_d4rl: widths and horizon must be at least 1");
  }
  const hdf5::QuietErrors quiet;
  if (options.guarded) {
    const auto look = [&] { check(InputFile(path), options); };
    look_in_child(path.string(), look, limits_for(path));
  }
  const InputFile file(path);
  D4rlData result;
  result.attributes = attributes_of(file, result.notes);
  if (is_minari(file)) {
    MinariLayout(file, options).read(result);
  } else {
    result.layout = "D4RL";
    FlatLayout(file, options).read(result);
  }
  return result;
}

D4rlOutline outline_d4rl(const std::filesystem::path& path) {
  const hdf5::QuietErrors quiet;
  const auto look = [&path] {
    const InputFile file(path);
    std::vector<std::string> left_out;
    const std::string group = is_minari(file) ? minari_episodes(file).front() + "/" : "";
    const StoredArray observations(file, group + "observations");
    require_matrix(observations, 1, std::numeric_limits<std::int64_t>::max());
    return D4rlOutline{observations.columns(), file.text_attributes(left_out)};
  };
  look_in_child(path.string(), look, limits_for(path));
  return look();
}

}  // namespace labhost
