// Histories: the last H (observation, action) pairs of each agent, for algorithms with a memory.
// Section 3.3; Appendix A.1.
//
// N agents, B batch, H pairs, O observation, A action components (one-hot choices of discrete
// agents). A pair is the agent's observation, then its action; pairs stand oldest first, zero
// before the episode began, and never come from another episode.
#pragma once

#include "core/sdk/types.hpp"

namespace labhost {

/// Histories of a dataset's rows, gathered by index.
class LABHOST_API Histories {
 public:
  /// Holds the pairs of all rows once more, N (T + 1) (O + A) numbers, so that a batch is one
  /// gather and nothing else. Throws InputError where a history would be endless: data without any
  /// terminal or timeout.
  Histories(const TaskSpec& task, const Transitions& data, std::int64_t length);

  std::int64_t length() const { return length_; }
  std::int64_t pair_width() const { return pair_; }  ///< O + A

  /// What was known when the actions of `rows` [B] (int64) were chosen: [N, B, H, O + A].
  Tensor before(const Tensor& rows) const;
  /// The same with the rows' own pairs: what is known in their next states.
  Tensor after(const Tensor& rows) const;

  /// Appends what agents saw and did, observation [N, B, O] and joint action [B, W], to histories
  /// [N, B, H, O + A], whose oldest pairs fall out: a rollout's next histories.
  Tensor append(const Tensor& history, const Tensor& observation, const Tensor& action) const;

 private:
  /// Observations [N, B, O] and joint actions [B, W] -> [N, B, O + A]
  Tensor pairs_of(const Tensor& observation, const Tensor& action) const;
  Tensor gather(const Tensor& last, const Tensor& age) const;
  Tensor gather_by_index(const Tensor& last, const Tensor& age) const;

  TaskSpec task_;
  std::int64_t length_, agents_, pair_, last_;
  Tensor pairs_;    // [N (T + 1), O + A], each agent's last row (last_) zero
  Tensor first_;    // [N, 1, 1] each agent's first row in it
  Tensor age_;      // [T] rows since the episode's first, at most H
  Tensor offset_;   // [H]: H - 1, ..., 0
  Tensor actions_;  // [N A] into an encoded joint action with one zero column appended
};

}  // namespace labhost
