// A histogram as an SVG picture.
#pragma once

#include <string>
#include <vector>

namespace labhost {

struct Histogram {
  std::string title, subtitle;
  std::string x_label, y_label;
  std::string mark_label;      ///< what `mark` is
  std::vector<double> values;  ///< at least one
  double mark = 0;             ///< a vertical line, such as the mean
};

/// A whole SVG document of 720 x 420 pixels; the bins' width is a round number. Colours are told
/// apart without seeing red or green, on a white ground.
std::string histogram_svg(const Histogram& histogram);

}  // namespace labhost
