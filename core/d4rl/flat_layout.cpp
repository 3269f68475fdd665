#include "core/d4rl/flat_layout.hpp"

#include <algorithm>
#include <limits>

#include "core/d4rl/episodes.hpp"
#include "core/d4rl/values.hpp"

namespace labhost {

namespace {

std::string count(std::int64_t value) { return std::to_string(value); }

/// Behind the last row in which a flag is set.
std::int64_t behind_last(const Tensor& flags) {
  std::int64_t row = flags.size(0);
  while (row > 0 && !flags.data_ptr<bool>()[row - 1]) --row;
  return row;
}

}  // namespace

FlatLayout::FlatLayout(const InputFile& file, const D4rlOptions& options)
    : options_(options),
      observations_(file, "observations"),
      actions_(file, "actions"),
      rewards_(file, "rewards"),
      terminals_(file, "terminals") {
  if (file.contains("timeouts")) timeouts_.emplace(file, "timeouts");
  if (file.contains("next_observations")) next_observations_.emplace(file, "next_observations");
  require_matrix(observations_, options.state_width, std::numeric_limits<std::int64_t>::max());
  require_matrix(actions_, options.action_width, options.action_width);
  if (next_observations_) {
    require_matrix(*next_observations_, observations_.columns(), observations_.columns());
  }
  require_column(rewards_);
  require_column(terminals_);
  if (timeouts_) require_column(*timeouts_);
  for (const StoredArray* array : arrays()) {
    if (array->rows() == observations_.rows()) continue;
    array->fail("expected " + count(observations_.rows()) + " rows as in 'observations', found " +
                count(array->rows()));
  }
}

std::vector<const StoredArray*> FlatLayout::arrays() const {
  std::vector<const StoredArray*> all = {&observations_, &actions_, &rewards_, &terminals_};
  if (timeouts_) all.push_back(&*timeouts_);
  if (next_observations_) all.push_back(&*next_observations_);
  return all;
}

void FlatLayout::check_chunks() const {
  observations_.check_chunks(options_.state_width);
  if (next_observations_) next_observations_->check_chunks(options_.state_width);
  actions_.check_chunks(options_.action_width);
  for (const StoredArray* array : {&rewards_, &terminals_}) array->check_chunks(1);
  if (timeouts_) timeouts_->check_chunks(1);
}

// Files that were made for more rows than came end in rows of zeros, or of the fill value, in all
// fields at once. A row that is in doubt after the flags and the rewards is looked at further; in
// other files that is none, or a few.
std::int64_t FlatLayout::read_fields(Transitions& data) const {
  std::int64_t rows = 0;
  for (const StoredArray* array : arrays()) rows = std::max(rows, array->written_rows());
  if (rows == 0) observations_.fail("expected rows, found none that was ever written");
  data.terminal = read_flags(terminals_, rows);
  std::int64_t end = behind_last(data.terminal);
  if (timeouts_) {
    data.timeout = read_flags(*timeouts_, rows);
    end = std::max(end, behind_last(data.timeout));
  }
  const auto read = [&](const StoredArray& array, std::int64_t columns) {
    const Extent extent{rows, end};
    Tensor values = read_reals(array, extent, columns);
    end = blank_from(array, values, end);
    return values;
  };
  data.reward = read(rewards_, 0);
  data.action = read(actions_, options_.action_width);
  data.state = read(observations_, options_.state_width);
  if (next_observations_) data.next_state = read(*next_observations_, options_.state_width);
  return end;
}

void FlatLayout::drop_unwritten(std::int64_t kept, D4rlData& result) const {
  Transitions& data = result.transitions;
  if (kept == 0) {
    observations_.fail("expected rows that were written, found " + count(observations_.rows()) +
                       " that hold nothing but zeros or the fill value in all fields");
  }
  for (const StoredArray* array : arrays()) {
    if (!never_written(*array, kept)) continue;
    result.notes.push_back("'" + array->key() + "' was never written: all of it is read as " +
                           number_text(array->fill_value().value_or(0)) + ", its fill value");
  }
  const Extent counted{kept, behind_last(data.terminal)};
  require_finite(rewards_, data.reward, counted);
  require_finite(actions_, data.action, counted);
  require_finite(observations_, data.state, counted);
  if (next_observations_) require_finite(*next_observations_, data.next_state, counted);
  result.unwritten = observations_.rows() - kept;
  for (Tensor* field :
       {&data.state, &data.action, &data.reward, &data.next_state, &data.terminal, &data.timeout}) {
    if (field->defined() && field->size(0) > kept) *field = field->narrow(0, 0, kept);
  }
}

void FlatLayout::read_ends(D4rlData& result) const {
  Transitions& data = result.transitions;
  if (!timeouts_) data.timeout = derive_timeouts(data.terminal, options_.horizon);
  const std::string horizon = count(options_.horizon);
  if (const auto begin = endless_episode(data, options_.horizon)) {
    const StoredArray& source = timeouts_ ? *timeouts_ : terminals_;
    source.fail(
        "expected episodes of at most " + horizon + " steps, found one that begins in row " +
        count(*begin) +
        " and is longer. Where the task has longer episodes, set its environment's `horizon` "
        "(labhost datasets: --env NAME --set horizon=N). Where timeouts are missing, they can be "
        "derived: in a copy of the file without 'timeouts', every " +
        horizon +
        "th row of an episode gets one; this takes them out: "
        "python3 -c \"import h5py; del h5py.File('COPY', 'r+')['timeouts']\"");
  }
  result.partial_tail = close_last_episode(data);
}

void FlatLayout::read(D4rlData& result) const {
  Transitions& data = result.transitions;
  result.rows = observations_.rows();
  result.timeouts_stored = timeouts_.has_value();
  result.next_states_stored = next_observations_.has_value();
  drop_unwritten(read_fields(data), result);
  read_ends(result);
  if (options_.keep_record) {
    result.record = {data.reward.clone(), data.terminal.clone(), data.timeout.clone()};
  }
  result.dropped = result.unwritten;
  if (next_observations_) return;
  result.dropped += derive_next_states(data);
  if (result.dropped == result.rows) {
    observations_.fail(
        "expected at least two rows of one episode, found none: without "
        "'next_observations' next states are taken from the following row");
  }
}

}  // namespace labhost
