#include "core/report/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/report/svg.hpp"

namespace labhost {

namespace {

constexpr double kWidth = 720, kHeight = 420;
constexpr double kLeft = 70, kRight = 690, kTop = 70, kBottom = 360;
constexpr int kMostBins = 40, kMostTicks = 8;
// Okabe and Ito's blue and vermilion.
constexpr const char kBar[] = "#0072b2", kMark[] = "#d55e00";

using svg::format;
using svg::line;
using svg::round_step;
using svg::words;

/// Values sorted into bins of `step` that begin at a multiple of it.
struct Bins {
  explicit Bins(const std::vector<double>& values) {
    const auto [least, largest] = std::minmax_element(values.begin(), values.end());
    const double span = *largest > *least ? *largest - *least : 1;
    step = round_step(span, kMostBins);
    first = std::floor(*least / step);
    const double last = std::floor(*largest / step);
    counts.resize(static_cast<std::size_t>(last - first) + 1);
    for (const double value : values) {
      ++counts[static_cast<std::size_t>(std::floor(value / step) - first)];
    }
    highest = *std::max_element(counts.begin(), counts.end());
  }
  double begin() const { return first * step; }
  double end() const { return (first + static_cast<double>(counts.size())) * step; }
  double x(double value) const {
    return kLeft + (value - begin()) / (end() - begin()) * (kRight - kLeft);
  }

  double step = 1, first = 0;  // `first` in steps
  std::vector<int> counts;
  int highest = 0;
};

double y_of(double count, double top) { return kBottom - count / top * (kBottom - kTop); }

std::string axes(const Bins& bins, double top) {
  std::string out;
  const double rise = std::max(1.0, round_step(top, kMostTicks));
  for (double count = 0; count <= top; count += rise) {
    const double y = y_of(count, top);
    if (count > 0) out += line(kLeft, y, kRight, y, "stroke=\"#e0e0e0\"");
    out += words(kLeft - 8, y + 4, "text-anchor=\"end\"", format("%.0f", count));
  }
  const double tick = round_step(bins.end() - bins.begin(), kMostTicks);
  for (double i = std::ceil(bins.begin() / tick - 1e-9); i * tick <= bins.end() + 1e-9 * tick;
       ++i) {
    const double x = bins.x(i * tick);
    out += line(x, kBottom, x, kBottom + 5, "stroke=\"#404040\"");
    out +=
        words(x, kBottom + 20, "text-anchor=\"middle\"", format("%.10g", i * tick + 0.0));  // no -0
  }
  return out;
}

std::string bars(const Bins& bins, double top) {
  std::string out;
  for (std::size_t i = 0; i < bins.counts.size(); ++i) {
    if (bins.counts[i] == 0) continue;
    const double from = (bins.first + static_cast<double>(i)) * bins.step;
    const double y = y_of(bins.counts[i], top);
    out += format(
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\">"
        "<title>%.10g to %.10g: %d</title></rect>\n",
        bins.x(from) + 0.5, y, std::max(1.0, bins.x(from + bins.step) - bins.x(from) - 1),
        kBottom - y, kBar, from, from + bins.step, bins.counts[i]);
  }
  return out;
}

}  // namespace

std::string histogram_svg(const Histogram& histogram) {
  if (histogram.values.empty()) throw std::invalid_argument("histogram_svg: no values");
  const Bins bins(histogram.values);
  const double top = bins.highest * 1.05;
  std::string out = svg::begin(kWidth, kHeight);
  out += words(kLeft, 26, "font-size=\"17\" font-weight=\"bold\"", histogram.title);
  out += words(kLeft, 46, "fill=\"#505050\"", histogram.subtitle);
  out += axes(bins, top) + bars(bins, top);
  out += line(kLeft, kBottom, kRight, kBottom, "stroke=\"#404040\"");
  const double x = bins.x(histogram.mark);
  out += line(x, kTop, x, kBottom,
              format("stroke=\"%s\" stroke-width=\"2\" stroke-dasharray=\"6 4\"", kMark));
  const bool right = x < (kLeft + kRight) / 2;
  out += words(x + (right ? 6 : -6), kTop - 6,
               format("text-anchor=\"%s\" fill=\"%s\"", right ? "start" : "end", kMark),
               histogram.mark_label);
  out += words((kLeft + kRight) / 2, kBottom + 44, "text-anchor=\"middle\"", histogram.x_label);
  out += format("<g transform=\"translate(22 %.0f) rotate(-90)\">", (kTop + kBottom) / 2) +
         words(0, 0, "text-anchor=\"middle\"", histogram.y_label) + "</g>\n";
  return out + svg::kEnd;
}

}  // namespace labhost
