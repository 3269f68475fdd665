#include "core/report/summary.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <set>

#include "core/report/statistics.hpp"
#include "core/store/functions.hpp"

namespace labhost {
namespace {

using ByTask = std::vector<std::vector<double>>;  // scores of the seeds, task by task

constexpr int kResamples = 2000;
constexpr std::uint64_t kSeed = 20210826;  // any fixed number

/// The generator's bits are fixed by the C++ standard, those of its distributions are not.
class Resampler {
 public:
  ByTask draw(const ByTask& from) {
    ByTask drawn = from;
    for (std::size_t task = 0; task < from.size(); ++task) {
      for (double& value : drawn[task]) {
        value = from[task][((generator_() >> 32) * from[task].size()) >> 32];
      }
    }
    return drawn;
  }

 private:
  std::mt19937_64 generator_{kSeed};
};

/// Redrawing from one seed a task gives the same seeds again.
bool can_resample(const ByTask& scores) {
  return std::any_of(scores.begin(), scores.end(),
                     [](const std::vector<double>& task) { return task.size() > 1; });
}

Interval middle_95(std::vector<double> resampled) {
  std::sort(resampled.begin(), resampled.end());
  const auto at = [&resampled](double share) {
    return resampled[static_cast<std::size_t>(share * static_cast<double>(resampled.size() - 1) +
                                              0.5)];
  };
  return {at(0.025), at(0.975)};
}

Estimate estimate(const ByTask& scores, const std::function<double(const ByTask&)>& of) {
  Estimate found{of(scores), std::nullopt};
  if (!can_resample(scores)) return found;
  Resampler resampler;
  std::vector<double> resampled(kResamples);
  for (double& value : resampled) value = of(resampler.draw(scores));
  found.interval = middle_95(std::move(resampled));
  return found;
}

Estimate estimate_improvement(const ByTask& x, const ByTask& y) {
  Estimate found{improvement_of(x, y), std::nullopt};
  if (!can_resample(x) && !can_resample(y)) return found;
  Resampler resampler;
  std::vector<double> resampled(kResamples);
  for (double& value : resampled) {
    const ByTask drawn = resampler.draw(x);
    value = improvement_of(drawn, resampler.draw(y));
  }
  found.interval = middle_95(std::move(resampled));
  return found;
}

/// Scores of a column on the tasks where it has any.
ByTask scores_of(const Table& table, std::size_t column) {
  ByTask scores;
  for (const auto& row : table.cells) {
    if (!row[column].values.empty()) scores.push_back(row[column].values);
  }
  return scores;
}

std::size_t runs_in(const ByTask& scores) {
  std::size_t runs = 0;
  for (const auto& task : scores) runs += task.size();
  return runs;
}

/// The tasks on which both columns have scores.
void shared_tasks(const Table& table, std::size_t a, std::size_t b, ByTask& of_a, ByTask& of_b) {
  for (const auto& row : table.cells) {
    if (row[a].values.empty() || row[b].values.empty()) continue;
    of_a.push_back(row[a].values);
    of_b.push_back(row[b].values);
  }
}

/// Share of runs above `limit`, averaged over tasks.
double share_above(const ByTask& scores, double limit) {
  double sum = 0;
  for (const auto& task : scores) {
    const auto above =
        std::count_if(task.begin(), task.end(), [limit](double score) { return score > limit; });
    sum += static_cast<double>(above) / static_cast<double>(task.size());
  }
  return sum / static_cast<double>(scores.size());
}

ChartLine profile_line(const ByTask& scores, const std::vector<double>& limits) {
  ChartLine drawn;
  drawn.x = limits;
  Resampler resampler;
  std::vector<ByTask> resamples;
  for (int i = 0; can_resample(scores) && i < kResamples / 4; ++i) {
    resamples.push_back(resampler.draw(scores));
  }
  for (const double limit : limits) {
    drawn.y.push_back(share_above(scores, limit));
    if (resamples.empty()) continue;
    std::vector<double> shares;
    for (const ByTask& resample : resamples) shares.push_back(share_above(resample, limit));
    const Interval at = middle_95(std::move(shares));
    drawn.low.push_back(at.low);
    drawn.high.push_back(at.high);
  }
  return drawn;
}

/// Enough limits to see every step of 100 runs, from below the least score to above the largest.
std::vector<double> profile_limits(const Table& table) {
  double low = INFINITY, high = -INFINITY;
  for (const auto& row : table.cells) {
    for (const CellSummary& cell : row) {
      for (const double value : cell.values) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
    }
  }
  std::vector<double> limits;
  if (low > high) return limits;
  constexpr int kLimits = 200;
  const double room = std::max(0.05, (high - low) * 0.05);
  for (int i = 0; i <= kLimits; ++i) {
    limits.push_back(low - room + (high - low + 2 * room) * i / kLimits);
  }
  return limits;
}

}  // namespace

double interquartile_mean_of(const ByTask& by_task) {
  std::vector<double> all;
  for (const auto& task : by_task) all.insert(all.end(), task.begin(), task.end());
  return *interquartile_mean(std::move(all));
}

double improvement_of(const ByTask& x, const ByTask& y) {
  double sum = 0;
  for (std::size_t task = 0; task < x.size(); ++task) {
    double wins = 0;
    for (const double a : x[task]) {
      for (const double b : y[task]) wins += a > b ? 1 : a == b ? 0.5 : 0;
    }
    sum += wins / static_cast<double>(x[task].size() * y[task].size());
  }
  return sum / static_cast<double>(x.size());
}

Summary summarise(const Table& last, const Table& best_scores) {
  Summary summary;
  const auto& columns = last.layout.columns;
  if (columns.empty()) return summary;
  const std::size_t reference = columns.size() - 1;
  summary.reference = columns[reference];
  for (std::size_t column = 0; column < columns.size(); ++column) {
    AlgorithmSummary of;
    of.algorithm = columns[column];
    const ByTask scores = scores_of(last, column);
    of.tasks = scores.size();
    of.runs = runs_in(scores);
    if (!scores.empty()) of.last = estimate(scores, interquartile_mean_of);
    const ByTask best = scores_of(best_scores, column);
    if (!best.empty()) of.best = estimate(best, interquartile_mean_of);
    ByTask x, y;
    shared_tasks(last, reference, column, x, y);
    if (column != reference && !x.empty()) of.improvement = estimate_improvement(x, y);
    summary.algorithms.push_back(std::move(of));
  }
  return summary;
}

LineChart performance_profiles(const Table& table) {
  LineChart chart;
  chart.title = table.layout.title;
  chart.subtitle = "performance profiles over " + std::to_string(table.layout.rows.size()) +
                   " tasks (" + table.experiment + ", profile " + table.profile +
                   "), pointwise 95 % bands";
  chart.x_label = "normalised score";
  chart.y_label = "share of runs above it";
  const std::vector<double> limits = profile_limits(table);
  ChartPanel panel;
  for (std::size_t column = 0; column < table.layout.columns.size(); ++column) {
    chart.legend.push_back(table.layout.label(table.layout.columns[column]));
    const ByTask scores = scores_of(table, column);
    if (scores.empty()) continue;
    panel.lines.push_back(profile_line(scores, limits));
    panel.lines.back().style = column;
  }
  chart.panels.push_back(std::move(panel));
  return chart;
}

}  // namespace labhost
