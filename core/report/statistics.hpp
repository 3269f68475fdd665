// The statistics of a table: over seeds, small samples. The standard error is the one behind SQL's
// sem(x): standard_error in core/store/functions.hpp.
#pragma once

#include <cstddef>
#include <vector>

namespace labhost {

/// REQUIRES: at least one value.
double mean(const std::vector<double>& values);

/// What Welch's test needs to know of a sample.
struct Sample {
  double mean = 0;
  double error = 0;  ///< standard error of the mean; 0 where one value is
  std::size_t count = 0;
};
/// REQUIRES: at least one value.
Sample sample_of(const std::vector<double>& values);

/// Two-sided p-value of Welch's t-test (unequal variances, degrees of freedom after Welch and
/// Satterthwaite). Two samples without variance: 1 when their means are equal, else 0.
/// REQUIRES: two values or more in each.
double welch_p_value(const Sample& a, const Sample& b);

/// Whether the means differ significantly at 5 %. REQUIRES: as welch_p_value.
bool differ(const Sample& a, const Sample& b);

/// Whether `values` count as good as `best`: the same mean, or no significant difference at 5 %. A
/// sample of one has no variance to test with and ties by its mean alone.
bool ties(const std::vector<double>& values, const std::vector<double>& best);

}  // namespace labhost
