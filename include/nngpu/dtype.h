// Element types and the one promotion rule.
#ifndef NNGPU_DTYPE_H_
#define NNGPU_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

namespace nngpu {

enum class DType : uint8_t { Bool, U8, I32, I64, F16, BF16, F32, F64 };
inline constexpr int kDTypeCount = 8;

// IEEE binary16, stored as its bits; arithmetic happens in float. Rounds to nearest even.
struct Half {
  uint16_t bits = 0;
  Half() = default;
  explicit Half(float value);
  explicit operator float() const;
};

// bfloat16, stored as its bits; arithmetic happens in float. Rounds to nearest even.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float value);
  explicit operator float() const;
};

constexpr size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return 1;
    case DType::F16:
    case DType::BF16:
      return 2;
    case DType::I32:
    case DType::F32:
      return 4;
    case DType::I64:
    case DType::F64:
      return 8;
  }
  return 0;
}

constexpr bool is_floating(DType dtype) { return dtype >= DType::F16; }
constexpr bool is_integer(DType dtype) { return dtype == DType::U8 || dtype == DType::I32 || dtype == DType::I64; }

// "bool", "u8", "i32", "i64", "f16", "bf16", "f32", "f64".
const char* dtype_name(DType dtype);

// The dtype of that name (also NumPy's names: float32, int64, ...). Throws DTypeError.
DType dtype_from_name(const std::string& name);

// The common dtype of two tensors: the higher category of bool < integer < floating wins; within a category the
// wider type; f16 with bf16 gives f32. A number that is no tensor (the 2 in `x * 2`) is weak: it takes the
// tensor's dtype unless its own category is higher, and then i64 for an integer, f32 for a floating number.
DType promote(DType a, DType b);

// The dtype of mathematical functions (exp, mean, division) on `dtype`: itself if floating, else f32.
constexpr DType float_dtype(DType dtype) { return is_floating(dtype) ? dtype : DType::F32; }

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>)
    return DType::Bool;
  else if constexpr (std::is_same_v<T, uint8_t>)
    return DType::U8;
  else if constexpr (std::is_same_v<T, float>)
    return DType::F32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::F64;
  else if constexpr (std::is_same_v<T, Half>)
    return DType::F16;
  else if constexpr (std::is_same_v<T, BFloat16>)
    return DType::BF16;
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T> && sizeof(T) == 4)
    return DType::I32;
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T> && sizeof(T) == 8)
    return DType::I64;
  else
    static_assert(sizeof(T) == 0, "nngpu has no dtype for this C++ type");
}

}  // namespace nngpu

#endif  // NNGPU_DTYPE_H_
