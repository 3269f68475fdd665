#include "core/report/statistics.hpp"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>

#include "core/store/functions.hpp"

namespace labhost {
namespace {

constexpr double kSignificance = 0.05;

/// Variance of the mean: s^2 / n.
double variance_of_mean(const std::vector<double>& values) {
  const double error = *standard_error(values);
  return error * error;
}

}  // namespace

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double welch_p_value(const std::vector<double>& a, const std::vector<double>& b) {
  const double variance_a = variance_of_mean(a);
  const double variance_b = variance_of_mean(b);
  const double variance = variance_a + variance_b;
  const double difference = mean(a) - mean(b);
  if (variance == 0) return difference == 0 ? 1 : 0;
  // Each term as a share of the whole, so that tiny variances do not underflow when squared.
  const double share_a = variance_a / variance;
  const double share_b = variance_b / variance;
  const double freedom = 1 / (share_a * share_a / static_cast<double>(a.size() - 1) +
                              share_b * share_b / static_cast<double>(b.size() - 1));
  const double t = std::abs(difference) / std::sqrt(variance);
  if (!std::isfinite(t) || !std::isfinite(freedom)) return 0;
  return 2 * cdf(complement(boost::math::students_t(freedom), t));
}

bool ties(const std::vector<double>& values, const std::vector<double>& best) {
  if (mean(values) == mean(best)) return true;
  if (values.size() < 2 || best.size() < 2) return false;
  return welch_p_value(values, best) >= kSignificance;
}

}  // namespace labhost
