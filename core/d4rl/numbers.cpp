#include "core/d4rl/numbers.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/d4rl/hdf5.hpp"

namespace labhost {

namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian hosts are not supported");

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

}  // namespace

std::optional<NumberFormat> number_format(hid_t type) {
  if (equals(type, H5T_IEEE_F32LE)) return NumberFormat{true, true, false, 4};
  if (equals(type, H5T_IEEE_F32BE)) return NumberFormat{true, true, true, 4};
  if (equals(type, H5T_IEEE_F64LE)) return NumberFormat{true, true, false, 8};
  if (equals(type, H5T_IEEE_F64BE)) return NumberFormat{true, true, true, 8};
  const H5T_class_t kind = H5Tget_class(type);
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
  if (format.bytes == 4) {
    return format.big_endian ? convert<float, true>(from, stride, rows, columns, to, to_stride)
                             : convert<float, false>(from, stride, rows, columns, to, to_stride);
  }
  return format.big_endian ? convert<double, true>(from, stride, rows, columns, to, to_stride)
                           : convert<double, false>(from, stride, rows, columns, to, to_stride);
}

template std::int64_t decode_reals(const NumberFormat&, const unsigned char*, std::int64_t,
                                   std::int64_t, std::int64_t, float*, std::int64_t);
template std::int64_t decode_reals(const NumberFormat&, const unsigned char*, std::int64_t,
                                   std::int64_t, std::int64_t, double*, std::int64_t);

double decode_number(const NumberFormat& format, const unsigned char* from) {
  const auto as = [&](auto zero) {
    return static_cast<double>(load<decltype(zero)>(from, format.big_endian));
  };
  if (format.real) return format.bytes == 4 ? as(float{}) : as(double{});
  switch (format.bytes) {
    case 1:
      return format.is_signed ? as(std::int8_t{}) : as(std::uint8_t{});
    case 2:
      return format.is_signed ? as(std::int16_t{}) : as(std::uint16_t{});
    case 4:
      return format.is_signed ? as(std::int32_t{}) : as(std::uint32_t{});
    default:
      return format.is_signed ? as(std::int64_t{}) : as(std::uint64_t{});
  }
}

}  // namespace labhost
