// Learning curves from the store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/report/report.hpp"

namespace labhost {

/// The evaluations of one run, as recorded. x never falls.
struct Curve {
  std::int64_t run_id = 0, seed = 0;
  std::string status;  ///< of the run: a failed or running one ends early
  std::vector<double> x, y;
};

struct CurveSeries {
  std::string algorithm;
  std::vector<Curve> runs;  ///< with at least one evaluation each, in seed order
};

struct CurvePanel {
  std::string task;
  std::vector<CurveSeries> series;  ///< one per column of the layout, some without any run
};

struct Curves {
  std::string x_label, y_label;
  FigureSpec figure;
  std::vector<CurvePanel> panels;  ///< one per row of the layout
  bool empty() const;              ///< no evaluation at all
};

/// Reads the curves of an experiment's reported runs as `figure` asks.
Curves load_curves(Store& store, const Table& table, const FigureSpec& figure);

/// s = w s + (1 - w) y, beginning at the first value (not finite ones pass by unsmoothed).
std::vector<double> smoothed(const std::vector<double>& y, double weight);

/// Mean and standard error over runs.
struct Band {
  std::vector<double> x, mean;
  std::vector<double> low, high;  ///< mean -+ standard error; equal to the mean where one run is
};

/// Where the runs' x differ they are read off linearly between neighbours, each within its own
/// range: the mean at x is over the runs that have reached it. Smoothed first.
Band band_of(const CurveSeries& series, double smoothing);

}  // namespace labhost
