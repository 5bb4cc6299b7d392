#include "nngpu/dtype.h"

#include <bit>
#include <cmath>
#include <limits>

#include "ops/expect_error.h"

namespace nngpu {
namespace {

uint16_t half(float value) { return Half(value).bits; }
uint16_t bfloat(float value) { return BFloat16(value).bits; }

// The value of half bits, from the definition of binary16.
double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31) return mantissa ? std::nan("") : sign * INFINITY;
  return sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
}

TEST(Half, EveryValueToFloatAndBack) {
  for (uint32_t i = 0; i < 65536; ++i) {
    Half h;
    h.bits = static_cast<uint16_t>(i);
    const float f = static_cast<float>(h);
    if (std::isnan(f)) {
      EXPECT_TRUE(std::isnan(half_value(h.bits)));
      EXPECT_TRUE(std::isnan(static_cast<float>(Half(f))));
    } else {
      EXPECT_EQ(f, half_value(h.bits)) << i;
      EXPECT_EQ(half(f), i);
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  for (uint32_t i = 0; i < 0x7bff; ++i) {
    const double low = half_value(static_cast<uint16_t>(i)), high = half_value(static_cast<uint16_t>(i + 1));
    const float middle = static_cast<float>((low + high) / 2);  // exact in float
    const uint32_t even = i % 2 == 0 ? i : i + 1;
    ASSERT_EQ(half(middle), even) << i;
    ASSERT_EQ(half(-middle), even | 0x8000) << i;
    ASSERT_EQ(half(std::nextafter(middle, 0.0f)), i);
    ASSERT_EQ(half(std::nextafter(middle, 1e9f)), i + 1);
  }
}

TEST(Half, Extremes) {
  EXPECT_EQ(half(65504), 0x7bff);
  EXPECT_EQ(half(std::nextafter(65520.0f, 0.0f)), 0x7bff);
  EXPECT_EQ(half(65520), 0x7c00);
  EXPECT_EQ(half(std::numeric_limits<float>::max()), 0x7c00);
  EXPECT_EQ(half(-INFINITY), 0xfc00);
  EXPECT_EQ(half(-0.0f), 0x8000);
  EXPECT_EQ(half(0x1p-25f), 0);  // halfway to the smallest subnormal
  EXPECT_EQ(half(std::nextafter(0x1p-25f, 1.0f)), 1);
  EXPECT_EQ(half(std::numeric_limits<float>::denorm_min()), 0);
  // A signalling NaN whose payload does not reach the upper bits is still a NaN.
  EXPECT_TRUE(std::isnan(static_cast<float>(Half(std::bit_cast<float>(0x7f800001u)))));
}

TEST(BFloat16, RoundsToNearestEven) {
  EXPECT_EQ(bfloat(1), 0x3f80);
  EXPECT_EQ(bfloat(std::bit_cast<float>(0x3f808000u)), 0x3f80);  // halfway, to even
  EXPECT_EQ(bfloat(std::bit_cast<float>(0x3f808001u)), 0x3f81);
  EXPECT_EQ(bfloat(std::bit_cast<float>(0x3f818000u)), 0x3f82);
  EXPECT_EQ(bfloat(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(bfloat(-INFINITY), 0xff80);
  EXPECT_EQ(bfloat(std::bit_cast<float>(0x00000001u)), 0);
  EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(std::bit_cast<float>(0x7f800001u)))));
  for (uint32_t i = 0; i < 65536; ++i) {
    BFloat16 b;
    b.bits = static_cast<uint16_t>(i);
    const float f = static_cast<float>(b);
    if (!std::isnan(f)) {
      EXPECT_EQ(bfloat(f), i);
    }
  }
}

TEST(DTypeNames, OursAndNumpys) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const DType dtype = static_cast<DType>(i);
    EXPECT_EQ(dtype_from_name(dtype_name(dtype)), dtype);
  }
  EXPECT_EQ(dtype_from_name("float32"), DType::F32);
  EXPECT_EQ(dtype_from_name("bfloat16"), DType::BF16);
  EXPECT_EQ(dtype_from_name("uint8"), DType::U8);
  EXPECT_ERROR(DTypeError, dtype_from_name("complex64"), "[dtype_from_name] unknown dtype: \"complex64\"");
}

TEST(Promote, WholeTable) {
  constexpr DType B = DType::Bool, U = DType::U8, I = DType::I32, L = DType::I64;
  constexpr DType H = DType::F16, W = DType::BF16, F = DType::F32, D = DType::F64;
  constexpr DType table[kDTypeCount][kDTypeCount] = {
      {B, U, I, L, H, W, F, D}, {U, U, I, L, H, W, F, D}, {I, I, I, L, H, W, F, D}, {L, L, L, L, H, W, F, D},
      {H, H, H, H, H, F, F, D}, {W, W, W, W, F, W, F, D}, {F, F, F, F, F, F, F, D}, {D, D, D, D, D, D, D, D}};
  for (int a = 0; a < kDTypeCount; ++a)
    for (int b = 0; b < kDTypeCount; ++b)
      EXPECT_EQ(promote(static_cast<DType>(a), static_cast<DType>(b)), table[a][b]) << a << ' ' << b;
}

}  // namespace
}  // namespace nngpu
