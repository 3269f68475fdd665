#include "core/d4rl/values.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <stdexcept>

#include "core/d4rl/large_tensor.hpp"

namespace labhost {

namespace {

/// What float32 cannot hold is infinite there.
template <typename Real>
bool is_finite_as(double value) {
  return std::abs(value) <= static_cast<double>(std::numeric_limits<Real>::max());
}

template <typename Real>
Real as_real(double value) {
  if (is_finite_as<Real>(value) || std::isnan(value)) return static_cast<Real>(value);
  return std::copysign(std::numeric_limits<Real>::infinity(),
                       static_cast<Real>(value < 0 ? -1 : 1));
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

double required_fill(const StoredArray& array) {
  const std::optional<double> fill = array.fill_value();
  if (fill) return *fill;
  array.fail(
      "expected values, found rows that were never written and no fill value that would stand for "
      "them");
}

std::string place(std::int64_t row, std::int64_t column) {
  return " in row " + std::to_string(row) + ", column " + std::to_string(column);
}

/// A row of a block that holds a value which is not finite as a Real: refused, unless it is `fill`.
template <typename Real>
void judge_row(const StoredArray& array, const RawBlock& block, std::int64_t row,
               const std::optional<double>& fill) {
  const unsigned char* bytes = block.bytes + row * block.stride;
  for (std::int64_t i = 0; i < block.columns; ++i) {
    const double value = decode_number(array.format(), bytes + i * array.format().bytes);
    if (std::isfinite(static_cast<Real>(value))) continue;
    const std::string found = number_text(value) + place(block.row + row, block.column + i);
    if (std::isfinite(value)) {
      array.fail("expected numbers that float32 can hold, of at most 3.4e+38, found " + found);
    }
    if (!fill || !same(*fill, value)) array.fail("expected finite numbers, found " + found);
  }
}

template <typename Real>
void read_values(const StoredArray& array, Extent extent, std::int64_t width, Real* to) {
  std::optional<double> fill;
  if (extent.doubtful < extent.rows) fill = array.fill_value();
  array.read(extent.rows, width, [&](const RawBlock& block) {
    for (std::int64_t row = 0; row < block.rows; ++row) {
      Real* target = to + (block.row + row) * width + block.column;
      row += decode_reals(array.format(), block.bytes + row * block.stride, block.stride,
                          block.rows - row, block.columns, target, width);
      if (row == block.rows) break;
      const bool counts = block.row + row < extent.doubtful;
      judge_row<Real>(array, block, row, counts ? std::nullopt : fill);
    }
  });
  const std::int64_t written = std::min(array.written_rows(), extent.rows);
  if (written == extent.rows) return;
  const double value = required_fill(array);
  if (written < extent.doubtful && !is_finite_as<Real>(value)) {
    array.fail("expected finite numbers, found the fill value " + number_text(value) + " in row " +
               std::to_string(written) + ", which was never written");
  }
  std::fill(to + written * width, to + extent.rows * width, as_real<Real>(value));
}

template <typename Real>
std::int64_t blank_rows_from(const Tensor& values, Real fill, std::int64_t from) {
  const std::int64_t rows = values.size(0);
  if (rows == 0) return 0;
  const std::int64_t width = values.numel() / rows;
  const Real* begin = values.data_ptr<Real>();
  std::int64_t row = rows;
  for (; row > from; --row) {
    const Real* first = begin + (row - 1) * width;
    const bool zeros = std::all_of(first, first + width, [](Real value) { return value == 0; });
    const bool filled = zeros || std::all_of(first, first + width, [fill](Real value) {
                          return same(static_cast<double>(value), static_cast<double>(fill));
                        });
    if (!filled) break;
  }
  return row;
}

}  // namespace

void require_matrix(const StoredArray& array, std::int64_t least, std::int64_t most) {
  if (array.dimensions() == 2 && array.columns() >= least && array.columns() <= most) return;
  const std::string columns = (least == most ? "" : "at least ") + std::to_string(least);
  array.fail("expected two dimensions with " + columns + " columns, found the shape " +
             array.shape_text());
}

void require_column(const StoredArray& array) {
  if (array.columns() == 1) return;
  array.fail("expected one value per row, found the shape " + array.shape_text());
}

Tensor read_reals(const StoredArray& array, Extent extent, std::int64_t columns) {
  Tensor values = columns > 0 ? empty_values({extent.rows, columns}) : empty_values({extent.rows});
  const std::int64_t width = std::max<std::int64_t>(columns, 1);
  if (values.scalar_type() == torch::kFloat64) {
    read_values(array, extent, width, values.data_ptr<double>());
  } else if (values.scalar_type() == torch::kFloat32) {
    read_values(array, extent, width, values.data_ptr<float>());
  } else {
    throw std::logic_error("read_d4rl: the default floating type is neither float32 nor float64");
  }
  return values;
}

Tensor read_flags(const StoredArray& array, std::int64_t rows) {
  Tensor flags = torch::empty({rows}, torch::kBool);
  bool* to = flags.data_ptr<bool>();
  const auto flag = [&array](double value, const std::string& where) {
    if (value == 0 || value == 1) return value == 1;
    array.fail("expected flags that are 0 or 1, found " + number_text(value) + where);
  };
  array.read(rows, 1, [&](const RawBlock& block) {
    for (std::int64_t i = 0; i < block.rows; ++i) {
      const double value = decode_number(array.format(), block.bytes + i * block.stride);
      to[block.row + i] = value == 1;
      if (value != 0 && value != 1) flag(value, " in row " + std::to_string(block.row + i));
    }
  });
  const std::int64_t written = std::min(array.written_rows(), rows);
  if (written < rows) {
    std::fill(to + written, to + rows, flag(required_fill(array), ", the fill value"));
  }
  return flags;
}

std::int64_t blank_from(const StoredArray& array, const Tensor& values, std::int64_t from) {
  if (from >= values.size(0)) return values.size(0);
  const double fill = array.fill_value().value_or(0);
  return values.scalar_type() == torch::kFloat64
             ? blank_rows_from<double>(values, fill, from)
             : blank_rows_from<float>(values, static_cast<float>(fill), from);
}

bool never_written(const StoredArray& array, std::int64_t rows) {
  if (array.written_rows() >= rows) return false;
  if (array.written_rows() > 0) {
    array.fail("expected " + std::to_string(rows) + " rows as other datasets have, found " +
               std::to_string(array.written_rows()) +
               " and the rest never written; write all rows, zeros too, or none of them");
  }
  return true;
}

void require_finite(const StoredArray& array, const Tensor& values, Extent extent) {
  const std::optional<double> fill = array.fill_value();
  const bool single = values.scalar_type() == torch::kFloat32;
  if (extent.doubtful >= extent.rows || !fill) return;
  if (single ? is_finite_as<float>(*fill) : is_finite_as<double>(*fill)) return;
  const Tensor finite = torch::isfinite(values.slice(0, extent.doubtful, extent.rows));
  if (finite.all().item<bool>()) return;
  const Tensor wrong = finite.reshape({extent.rows - extent.doubtful, -1}).logical_not().nonzero();
  array.fail(
      "expected finite numbers, found the fill value " + number_text(*fill) +
      place(extent.doubtful + wrong[0][0].item<std::int64_t>(), wrong[0][1].item<std::int64_t>()));
}

std::string number_text(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

}  // namespace labhost
