#include "core/d4rl/episodes.hpp"

#include <cstring>

#include "core/d4rl/large_tensor.hpp"

namespace labhost {

namespace {

/// Contiguous rows of one tensor, as bytes.
class Rows {
 public:
  explicit Rows(const Tensor& tensor)
      : bytes_(static_cast<char*>(tensor.data_ptr())),
        size_(static_cast<std::size_t>(tensor.numel() / tensor.size(0)) * tensor.element_size()) {}

  void copy(std::int64_t to, const Rows& source, std::int64_t from) {
    if (bytes_ == source.bytes_ && to == from) return;
    std::memcpy(at(to), source.at(from), size_);
  }

 private:
  char* at(std::int64_t row) const { return bytes_ + static_cast<std::size_t>(row) * size_; }

  char* bytes_;
  std::size_t size_;
};

/// The row after a terminal one is another episode's first state. What came next is not in the
/// file: as far again as the last step went.
void extrapolate_terminal_rows(Transitions& data) {
  const Tensor row = data.terminal.nonzero().flatten();
  if (row.size(0) == 0) return;
  const Tensor before = (row - 1).clamp_min(0);
  const Tensor first = row.eq(0) | (data.terminal | data.timeout).index_select(0, before);
  const Tensor state = data.state.index_select(0, row);
  const Tensor change =
      (state - data.state.index_select(0, before)).masked_fill(first.unsqueeze(1), 0);
  data.next_state.index_copy_(0, row, state + change);
}

}  // namespace

Tensor derive_timeouts(const Tensor& terminal, std::int64_t horizon) {
  const std::int64_t rows = terminal.size(0);
  Tensor timeout = torch::empty({rows}, torch::kBool);
  const bool* ends = terminal.data_ptr<bool>();
  bool* cut = timeout.data_ptr<bool>();
  std::int64_t length = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    cut[row] = ++length == horizon;
    if (cut[row] || ends[row]) length = 0;
  }
  return timeout;
}

std::optional<std::int64_t> endless_episode(const Transitions& data, std::int64_t horizon) {
  const std::int64_t rows = data.terminal.size(0);
  const bool* ends = data.terminal.data_ptr<bool>();
  const bool* cut = data.timeout.data_ptr<bool>();
  std::int64_t begin = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    if (row - begin >= horizon) return begin;
    if (ends[row] || cut[row]) begin = row + 1;
  }
  return std::nullopt;
}

bool close_last_episode(Transitions& data) {
  const std::int64_t last = data.terminal.size(0) - 1;
  if (data.terminal.data_ptr<bool>()[last] || data.timeout.data_ptr<bool>()[last]) return false;
  data.timeout.data_ptr<bool>()[last] = true;
  return true;
}

std::int64_t derive_next_states(Transitions& data) {
  const std::int64_t rows = data.terminal.size(0);
  const bool* ends = data.terminal.data_ptr<bool>();
  bool* cut = data.timeout.data_ptr<bool>();
  const auto dropped = [cut, rows](std::int64_t row) { return cut[row] || row == rows - 1; };
  std::int64_t kept = 0;
  for (std::int64_t row = 0; row < rows; ++row) kept += dropped(row) ? 0 : 1;
  data.next_state = empty_values({kept, data.state.size(1)});
  if (kept > 0) {
    Rows state(data.state), next(data.next_state), action(data.action), reward(data.reward),
        terminal(data.terminal);
    // Rows move to the front only, so whatever is read still stands where the file had it.
    std::int64_t to = 0;
    for (std::int64_t row = 0; row + 1 < rows; ++row) {
      if (dropped(row)) continue;
      const bool last_of_episode = dropped(row + 1) && !ends[row];
      next.copy(to, state, row + 1);
      state.copy(to, state, row);
      action.copy(to, action, row);
      reward.copy(to, reward, row);
      terminal.copy(to, terminal, row);
      cut[to++] = last_of_episode;
    }
  }
  for (Tensor* field : {&data.state, &data.action, &data.reward, &data.terminal, &data.timeout}) {
    *field = field->narrow(0, 0, kept);
  }
  extrapolate_terminal_rows(data);
  return rows - kept;
}

}  // namespace labhost
