#include "core/report/figure.hpp"

#include <set>

#include "core/base/text.hpp"
#include "core/report/line_chart.hpp"
#include "core/report/render.hpp"
#include "core/sdk/error.hpp"

namespace labhost {
namespace {

ChartLine mean_line(const CurveSeries& series, const FigureSpec& figure, std::size_t style) {
  Band band = band_of(series, figure.smoothing);
  ChartLine drawn{style, std::move(band.x), std::move(band.mean), {}, {}};
  if (series.runs.size() < 2) return drawn;
  drawn.low = std::move(band.low);
  drawn.high = std::move(band.high);
  return drawn;
}

ChartPanel panel_of(const Table& table, const CurvePanel& panel, const FigureSpec& figure) {
  ChartPanel drawn;
  drawn.title = table.layout.full_label(panel.task);
  for (std::size_t style = 0; style < panel.series.size(); ++style) {
    const CurveSeries& series = panel.series[style];
    if (series.runs.empty()) continue;
    if (!figure.individual) {
      drawn.lines.push_back(mean_line(series, figure, style));
      continue;
    }
    for (const Curve& run : series.runs) {
      drawn.lines.push_back({style, run.x, smoothed(run.y, figure.smoothing), {}, {}});
    }
  }
  return drawn;
}

std::string subtitle_of(const Table& table, const Curves& curves) {
  std::set<std::size_t> seeds;
  for (const CurvePanel& panel : curves.panels) {
    for (const CurveSeries& series : panel.series) {
      if (!series.runs.empty()) seeds.insert(series.runs.size());
    }
  }
  std::string text = table.experiment + ", profile " + table.profile + "; ";
  if (*seeds.rbegin() == 1) {
    text += "one run each";
  } else {
    text +=
        curves.figure.individual ? "single runs of up to " : "mean and standard error over up to ";
    text += std::to_string(*seeds.rbegin()) + " seeds";
  }
  if (curves.figure.smoothing > 0) text += "; smoothing " + format_real(curves.figure.smoothing);
  return text;
}

/// Seeds that are planned but not completed, cell by cell: their curves are absent or short.
std::vector<std::string> notes_of(const Table& table) {
  constexpr std::size_t kMost = 6;
  std::vector<std::string> notes;
  for (const auto& row : table.cells) {
    for (const CellSummary& cell : row) {
      if (cell.missing_seeds.empty()) continue;
      std::string note = "not completed: " + table.layout.label(cell.column) + " on " +
                         table.layout.full_label(cell.task) +
                         (cell.missing_seeds.size() == 1 ? ", seed " : ", seeds ") +
                         seed_list(cell.missing_seeds);
      if (!cell.failed_seeds.empty()) note += " (failed: " + seed_list(cell.failed_seeds) + ")";
      notes.push_back(std::move(note));
    }
  }
  if (notes.size() <= kMost) return notes;
  const std::size_t more = notes.size() - kMost;
  notes.resize(kMost);
  notes.push_back("and " + std::to_string(more) + " more cells (labhost report " +
                  table.experiment + " names them)");
  return notes;
}

}  // namespace

std::string learning_curves_svg(const Table& table, const Curves& curves) {
  if (curves.empty()) {
    throw InputError("no run of " + table.experiment + " (profile " + table.profile +
                     ") has a metric \"" + curves.figure.y + "\" yet");
  }
  LineChart chart;
  chart.title = table.layout.title;
  chart.subtitle = subtitle_of(table, curves);
  chart.x_label = curves.x_label;
  chart.y_label = curves.y_label;
  if (curves.figure.y == "eval/score") chart.least_span = 0.1;
  for (const std::string& algorithm : table.layout.columns) {
    chart.legend.push_back(table.layout.label(algorithm));
  }
  for (const CurvePanel& panel : curves.panels) {
    chart.panels.push_back(panel_of(table, panel, curves.figure));
  }
  chart.notes = notes_of(table);
  return line_chart_svg(chart);
}

}  // namespace labhost
