// The functions that Metal's library lacks or has with large errors (src/backend/gpu/dialect/*_float.kl), behind
// the host's dialect, against double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>

namespace {
// The dialect is C++ here; the order matters.
// clang-format off
#include "backend/gpu/dialect/host.kl"
#include "backend/gpu/dialect/common.kl"
#define NG_FLOAT(name) float_##name
#include "backend/gpu/dialect/math_float.kl"
#include "backend/gpu/dialect/elementary_float.kl"
#include "backend/gpu/dialect/special_float.kl"
// clang-format on
#undef lane
#undef warp
#undef tid
#undef bid
#undef bdim
#undef gdim

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Units in the last place of the float that `wanted` rounds to; those of subnormal numbers are all of one size.
double ulps(float got, double wanted) {
  const auto rounded = static_cast<float>(wanted);
  if (std::isnan(wanted)) return std::isnan(got) ? 0 : 1e30;
  if (std::isinf(rounded) || std::isinf(got)) return got == rounded ? 0 : 1e30;
  const int exponent = std::max(std::ilogb(rounded == 0 ? 1e-45F : rounded), -126);
  return std::abs(static_cast<double>(got) - wanted) / std::ldexp(1.0, exponent - 23);
}

using Function = float (*)(float);
using Reference = double (*)(double);

// The largest error over every `step`th float from `low` to `high`, both positive.
double worst(Function function, Reference reference, float low, float high, float sign = 1) {
  double result = 0;
  uint32_t first, last;
  std::memcpy(&first, &low, 4);
  std::memcpy(&last, &high, 4);
  const uint32_t step = std::max<uint32_t>(1, (last - first) / 200000);
  for (uint32_t bits = first; bits <= last; bits += step) {
    float x;
    std::memcpy(&x, &bits, 4);
    const double error = ulps(function(sign * x), reference(sign * static_cast<double>(x)));
    EXPECT_LT(error, 1e29) << sign * x << " gives " << function(sign * x);
    result = std::max(result, error);
  }
  return result;
}

double lgamma_of(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

constexpr float kTiny = 1e-45F, kHuge = 3.4e38F;

TEST(MathFloat, Expm1) {
  EXPECT_LT(worst(float_expm1, std::expm1, kTiny, kHuge), 1.5);
  EXPECT_LT(worst(float_expm1, std::expm1, kTiny, kHuge, -1), 1.5);
  EXPECT_EQ(float_expm1(-kInfinity), -1.0F);
  EXPECT_EQ(float_expm1(kInfinity), kInfinity);
  EXPECT_TRUE(std::signbit(float_expm1(-0.0F)));
}

TEST(MathFloat, Log1p) {
  EXPECT_LT(worst(float_log1p, std::log1p, kTiny, kHuge), 1.5);
  EXPECT_LT(worst(float_log1p, std::log1p, kTiny, 0.99999994F, -1), 1.5);
  EXPECT_EQ(float_log1p(-1.0F), -kInfinity);
  EXPECT_EQ(float_log1p(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(float_log1p(-1.5F)));
  EXPECT_TRUE(std::signbit(float_log1p(-0.0F)));
}

TEST(MathFloat, Cbrt) {
  EXPECT_LT(worst(float_cbrt, std::cbrt, kTiny, kHuge), 1.0);
  EXPECT_LT(worst(float_cbrt, std::cbrt, kTiny, kHuge, -1), 1.0);
  EXPECT_EQ(float_cbrt(-kInfinity), -kInfinity);
  EXPECT_EQ(float_cbrt(27.0F), 3.0F);
}

TEST(MathFloat, Erf) {
  EXPECT_LT(worst(float_erf, std::erf, kTiny, kHuge), 2.0);
  EXPECT_LT(worst(float_erf, std::erf, kTiny, kHuge, -1), 2.0);
  EXPECT_EQ(float_erf(-kInfinity), -1.0F);
}

TEST(MathFloat, Erfc) {
  EXPECT_LT(worst(float_erfc, std::erfc, kTiny, kHuge), 4.0);
  EXPECT_LT(worst(float_erfc, std::erfc, kTiny, kHuge, -1), 1.5);
  EXPECT_EQ(float_erfc(kInfinity), 0.0F);
  EXPECT_EQ(float_erfc(-kInfinity), 2.0F);
}

TEST(MathFloat, Lgamma) {
  EXPECT_LT(worst(float_lgamma, lgamma_of, kTiny, kHuge), 3.0);
  EXPECT_LT(worst(float_lgamma, lgamma_of, kTiny, 2.0F, -1), 8.0);
  // Between -3 and -2 and below there are zeros that are no floats: the error is small beside 1 there.
  for (float x = -2.0001F; x > -30; x -= 0.00037F) {
    const double wanted = lgamma_of(x);
    if (std::isinf(wanted)) continue;
    EXPECT_LT(std::abs(float_lgamma(x) - wanted), 6e-7 * std::max(4.0, std::abs(wanted))) << x;
  }
  EXPECT_EQ(float_lgamma(1.0F), 0.0F);
  EXPECT_EQ(float_lgamma(2.0F), 0.0F);
  EXPECT_EQ(float_lgamma(-3.0F), kInfinity);
  EXPECT_EQ(float_lgamma(-0.0F), kInfinity);
  EXPECT_EQ(float_lgamma(-kInfinity), kInfinity);
}

// Pairs of numbers of all sizes.
void for_pairs(const std::function<void(float, float)>& check) {
  uint32_t state = 1;
  const auto next = [&] {
    state = state * 1664525U + 1013904223U;
    float x;
    const uint32_t bits = state ^ (state >> 16);
    std::memcpy(&x, &bits, 4);
    return x;
  };
  for (int i = 0; i < 300000; ++i) {
    const float x = next(), y = next();
    check(x, y);
    check(x, x * (1 + static_cast<float>(i % 97) * 0.01F));
  }
}

TEST(MathFloat, Hypot) {
  double error = 0;
  for_pairs([&](float x, float y) {
    error = std::max(error, ulps(float_hypot(x, y), std::hypot(static_cast<double>(x), static_cast<double>(y))));
  });
  EXPECT_LT(error, 1.2);
  EXPECT_EQ(float_hypot(std::nanf(""), -kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(float_hypot(std::nanf(""), 1.0F)));
}

TEST(MathFloat, Tanh) {
  EXPECT_LT(worst(float_tanh, std::tanh, kTiny, kHuge), 2.5);
  EXPECT_LT(worst(float_tanh, std::tanh, kTiny, kHuge, -1), 2.5);
  EXPECT_EQ(float_tanh(kInfinity), 1.0F);
}

TEST(MathFloat, Atanh) {
  EXPECT_LT(worst(float_atanh, std::atanh, kTiny, 0.99999994F), 3.0);
  EXPECT_LT(worst(float_atanh, std::atanh, kTiny, 0.99999994F, -1), 3.0);
  EXPECT_EQ(float_atanh(-1.0F), -kInfinity);
  EXPECT_TRUE(std::isnan(float_atanh(1.5F)));
}

TEST(MathFloat, Atan) {
  EXPECT_LT(worst(float_atan, std::atan, kTiny, kHuge), 1.5);
  EXPECT_LT(worst(float_atan, std::atan, kTiny, kHuge, -1), 1.5);
  EXPECT_EQ(float_atan(kInfinity), std::atan(kInfinity));
}

TEST(MathFloat, Atan2) {
  double error = 0;
  for_pairs([&](float y, float x) {
    error = std::max(error, ulps(float_atan2(y, x), std::atan2(static_cast<double>(y), static_cast<double>(x))));
  });
  EXPECT_LT(error, 2.5);
  for (const float y : {0.0F, -0.0F, 1.0F, -1.0F, kInfinity, -kInfinity})
    for (const float x : {0.0F, -0.0F, 1.0F, -1.0F, kInfinity, -kInfinity}) {
      EXPECT_FLOAT_EQ(float_atan2(y, x), std::atan2(y, x)) << y << " " << x;
      EXPECT_EQ(std::signbit(float_atan2(y, x)), std::signbit(y));
    }
}

TEST(MathFloat, Pow) {
  double error = 0;
  const auto check = [&](float x, float y) {
    const double off = ulps(float_pow(x, y), std::pow(static_cast<double>(x), static_cast<double>(y)));
    EXPECT_LT(off, 1e29) << x << " to the power of " << y << " gives " << float_pow(x, y);
    error = std::max(error, off);
  };
  for_pairs(check);
  for (float x = 1e-43F; x < 3e38F; x *= 1.37F)
    for (float y = -60; y < 60; y += 0.37F) check(x, y);
  for (float x = 0.7F; x < 1.5F; x += 1.7e-4F)
    for (float y = -150; y < 300; y += 3.1F) check(x, y);
  const float special[] = {0, 0.5F, 1, 2, 3, 4, 0.3F, 1e30F, 8388607, 8388609, 16777216, kInfinity, std::nanf("")};
  for (const float x : special)
    for (const float y : special)
      for (const float s : {1.0F, -1.0F})
        for (const float t : {1.0F, -1.0F}) {
          check(s * x, t * y);
          const float got = float_pow(s * x, t * y);
          if (std::isnan(got)) continue;
          EXPECT_EQ(std::signbit(got), std::signbit(std::pow(s * x, t * y))) << s * x << " " << t * y;
        }
  EXPECT_LT(error, 1.5);
}

TEST(MathFloat, FmodIsExact) {
  for_pairs([](float x, float y) {
    const float got = float_fmod(x, y), wanted = std::fmod(x, y);
    EXPECT_TRUE((std::isnan(got) && std::isnan(wanted)) ||
                (got == wanted && std::signbit(got) == std::signbit(wanted)))
        << x << " " << y << " gives " << got << ", not " << wanted;
  });
  EXPECT_EQ(float_fmod(3.5F, kInfinity), 3.5F);
  EXPECT_TRUE(std::isnan(float_fmod(1.0F, 0.0F)));
}

}  // namespace
