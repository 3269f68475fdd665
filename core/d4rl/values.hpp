// Whole datasets as tensors, checked value by value.
//
// T rows, C columns.
#pragma once

#include <cstdint>

#include "core/d4rl/stored_array.hpp"
#include "core/sdk/types.hpp"

namespace labhost {

/// Throw InputError unless the array has two dimensions with `least` to `most` columns, or one
/// value per row.
void require_matrix(const StoredArray& array, std::int64_t least, std::int64_t most);
void require_column(const StoredArray& array);

/// How much of an array is read: `rows` rows. From row `doubtful` on, values that are not finite
/// are taken where the array's fill value is such a one: the caller will see whether they count.
struct Extent {
  std::int64_t rows = 0;
  std::int64_t doubtful = 0;
};

/// Of LibTorch's default floating type, [T, C], or [T] where `columns` is 0. Rows that were never
/// written get the fill value. Throws InputError that names row and column of a value which is not
/// finite, or which that type cannot hold.
Tensor read_reals(const StoredArray& array, Extent extent, std::int64_t columns);
/// Bool [T]. Throws InputError when a value is neither 0 nor 1.
Tensor read_flags(const StoredArray& array, std::int64_t rows);

/// The rows at the end, not before row `from`, that hold nothing but 0, or nothing but the array's
/// fill value: the first of them, or T.
std::int64_t blank_from(const StoredArray& array, const Tensor& values, std::int64_t from);

/// Throws InputError when rows before `rows` were never written though some of the array were, or
/// hold no finite number. True when none of it was ever written: then all is its fill value.
bool never_written(const StoredArray& array, std::int64_t rows);
void require_finite(const StoredArray& array, const Tensor& values, Extent extent);

/// "0.5", "1e+300", "nan".
std::string number_text(double value);

}  // namespace labhost
