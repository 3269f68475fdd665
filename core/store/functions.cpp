#include "core/store/functions.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <new>
#include <numeric>
#include <random>
#include <utility>

#include "core/store/connection.hpp"

namespace labhost {
namespace {

constexpr int kResamples = 2000;
constexpr std::uint64_t kBootstrapSeed = 20240229;  // any fixed number

double mean_of(const double* begin, const double* end) {
  return std::accumulate(begin, end, 0.0) / static_cast<double>(end - begin);
}

/// Quantile of sorted values, linear between neighbours (numpy's default).
double quantile(const std::vector<double>& sorted, double fraction) {
  const double position = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double weight = position - static_cast<double>(below);
  return weight == 0 ? sorted[below] : sorted[below] * (1 - weight) + sorted[above] * weight;
}

using Values = std::vector<double>;

/// SQLite gives an aggregate zeroed memory; we keep a pointer to its values there.
Values** slot(sqlite3_context* context, int size) {
  return static_cast<Values**>(sqlite3_aggregate_context(context, size));
}

void add_value(sqlite3_context* context, int, sqlite3_value** arguments) {
  if (sqlite3_value_numeric_type(arguments[0]) == SQLITE_NULL) return;
  Values** values = slot(context, sizeof(Values*));
  try {
    if (values == nullptr) throw std::bad_alloc();
    if (*values == nullptr) *values = std::make_unique<Values>().release();
    (*values)->push_back(sqlite3_value_double(arguments[0]));
  } catch (const std::bad_alloc&) {
    sqlite3_result_error_nomem(context);
  }
}

template <std::optional<double> (*kFunction)(Values)>
void finish(sqlite3_context* context) {
  Values** values = slot(context, 0);
  if (values == nullptr || *values == nullptr) return;  // no value: the result stays NULL
  const std::unique_ptr<Values> owned(*values);
  try {
    const std::optional<double> result = kFunction(std::move(*owned));
    if (result) sqlite3_result_double(context, *result);
  } catch (const std::bad_alloc&) {
    sqlite3_result_error_nomem(context);
  }
}

std::optional<double> sem(Values values) { return standard_error(values); }

std::optional<double> boot_low(Values values) {
  const std::optional<Interval> interval = bootstrap_interval(std::move(values));
  return interval ? std::optional<double>(interval->low) : std::nullopt;
}

std::optional<double> boot_high(Values values) {
  const std::optional<Interval> interval = bootstrap_interval(std::move(values));
  return interval ? std::optional<double>(interval->high) : std::nullopt;
}

}  // namespace

std::optional<double> interquartile_mean(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const std::size_t cut = values.size() / 4;
  return mean_of(values.data() + cut, values.data() + values.size() - cut);
}

std::optional<double> standard_error(const std::vector<double>& values) {
  if (values.size() < 2) return std::nullopt;
  const double mean = mean_of(values.data(), values.data() + values.size());
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const auto count = static_cast<double>(values.size());
  return std::sqrt(squares / (count - 1) / count);
}

std::optional<Interval> bootstrap_interval(std::vector<double> values) {
  if (values.size() < 2) return std::nullopt;
  std::sort(values.begin(), values.end());
  // The generator's bits are fixed by the C++ standard, those of its distributions are not. The
  // upper 32 bits scaled to the size are even enough for as many values as fit in memory.
  std::mt19937_64 generator(kBootstrapSeed);
  std::vector<double> means(kResamples);
  for (double& mean : means) {
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      sum += values[((generator() >> 32) * values.size()) >> 32];
    }
    mean = sum / static_cast<double>(values.size());
  }
  std::sort(means.begin(), means.end());
  return Interval{quantile(means, 0.025), quantile(means, 0.975)};
}

void register_functions(sqlite3* db) {
  struct Aggregate {
    const char* name;
    void (*finish)(sqlite3_context*);
  };
  constexpr Aggregate kAggregates[] = {{"iqm", finish<interquartile_mean>},
                                       {"sem", finish<sem>},
                                       {"boot_lo", finish<boot_low>},
                                       {"boot_hi", finish<boot_high>}};
  for (const Aggregate& aggregate : kAggregates) {
    const int code = sqlite3_create_function_v2(
        db, aggregate.name, 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, nullptr,
        nullptr, add_value, aggregate.finish, nullptr);
    if (code != SQLITE_OK) throw_sqlite(db, code);
  }
}

}  // namespace labhost
