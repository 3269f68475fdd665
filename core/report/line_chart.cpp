#include "core/report/line_chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "core/report/svg.hpp"

namespace labhost {
namespace {

using svg::format;
using svg::line;
using svg::words;

constexpr double kPanelWidth = 300, kPanelHeight = 210;
constexpr double kLeft = 60, kRight = 12, kTop = 26, kBottom = 40;  // around a panel's axes
constexpr double kHead = 62, kLegendRow = 22, kNoteRow = 18, kMargin = 16;
constexpr double kTitleShare = 1.35;  // bold and larger
constexpr std::size_t kMostColumns = 4;
constexpr int kMostTicks = 5;

struct Style {
  const char *colour, *dashes;
};
// Okabe and Ito's colours; wine in the place of yellow, which white paper swallows.
constexpr std::array<const char*, 8> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#e69f00", "#56b4e9", "#202020", "#882255"};
constexpr std::array<const char*, 4> kDashes = {"", "7 3", "2 2", "9 3 2 3"};

/// Neighbours differ in colour and in dashes; all of the first 32 differ.
Style style_of(std::size_t index) {
  const std::size_t round = index / kColours.size();
  return {kColours[index % kColours.size()], kDashes[(index + round) % kDashes.size()]};
}

std::string stroke(std::size_t index) {
  const Style style = style_of(index);
  std::string attributes = format("fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\"", style.colour);
  if (*style.dashes != '\0') attributes += format(" stroke-dasharray=\"%s\"", style.dashes);
  return attributes;
}

/// From the least to the largest of what is drawn, with some room.
struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;

  void add(const std::vector<double>& values) {
    for (const double value : values) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  void widen(double share, double least_span) {
    if (low > high) *this = {0, 1};
    double room = std::max((high - low) * share, (least_span - (high - low)) / 2);
    if (room == 0 && high == low) room = high == 0 ? 0.5 : std::abs(high) * 0.1;
    low -= room;
    high += room;
  }
  double share(double value) const { return (value - low) / (high - low); }
};

/// 1500000 as "1.5M": ticks are round numbers.
std::string tick_text(double value) {
  const double size = std::abs(value);
  if (size >= 1e6) return format("%.10gM", value / 1e6);
  if (size >= 1e3) return format("%.10gk", value / 1e3);
  return format("%.10g", value + 0.0);  // no -0
}

/// A panel's axes at a place of the picture.
class Axes {
 public:
  Axes(const ChartPanel& panel, double least_span, double left, double top)
      : left_(left + kLeft), top_(top + kTop) {
    for (const ChartLine& drawn : panel.lines) {
      x_.add(drawn.x);
      y_.add(drawn.y);
      y_.add(drawn.low);
      y_.add(drawn.high);
    }
    x_.widen(0, 0);
    y_.widen(0.05, least_span);
  }

  double x(double value) const { return left_ + x_.share(value) * width(); }
  double y(double value) const { return bottom() - y_.share(value) * height(); }
  double left() const { return left_; }
  double top() const { return top_; }
  double right() const { return left_ + width(); }
  double bottom() const { return top_ + height(); }

  std::string draw() const {
    std::string out;
    const double rise = svg::round_step(y_.high - y_.low, kMostTicks);
    for (double i = std::ceil(y_.low / rise - 1e-9); i * rise <= y_.high; ++i) {
      const double at = y(i * rise);
      out += line(left_, at, right(), at, "stroke=\"#e4e4e4\"");
      out += words(left_ - 6, at + 4, "text-anchor=\"end\" font-size=\"11\"", tick_text(i * rise));
    }
    const double step = svg::round_step(x_.high - x_.low, kMostTicks);
    for (double i = std::ceil(x_.low / step - 1e-9); i * step <= x_.high + 1e-9 * step; ++i) {
      const double at = x(i * step);
      out += line(at, bottom(), at, bottom() + 4, "stroke=\"#404040\"");
      out +=
          words(at, bottom() + 17, "text-anchor=\"middle\" font-size=\"11\"", tick_text(i * step));
    }
    out += line(left_, bottom(), right(), bottom(), "stroke=\"#404040\"");
    out += line(left_, top_, left_, bottom(), "stroke=\"#404040\"");
    return out;
  }

 private:
  static double width() { return kPanelWidth - kLeft - kRight; }
  static double height() { return kPanelHeight - kTop - kBottom; }

  double left_, top_;
  Range x_, y_;
};

/// "x,y x,y ..." of a line; with `steps` each y holds until the next x.
std::string points(const Axes& axes, const std::vector<double>& x, const std::vector<double>& y,
                   bool steps) {
  std::string out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (steps && i > 0) out += format("%.1f,%.1f ", axes.x(x[i]), axes.y(y[i - 1]));
    out += format("%.1f,%.1f ", axes.x(x[i]), axes.y(y[i]));
  }
  return out;
}

std::string band(const Axes& axes, const ChartLine& drawn, bool steps) {
  if (drawn.low.empty() || drawn.x.size() < 2) return "";
  std::vector<double> x = drawn.x, edge = drawn.low;
  std::string outline = points(axes, drawn.x, drawn.high, steps);
  std::reverse(x.begin(), x.end());
  std::reverse(edge.begin(), edge.end());
  if (steps) {  // backwards, a value holds before its x
    std::string back;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (i > 0) back += format("%.1f,%.1f ", axes.x(x[i - 1]), axes.y(edge[i]));
      back += format("%.1f,%.1f ", axes.x(x[i]), axes.y(edge[i]));
    }
    outline += back;
  } else {
    outline += points(axes, x, edge, false);
  }
  return "<polygon points=\"" + outline +
         format("\" fill=\"%s\" fill-opacity=\"0.16\"/>\n", style_of(drawn.style).colour);
}

std::string curve(const Axes& axes, const ChartLine& drawn, bool steps) {
  if (drawn.x.size() > 1) {
    return "<polyline points=\"" + points(axes, drawn.x, drawn.y, steps) + "\" " +
           stroke(drawn.style) + "/>\n";
  }
  std::string out;
  if (!drawn.low.empty()) {
    out += line(axes.x(drawn.x[0]), axes.y(drawn.low[0]), axes.x(drawn.x[0]), axes.y(drawn.high[0]),
                format("stroke=\"%s\"", style_of(drawn.style).colour));
  }
  return out + format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", axes.x(drawn.x[0]),
                      axes.y(drawn.y[0]), style_of(drawn.style).colour);
}

std::string draw_panel(const LineChart& chart, const ChartPanel& panel, double left, double top) {
  const Axes axes(panel, chart.least_span, left, top);
  std::string out = words((axes.left() + axes.right()) / 2, axes.top() - 8,
                          "text-anchor=\"middle\" font-weight=\"bold\"", panel.title);
  out += axes.draw();
  if (panel.lines.empty()) {
    out += words((axes.left() + axes.right()) / 2, (axes.top() + axes.bottom()) / 2,
                 "text-anchor=\"middle\" fill=\"#505050\"", "no runs yet");
  }
  // All bands below all lines.
  for (const ChartLine& drawn : panel.lines) out += band(axes, drawn, chart.steps);
  for (const ChartLine& drawn : panel.lines) out += curve(axes, drawn, chart.steps);
  return out + words((axes.left() + axes.right()) / 2, axes.bottom() + 33,
                     "text-anchor=\"middle\" font-size=\"12\"", chart.x_label);
}

/// Columns of a text of this size, about: a picture cannot ask for the font.
double text_width(const std::string& text) { return 7.4 * static_cast<double>(text.size()); }

/// Entries from left to right in as many rows as they need; returns the height of all.
double draw_legend(const LineChart& chart, double width, double top, std::string& out) {
  double x = kMargin, y = top;
  for (std::size_t i = 0; i < chart.legend.size(); ++i) {
    const double wide = 44 + text_width(chart.legend[i]);
    if (x > kMargin && x + wide > width - kMargin) {
      x = kMargin;
      y += kLegendRow;
    }
    out += line(x, y + 9, x + 30, y + 9, stroke(i));
    out += words(x + 36, y + 13, "", chart.legend[i]);
    x += wide + 14;
  }
  return y - top + kLegendRow;
}

}  // namespace

std::string line_chart_svg(const LineChart& chart) {
  if (chart.panels.empty()) throw std::invalid_argument("line_chart_svg: no panel");
  const std::size_t columns = std::min(chart.panels.size(), kMostColumns);
  const std::size_t rows = (chart.panels.size() + columns - 1) / columns;
  const double width = 2 * kMargin + std::max({kPanelWidth * static_cast<double>(columns), 620.0,
                                               kTitleShare * text_width(chart.title)});
  const double middle = (width - 2 * kMargin - kPanelWidth * static_cast<double>(columns)) / 2;
  std::string body = words(kMargin, 26, "font-size=\"17\" font-weight=\"bold\"", chart.title);
  body += words(kMargin, 46, "fill=\"#505050\"", chart.subtitle);
  for (std::size_t i = 0; i < chart.panels.size(); ++i) {
    const double left = kMargin + middle + kPanelWidth * static_cast<double>(i % columns);
    const double top = kHead + kPanelHeight * static_cast<double>(i / columns);
    body += draw_panel(chart, chart.panels[i], left, top);
    if (i % columns > 0) continue;
    body += format("<g transform=\"translate(%.1f %.1f) rotate(-90)\">", left + 8,
                   top + kTop + (kPanelHeight - kTop - kBottom) / 2) +
            words(0, 0, "text-anchor=\"middle\" font-size=\"12\"", chart.y_label) + "</g>\n";
  }
  double bottom = kHead + kPanelHeight * static_cast<double>(rows) + 6;
  bottom += draw_legend(chart, width, bottom, body);
  for (const std::string& note : chart.notes) {
    body += words(kMargin, bottom + 13, "fill=\"#505050\" font-size=\"12\"", note);
    bottom += kNoteRow;
  }
  return svg::begin(width, bottom + kMargin) + body + svg::kEnd;
}

}  // namespace labhost
