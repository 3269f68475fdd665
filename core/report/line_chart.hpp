// Line charts in panels as an SVG picture: learning curves, performance profiles.
#pragma once

#include <string>
#include <vector>

namespace labhost {

struct ChartLine {
  std::size_t style = 0;          ///< index into the legend: colour and dashes
  std::vector<double> x, y;       ///< equally long; a single point is drawn as a dot
  std::vector<double> low, high;  ///< a band around y; empty: none
};

struct ChartPanel {
  std::string title;
  std::vector<ChartLine> lines;  ///< later ones lie on top
};

struct LineChart {
  std::string title, subtitle;
  std::string x_label, y_label;
  std::vector<std::string> legend;
  std::vector<ChartPanel> panels;  ///< at least one; an empty one says that it has no runs
  std::vector<std::string> notes;  ///< lines below the panels
  double least_span = 0;           ///< of a y axis: smaller differences are no news
  bool steps = false;              ///< y holds until the next x (a distribution)
};

/// A whole SVG document on a white ground. Lines are told apart by colour without seeing red or
/// green, and by dashes in print. Each panel has its own range; x counts in k and M.
std::string line_chart_svg(const LineChart& chart);

}  // namespace labhost
