// Aggregate functions for queries. Internal to core/store.
#pragma once

#include <sqlite3.h>

#include <optional>
#include <vector>

namespace labhost {

/// Mean of the middle half: the floor(n / 4) smallest and as many largest values are left out, as
/// rliable does (scipy.stats.trim_mean with 0.25). Nothing for no values.
std::optional<double> interquartile_mean(std::vector<double> values);

/// Sample standard deviation (n - 1) / sqrt(n). Nothing below two values.
std::optional<double> standard_error(const std::vector<double>& values);

struct Interval {
  double low, high;
};

/// 95 % percentile bootstrap interval of the mean: 2,000 resamples from a fixed seed, so the answer
/// depends on the values alone, not on their order. Nothing below two values.
std::optional<Interval> bootstrap_interval(std::vector<double> values);

/// Makes iqm(x), sem(x), boot_lo(x), boot_hi(x) available on a connection. NULLs are ignored; too
/// few values give NULL.
void register_functions(sqlite3* db);

}  // namespace labhost
