#include "core/report/statistics.hpp"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>

#include "core/store/functions.hpp"

namespace labhost {
namespace {

constexpr double kSignificance = 0.05;

}  // namespace

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Sample sample_of(const std::vector<double>& values) {
  return {mean(values), standard_error(values).value_or(0), values.size()};
}

double welch_p_value(const Sample& a, const Sample& b) {
  const double variance_a = a.error * a.error;
  const double variance_b = b.error * b.error;
  const double variance = variance_a + variance_b;
  const double difference = a.mean - b.mean;
  if (variance == 0) return difference == 0 ? 1 : 0;
  // Each term as a share of the whole, so that tiny variances do not underflow when squared.
  const double share_a = variance_a / variance;
  const double share_b = variance_b / variance;
  const double freedom = 1 / (share_a * share_a / static_cast<double>(a.count - 1) +
                              share_b * share_b / static_cast<double>(b.count - 1));
  const double t = std::abs(difference) / std::sqrt(variance);
  if (!std::isfinite(t) || !std::isfinite(freedom)) return 0;
  return 2 * cdf(complement(boost::math::students_t(freedom), t));
}

bool differ(const Sample& a, const Sample& b) { return welch_p_value(a, b) < kSignificance; }

bool ties(const std::vector<double>& values, const std::vector<double>& best) {
  if (mean(values) == mean(best)) return true;
  if (values.size() < 2 || best.size() < 2) return false;
  return !differ(sample_of(values), sample_of(best));
}

}  // namespace labhost
