// Numbers as files store them, turned into the host's.
//
// Done here, not by HDF5: what a file may hold is then a short list, and a damaged description of a
// number format never reaches a general converter.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <optional>
#include <string>

namespace labhost {

struct NumberFormat {
  bool real = false;  ///< IEEE 754 binary16, binary32 or binary64; else a whole number
  bool is_signed = true;
  bool big_endian = false;
  int bytes = 0;  ///< of one number
};

/// Nothing for what is no plain number. Enumerations (h5py's bool) are their whole numbers.
std::optional<NumberFormat> number_format(hid_t type);
/// "texts", "a compound type": for messages.
std::string describe_type(hid_t type);

/// Converts rows of numbers, whole or real, which begin `stride` bytes apart, to rows that begin
/// `to_stride` values apart. Returns the first row that holds a value which is not finite, or is
/// none as a Real; or `rows`.
template <typename Real>
std::int64_t decode_reals(const NumberFormat& format, const unsigned char* from,
                          std::int64_t stride, std::int64_t rows, std::int64_t columns, Real* to,
                          std::int64_t to_stride);

/// The value at `from`, of whatever format.
double decode_number(const NumberFormat& format, const unsigned char* from);

}  // namespace labhost
