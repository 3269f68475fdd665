#include "core/d4rl/reader.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <vector>

#include "core/d4rl/episodes.hpp"
#include "core/d4rl/guard.hpp"
#include "core/d4rl/large_tensor.hpp"
#include "core/d4rl/stored_array.hpp"

namespace labhost {

namespace {

std::string count(std::int64_t value) { return std::to_string(value); }

void require_matrix(const StoredArray& array, std::int64_t least, std::int64_t most) {
  if (array.dimensions() == 2 && array.columns() >= least && array.columns() <= most) return;
  const std::string columns = least == most ? count(least) : "at least " + count(least);
  array.fail("expected two dimensions with " + columns + " columns, found the shape " +
             array.shape_text());
}

void require_column(const StoredArray& array) {
  if (array.columns() == 1) return;
  array.fail("expected one value per row, found the shape " + array.shape_text());
}

void require_rows(const StoredArray& array, std::int64_t rows) {
  if (array.rows() == rows) return;
  array.fail("expected " + count(rows) + " rows as in 'observations', found " +
             count(array.rows()));
}

void require_reals(const StoredArray& array) {
  if (array.format().real) return;
  array.fail("expected float32 or float64, found " + array.type_text());
}

/// The datasets of one file, opened and checked against each other; nothing is read yet.
struct Layout {
  Layout(const InputFile& file, const D4rlOptions& options)
      : observations(file, "observations"),
        actions(file, "actions"),
        rewards(file, "rewards"),
        terminals(file, "terminals") {
    if (file.contains("timeouts")) timeouts.emplace(file, "timeouts");
    if (file.contains("next_observations")) next_observations.emplace(file, "next_observations");
    constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
    require_matrix(observations, options.state_width, kAny);
    require_matrix(actions, options.action_width, options.action_width);
    if (next_observations) {
      require_matrix(*next_observations, observations.columns(), observations.columns());
    }
    for (const StoredArray* array : reals()) require_reals(*array);
    require_column(rewards);
    require_column(terminals);
    if (timeouts) require_column(*timeouts);
    for (const StoredArray* array : {&actions, &rewards, &terminals}) {
      require_rows(*array, observations.rows());
    }
    if (timeouts) require_rows(*timeouts, observations.rows());
    if (next_observations) require_rows(*next_observations, observations.rows());
  }

  void check_chunks(const D4rlOptions& options) const {
    observations.check_chunks(options.state_width);
    if (next_observations) next_observations->check_chunks(options.state_width);
    actions.check_chunks(options.action_width);
    rewards.check_chunks(1);
    terminals.check_chunks(1);
    if (timeouts) timeouts->check_chunks(1);
  }

  std::vector<const StoredArray*> reals() const {
    std::vector<const StoredArray*> arrays = {&observations, &actions, &rewards};
    if (next_observations) arrays.push_back(&*next_observations);
    return arrays;
  }

  StoredArray observations, actions, rewards, terminals;
  std::optional<StoredArray> timeouts, next_observations;
};

template <typename Real>
void read_values(const StoredArray& array, std::int64_t width, Real* to) {
  array.read(width, [&](const RawBlock& block) {
    Real* target = to + block.row * width + block.column;
    const std::int64_t good = decode_reals(array.format(), block.bytes, block.stride, block.rows,
                                           block.columns, target, width);
    if (good == block.rows) return;
    const Real* row = target + good * width;
    const Real* wrong =
        std::find_if(row, row + block.columns, [](Real value) { return !std::isfinite(value); });
    array.fail("expected finite numbers, found " + std::to_string(*wrong) + " in row " +
               count(block.row + good) + ", column " + count(block.column + (wrong - row)));
  });
}

Tensor read_reals(const StoredArray& array, std::int64_t width, bool matrix) {
  Tensor values = matrix ? empty_values({array.rows(), width}) : empty_values({array.rows()});
  if (values.scalar_type() == torch::kFloat64) {
    read_values(array, width, values.data_ptr<double>());
  } else if (values.scalar_type() == torch::kFloat32) {
    read_values(array, width, values.data_ptr<float>());
  } else {
    throw std::logic_error("read_d4rl: the default floating type is neither float32 nor float64");
  }
  return values;
}

Tensor read_flags(const StoredArray& array) {
  Tensor flags = torch::empty({array.rows()}, torch::kBool);
  bool* to = flags.data_ptr<bool>();
  array.read(1, [&](const RawBlock& block) {
    for (std::int64_t i = 0; i < block.rows; ++i) {
      const double value = decode_number(array.format(), block.bytes + i * block.stride);
      if (value != 0 && value != 1) {
        array.fail("expected flags that are 0 or 1, found " + std::to_string(value) + " in row " +
                   count(block.row + i));
      }
      to[block.row + i] = value == 1;
    }
  });
  return flags;
}

void read_ends(const Layout& layout, const D4rlOptions& options, D4rlData& result) {
  Transitions& data = result.transitions;
  data.terminal = read_flags(layout.terminals);
  data.timeout = layout.timeouts ? read_flags(*layout.timeouts)
                                 : derive_timeouts(data.terminal, options.horizon);
  const StoredArray& source = layout.timeouts ? *layout.timeouts : layout.terminals;
  if (const auto begin = endless_episode(data, options.horizon)) {
    source.fail("expected episodes of at most " + count(options.horizon) +
                " steps, found one that begins in row " + count(*begin) + " and is longer");
  }
  result.partial_tail = close_last_episode(data);
}

}  // namespace

D4rlData read_d4rl(const std::filesystem::path& path, const D4rlOptions& options) {
  if (options.state_width < 1 || options.action_width < 1 || options.horizon < 1) {
    throw std::logic_error("read_d4rl: widths and horizon must be at least 1");
  }
  const hdf5::QuietErrors quiet;
  if (options.guarded) {
    look_in_child(path.string(), [&] {
      const InputFile file(path);
      file.text_attributes();
      Layout(file, options).check_chunks(options);
    });
  }
  const InputFile file(path);
  const Layout layout(file, options);
  D4rlData result;
  result.rows = layout.observations.rows();
  result.timeouts_stored = layout.timeouts.has_value();
  result.next_states_stored = layout.next_observations.has_value();
  result.attributes = file.text_attributes();
  read_ends(layout, options, result);
  Transitions& data = result.transitions;
  data.reward = read_reals(layout.rewards, 1, /*matrix=*/false);
  data.action = read_reals(layout.actions, options.action_width, /*matrix=*/true);
  data.state = read_reals(layout.observations, options.state_width, /*matrix=*/true);
  if (options.keep_record) {
    result.record = {data.reward.clone(), data.terminal.clone(), data.timeout.clone()};
  }
  if (layout.next_observations) {
    data.next_state = read_reals(*layout.next_observations, options.state_width, /*matrix=*/true);
    return result;
  }
  result.dropped = derive_next_states(data);
  if (result.dropped == result.rows) {
    layout.observations.fail(
        "expected at least two rows of one episode, found none: without "
        "'next_observations' next states are taken from the following row");
  }
  return result;
}

D4rlOutline outline_d4rl(const std::filesystem::path& path) {
  const hdf5::QuietErrors quiet;
  const auto look = [&path] {
    const InputFile file(path);
    const StoredArray observations(file, "observations");
    require_matrix(observations, 1, std::numeric_limits<std::int64_t>::max());
    return D4rlOutline{observations.columns(), file.text_attributes()};
  };
  look_in_child(path.string(), look);
  return look();
}

}  // namespace labhost
