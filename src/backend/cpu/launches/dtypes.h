// Dispatch on dtypes, and the arithmetic of each: half types compute in float.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_DTYPES_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_DTYPES_H_

#include <bit>
#include <cstdint>
#include <type_traits>

#include "nngpu/dtype.h"

namespace nngpu::cpu {

// Calls f.operator()<T>() with the element type of `dtype`.
template <class F>
void visit_dtype(DType dtype, const F& f) {
  switch (dtype) {
    case DType::Bool:
      return f.template operator()<bool>();
    case DType::U8:
      return f.template operator()<uint8_t>();
    case DType::I32:
      return f.template operator()<int32_t>();
    case DType::I64:
      return f.template operator()<int64_t>();
    case DType::F16:
      return f.template operator()<Half>();
    case DType::BF16:
      return f.template operator()<BFloat16>();
    case DType::F32:
      return f.template operator()<float>();
    case DType::F64:
      return f.template operator()<double>();
  }
}

// The same for operations that only move elements: unsigned integers of the element's size.
template <class F>
void visit_size(size_t element_size, const F& f) {
  switch (element_size) {
    case 1:
      return f.template operator()<uint8_t>();
    case 2:
      return f.template operator()<uint16_t>();
    case 4:
      return f.template operator()<uint32_t>();
    default:
      return f.template operator()<uint64_t>();
  }
}

// f32 and f64 alone, for kinds whose arguments were checked to be one of them.
template <class F>
void visit_real(DType dtype, const F& f) {
  if (dtype == DType::F64) return f.template operator()<double>();
  return f.template operator()<float>();
}

template <class T>
inline constexpr bool is_half_type = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;
template <class T>
inline constexpr bool is_floating_type = std::is_floating_point_v<T> || is_half_type<T>;

// The type values of T are compared and combined in.
template <class T>
using Compute = std::conditional_t<is_half_type<T>, float, T>;

// Conversions of half types without branches, so that loops over them vectorise (the ones of dtype.h are calls).
inline float widen(Half x) {
  const uint32_t magnitude = (x.bits & 0x7fffu) << 13;
  // Scaling by 2^112 corrects the exponent's bias and makes subnormals normal.
  uint32_t bits = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
  bits |= magnitude >= 0x0f800000u ? 0x7f800000u : 0u;
  return std::bit_cast<float>(bits | (x.bits & 0x8000u) << 16);
}
inline float widen(BFloat16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }
template <class T>
inline T widen(T x) {
  return x;
}

inline uint16_t half_bits(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  const uint32_t sign = (bits >> 16) & 0x8000u;
  // Normal: rebias, round to nearest even on the 13 dropped bits. Overflow carries into infinity.
  const uint32_t normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  // Subnormal: adding 0.5 aligns the bits so that the FPU rounds them.
  const uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  uint32_t out = magnitude < 0x38800000u ? subnormal : normal;
  out = magnitude >= 0x477ff000u ? 0x7c00u : out;
  out = magnitude > 0x7f800000u ? 0x7e00u | (magnitude >> 13 & 0x3ffu) : out;
  return static_cast<uint16_t>(sign | out);
}
inline uint16_t bfloat16_bits(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t quiet = (bits >> 16) | 0x40u;
  return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

// A computed value as T, rounded to nearest even.
template <class T, class V>
inline T narrow(V value) {
  if constexpr (is_half_type<T>) {
    T out;
    if constexpr (std::is_same_v<T, Half>)
      out.bits = half_bits(static_cast<float>(value));
    else
      out.bits = bfloat16_bits(static_cast<float>(value));
    return out;
  } else {
    return static_cast<T>(value);
  }
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_DTYPES_H_
