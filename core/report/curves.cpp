#include "core/report/curves.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/report/statistics.hpp"
#include "core/report/values.hpp"
#include "core/sdk/error.hpp"
#include "core/store/functions.hpp"

namespace labhost {
namespace {

using SeriesKey = std::pair<std::string, std::string>;  // task, algorithm

/// Values of one metric by run, in the order of steps.
using Steps = std::vector<std::pair<std::int64_t, double>>;
std::map<std::int64_t, Steps> metric_by_run(Store& store, const Table& table,
                                            const std::string& name) {
  std::map<std::int64_t, Steps> found;
  const QueryResult rows = store.query(
      "SELECT m.run_id, m.step, m.value FROM experiment_run e JOIN metric m ON m.run_id = e.run_id"
      " WHERE e.experiment = ?1 AND e.profile = ?2 AND e.reported = 1 AND m.name = ?3"
      " ORDER BY m.run_id, m.step",
      {table.experiment, table.profile, name});
  for (const auto& row : rows.rows) {
    const std::optional<double> value = cell_real(row[2]);
    if (value) found[cell_integer(row[0])].emplace_back(cell_integer(row[1]), *value);
  }
  return found;
}

/// The last value that was recorded until `step`; before the first, 0: nothing yet.
double value_at(const Steps& steps, std::int64_t step) {
  const auto after = std::upper_bound(
      steps.begin(), steps.end(), step,
      [](std::int64_t wanted, const auto& recorded) { return wanted < recorded.first; });
  return after == steps.begin() ? 0 : std::prev(after)->second;
}

/// What the x axis says of a run's steps.
class Abscissa {
 public:
  Abscissa(Store& store, const Table& table, const std::string& name) : name_(name) {
    if (name == "step" || name == "progress") return;
    values_ = metric_by_run(store, table, name);
    if (!values_.empty()) return;
    throw InputError("no run of " + table.experiment + " (profile " + table.profile +
                     ") has a metric \"" + name +
                     "\" to draw along; x can be \"step\", \"progress\" or a metric's name");
  }

  double of(std::int64_t run_id, std::int64_t step, std::int64_t total_steps) const {
    if (name_ == "step") return static_cast<double>(step);
    if (name_ == "progress") {
      return 100 * static_cast<double>(step) /
             static_cast<double>(std::max<std::int64_t>(total_steps, 1));
    }
    const auto run = values_.find(run_id);
    return run == values_.end() ? NAN : value_at(run->second, step);
  }

  std::string label() const {
    if (name_ == "step") return "updates";
    if (name_ == "progress") return "training in %";
    if (name_ == "rollout/generated") return "generated transitions";
    return name_;
  }

 private:
  std::string name_;
  std::map<std::int64_t, Steps> values_;
};

/// Linear between neighbours; nothing outside of the run's range.
std::optional<double> read_off(const Curve& curve, const std::vector<double>& y, double x) {
  if (x < curve.x.front() || x > curve.x.back()) return std::nullopt;
  const auto above = std::lower_bound(curve.x.begin(), curve.x.end(), x);
  const auto i = static_cast<std::size_t>(above - curve.x.begin());
  if (*above == x || i == 0) return y[i];
  const double weight = (x - curve.x[i - 1]) / (curve.x[i] - curve.x[i - 1]);
  return y[i - 1] * (1 - weight) + y[i] * weight;
}

}  // namespace

bool Curves::empty() const {
  return std::all_of(panels.begin(), panels.end(), [](const CurvePanel& panel) {
    return std::all_of(panel.series.begin(), panel.series.end(),
                       [](const CurveSeries& series) { return series.runs.empty(); });
  });
}

Curves load_curves(Store& store, const Table& table, const FigureSpec& figure) {
  const Abscissa abscissa(store, table, figure.x);
  const auto evaluations = metric_by_run(store, table, figure.y);
  const QueryResult planned = store.query(
      "SELECT e.task, e.algorithm, e.seed, e.run_id, r.status, r.total_steps"
      " FROM experiment_run e JOIN run r ON r.id = e.run_id"
      " WHERE e.experiment = ?1 AND e.profile = ?2 AND e.reported = 1 ORDER BY e.seed",
      {table.experiment, table.profile});
  std::map<SeriesKey, std::vector<Curve>> by_series;
  for (const auto& row : planned.rows) {
    Curve curve;
    curve.seed = cell_integer(row[2]);
    curve.run_id = cell_integer(row[3]);
    curve.status = cell_text(row[4]);
    const auto found = evaluations.find(curve.run_id);
    if (found == evaluations.end()) continue;
    for (const auto& [step, value] : found->second) {
      const double x = abscissa.of(curve.run_id, step, cell_integer(row[5]));
      if (!std::isfinite(x) || !std::isfinite(value)) continue;
      curve.x.push_back(x);
      curve.y.push_back(value);
    }
    if (curve.x.empty()) continue;
    by_series[{cell_text(row[0]), cell_text(row[1])}].push_back(std::move(curve));
  }
  Curves curves;
  curves.figure = figure;
  curves.x_label = figure.x_label.empty() ? abscissa.label() : figure.x_label;
  curves.y_label = !figure.y_label.empty()    ? figure.y_label
                   : figure.y == "eval/score" ? "normalised score"
                                              : figure.y;
  for (const std::string& task : table.layout.rows) {
    CurvePanel panel{task, {}};
    for (const std::string& algorithm : table.layout.columns) {
      panel.series.push_back({algorithm, by_series[{task, algorithm}]});
    }
    curves.panels.push_back(std::move(panel));
  }
  return curves;
}

std::vector<double> smoothed(const std::vector<double>& y, double weight) {
  std::vector<double> result = y;
  for (std::size_t i = 1; i < result.size(); ++i) {
    result[i] = weight * result[i - 1] + (1 - weight) * y[i];
  }
  return result;
}

Band band_of(const CurveSeries& series, double smoothing) {
  std::set<double> all_x;
  std::vector<std::vector<double>> smooth;
  for (const Curve& curve : series.runs) {
    all_x.insert(curve.x.begin(), curve.x.end());
    smooth.push_back(smoothed(curve.y, smoothing));
  }
  Band band;
  for (const double x : all_x) {
    std::vector<double> values;
    for (std::size_t i = 0; i < series.runs.size(); ++i) {
      if (const auto y = read_off(series.runs[i], smooth[i], x)) values.push_back(*y);
    }
    const double centre = mean(values);
    const double error = standard_error(values).value_or(0);
    band.x.push_back(x);
    band.mean.push_back(centre);
    band.low.push_back(centre - error);
    band.high.push_back(centre + error);
  }
  return band;
}

}  // namespace labhost
