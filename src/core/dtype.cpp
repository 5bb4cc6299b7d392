#include "nngpu/dtype.h"

#include <algorithm>
#include <bit>

#include "core/fail.h"

namespace nngpu {
namespace {

constexpr uint32_t kMagnitudeMask = 0x7fffffff;
constexpr uint32_t kInfinityBits = 0x7f800000;

uint16_t to_half_bits(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & kMagnitudeMask;
  // A NaN stays one even if the payload's upper bits are zero: the quiet bit is set.
  if (magnitude > kInfinityBits) return static_cast<uint16_t>(sign | 0x7e00 | ((magnitude >> 13) & 0x3ff));
  // 65520 is halfway between the largest half and 2^16, and ties go to the even one, infinity.
  if (magnitude >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);
  if (magnitude < 0x38800000) {
    // Below 2^-14 halves are multiples of 2^-24, the unit in the last place of 0.5f: the addition rounds for us.
    const float sum = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(sum) - 0x3f000000));
  }
  const uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000) >> 13));
}

float from_half_bits(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1f;
  const uint32_t mantissa = bits & 0x3ff;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | kInfinityBits | (mantissa << 13));
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

uint16_t to_bfloat_bits(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & kMagnitudeMask) > kInfinityBits) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

struct Names {
  const char* name;
  const char* numpy_name;
};
constexpr Names kNames[kDTypeCount] = {{"bool", "bool_"},  {"u8", "uint8"},    {"i32", "int32"},
                                       {"i64", "int64"},   {"f16", "float16"}, {"bf16", "bfloat16"},
                                       {"f32", "float32"}, {"f64", "float64"}};

int category(DType dtype) { return is_floating(dtype) ? 2 : is_integer(dtype) ? 1 : 0; }

}  // namespace

Half::Half(float value) : bits(to_half_bits(value)) {}
Half::operator float() const { return from_half_bits(bits); }

BFloat16::BFloat16(float value) : bits(to_bfloat_bits(value)) {}
BFloat16::operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

const char* dtype_name(DType dtype) { return kNames[static_cast<int>(dtype)].name; }

DType dtype_from_name(const std::string& name) {
  for (int i = 0; i < kDTypeCount; ++i)
    if (name == kNames[i].name || name == kNames[i].numpy_name) return static_cast<DType>(i);
  fail<DTypeError>("dtype_from_name", "unknown dtype: \"", name, "\"");
}

DType promote(DType a, DType b) {
  if (category(a) != category(b)) return category(a) > category(b) ? a : b;
  // Neither half type holds all values of the other.
  if (a != b && is_floating(a) && std::max(a, b) == DType::BF16) return DType::F32;
  return std::max(a, b);  // the enumerators of a category are in order of width
}

}  // namespace nngpu
