// Statistics over all tasks of a table, as recommended for few runs: interquartile mean, stratified
// bootstrap intervals, probability of improvement, performance profiles (Agarwal et al., 2021,
// "Deep Reinforcement Learning at the Edge of the Statistical Precipice").
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/report/line_chart.hpp"
#include "core/report/report.hpp"
#include "core/store/functions.hpp"

namespace labhost {

struct Estimate {
  double value = 0;
  /// 95 % stratified bootstrap: seeds redrawn within each task. Nothing where every task has one.
  std::optional<Interval> interval;
};

struct AlgorithmSummary {
  std::string algorithm;
  std::size_t tasks = 0, runs = 0;  ///< behind the numbers
  std::optional<Estimate> last;     ///< interquartile mean of the scores at the end
  /// The same of each run's best evaluation while it trained. Optimistic: chosen by the result,
  /// from evaluations of few episodes. Where runs have evaluated.
  std::optional<Estimate> best;
  /// P(X > Y) of a run of the reference against one of this algorithm on the same task, ties
  /// counting half, averaged over the tasks of both. Nothing for the reference itself.
  std::optional<Estimate> improvement;
};

struct Summary {
  std::string reference;  ///< the last column: the paper's own method
  std::vector<AlgorithmSummary> algorithms;
};

/// `best_scores` is of the same experiment (load_table with TableScore::kBest). For a table of
/// algorithms. The intervals come from 2000 resamples of a fixed seed: same values, same answer.
Summary summarise(const Table& last, const Table& best_scores);

/// Share of runs whose score is above x, averaged over tasks, against x; a line per algorithm with
/// its pointwise 95 % band.
LineChart performance_profiles(const Table& table);

/// Mean of the middle half over all tasks' runs. REQUIRES: a value in one of them.
double interquartile_mean_of(const std::vector<std::vector<double>>& by_task);

/// P(x > y) + P(x = y) / 2 averaged over tasks. REQUIRES: values in every task of both, in the same
/// order of tasks.
double improvement_of(const std::vector<std::vector<double>>& x,
                      const std::vector<std::vector<double>>& y);

}  // namespace labhost
