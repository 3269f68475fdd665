#include "core/d4rl/numbers.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/d4rl/hdf5.hpp"

namespace labhost {

namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian hosts are not supported");

/// IEEE 754 binary16, which C++17 has no type for.
struct Half {
  std::uint16_t bits = 0;

  operator float() const {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float size = 0;
    if (exponent == 31) {
      size = fraction == 0 ? std::numeric_limits<float>::infinity()
                           : std::numeric_limits<float>::quiet_NaN();
    } else if (exponent == 0) {  // subnormal, or 0
      size = std::ldexp(static_cast<float>(fraction), -24);
    } else {
      size = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
    }
    return (bits & 0x8000) != 0 ? -size : size;
  }
};

/// Calls `use` with a value of the type in which a format's numbers are stored.
template <typename Use>
auto with_stored_type(const NumberFormat& format, const Use& use) {
  if (format.real) {
    if (format.bytes == 2) return use(Half{});
    return format.bytes == 4 ? use(float{}) : use(double{});
  }
  switch (format.bytes) {
    case 1:
      return format.is_signed ? use(std::int8_t{}) : use(std::uint8_t{});
    case 2:
      return format.is_signed ? use(std::int16_t{}) : use(std::uint16_t{});
    case 4:
      return format.is_signed ? use(std::int32_t{}) : use(std::uint32_t{});
    default:
      return format.is_signed ? use(std::int64_t{}) : use(std::uint64_t{});
  }
}

template <typename Value>
Value load(const unsigned char* from, bool big_endian) {
  unsigned char bytes[sizeof(Value)];
  std::memcpy(bytes, from, sizeof(Value));
  if (big_endian) std::reverse(bytes, bytes + sizeof(Value));
  Value value;
  std::memcpy(&value, bytes, sizeof(Value));
  return value;
}

template <typename Stored, bool kBigEndian, typename Real>
std::int64_t convert(const unsigned char* from, std::int64_t stride, std::int64_t rows,
                     std::int64_t columns, Real* to, std::int64_t to_stride) {
  for (std::int64_t row = 0; row < rows; ++row, from += stride, to += to_stride) {
    bool finite = true;
    for (std::int64_t i = 0; i < columns; ++i) {
      const auto value = static_cast<Real>(
          load<Stored>(from + i * static_cast<std::int64_t>(sizeof(Stored)), kBigEndian));
      finite &= std::isfinite(value);
      to[i] = value;
    }
    if (!finite) return row;
  }
  return rows;
}

bool equals(hid_t type, hid_t standard) { return H5Tequal(type, standard) > 0; }

std::optional<NumberFormat> whole_number(hid_t type) {
  const auto bytes = static_cast<int>(H5Tget_size(type));
  const NumberFormat format{false, H5Tget_sign(type) != H5T_SGN_NONE,
                            H5Tget_order(type) == H5T_ORDER_BE, bytes};
  const hid_t little[] = {H5T_STD_I8LE,  H5T_STD_U8LE,  H5T_STD_I16LE, H5T_STD_U16LE,
                          H5T_STD_I32LE, H5T_STD_U32LE, H5T_STD_I64LE, H5T_STD_U64LE};
  const hid_t big[] = {H5T_STD_I8BE,  H5T_STD_U8BE,  H5T_STD_I16BE, H5T_STD_U16BE,
                       H5T_STD_I32BE, H5T_STD_U32BE, H5T_STD_I64BE, H5T_STD_U64BE};
  const auto same = [type](hid_t standard) { return equals(type, standard); };
  const bool known = std::any_of(std::begin(little), std::end(little), same) ||
                     std::any_of(std::begin(big), std::end(big), same);
  return known ? std::optional(format) : std::nullopt;
}

// What h5py makes of numpy's float16; HDF5 1.10 has no name for it.
hdf5::Handle half_type(hid_t real) {
  hdf5::Handle half(H5Tcopy(real), H5Tclose);
  H5Tset_fields(half.get(), /*sign=*/15, /*exponent=*/10, 5, /*fraction=*/0, 10);
  H5Tset_size(half.get(), 2);
  H5Tset_ebias(half.get(), 15);
  return half;
}

}  // namespace

std::optional<NumberFormat> number_format(hid_t type) {
  if (equals(type, H5T_IEEE_F32LE)) return NumberFormat{true, true, false, 4};
  if (equals(type, H5T_IEEE_F32BE)) return NumberFormat{true, true, true, 4};
  if (equals(type, H5T_IEEE_F64LE)) return NumberFormat{true, true, false, 8};
  if (equals(type, H5T_IEEE_F64BE)) return NumberFormat{true, true, true, 8};
  const H5T_class_t kind = H5Tget_class(type);
  if (kind == H5T_FLOAT) {
    if (equals(type, half_type(H5T_IEEE_F32LE).get())) return NumberFormat{true, true, false, 2};
    if (equals(type, half_type(H5T_IEEE_F32BE).get())) return NumberFormat{true, true, true, 2};
    return std::nullopt;
  }
  if (kind == H5T_INTEGER) return whole_number(type);
  if (kind != H5T_ENUM) return std::nullopt;
  const hdf5::Handle base(H5Tget_super(type), H5Tclose);
  return base.valid() ? whole_number(base.get()) : std::nullopt;
}

std::string describe_type(hid_t type) {
  const std::string size = std::to_string(H5Tget_size(type)) + "-byte ";
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return size + "whole numbers";
    case H5T_FLOAT:
      return size + "reals";
    case H5T_ENUM:
      return size + "enumerated values";
    case H5T_STRING:
      return "texts";
    case H5T_COMPOUND:
      return "a compound type";
    default:
      return "another type";
  }
}

template <typename Real>
std::int64_t decode_reals(const NumberFormat& format, const unsigned char* from,
                          std::int64_t stride, std::int64_t rows, std::int64_t columns, Real* to,
                          std::int64_t to_stride) {
  return with_stored_type(format, [&](auto stored) {
    using Stored = decltype(stored);
    return format.big_endian ? convert<Stored, true>(from, stride, rows, columns, to, to_stride)
                             : convert<Stored, false>(from, stride, rows, columns, to, to_stride);
  });
}

template std::int64_t decode_reals(const NumberFormat&, const unsigned char*, std::int64_t,
                                   std::int64_t, std::int64_t, float*, std::int64_t);
template std::int64_t decode_reals(const NumberFormat&, const unsigned char*, std::int64_t,
                                   std::int64_t, std::int64_t, double*, std::int64_t);

double decode_number(const NumberFormat& format, const unsigned char* from) {
  return with_stored_type(format, [&](auto stored) {
    return static_cast<double>(load<decltype(stored)>(from, format.big_endian));
  });
}

}  // namespace labhost
