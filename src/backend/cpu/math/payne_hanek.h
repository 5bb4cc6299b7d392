// Reduction of huge doubles modulo pi/2, after Payne and Hanek (1983), in integers.
#ifndef NNGPU_BACKEND_CPU_MATH_PAYNE_HANEK_H_
#define NNGPU_BACKEND_CPU_MATH_PAYNE_HANEK_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "ops/math_tables.h"

namespace nngpu::cpu {

// For x >= 2^30: returns q mod 4 and sets *r + *lo = x - q pi/2 to about 100 bits, |*r| <= pi/4; infinities and
// NaN give NaN.
inline uint64_t reduce_pio2_huge(double x, double* r, double* lo) {
  using U128 = unsigned __int128;
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const int biased = static_cast<int>(bits >> 52) & 0x7FF;
  if (biased == 0x7FF) {
    *r = *lo = std::numeric_limits<double>::quiet_NaN();
    return 0;
  }
  const uint64_t m = (bits & ((uint64_t{1} << 52) - 1)) | (uint64_t{1} << 52);
  const int e = biased - 1075;  // x = m 2^e, e >= -22
  // Of 2/pi, bits of weight 2^(2 - e) and more contribute multiples of 4 to x 2/pi. From there 192 bits are
  // enough: the product keeps 192 - 53 good ones, and no double comes closer to a multiple of pi/2 than 2^-62.
  const int first = e - 2;  // bits before this one, counted from the binary point, drop out
  uint64_t w[3];
  for (int i = 0; i < 3; ++i) {
    const int at = first + 64 * i;
    const auto word = [](int k) { return k < 0 ? uint64_t{0} : math_tables::kTwoOverPiBits[k]; };
    const int k = at >= 0 ? at / 64 : -1;
    const int shift = at >= 0 ? at % 64 : at + 64;
    w[i] = shift == 0 ? word(k) : (word(k) << shift) | (word(k + 1) >> (64 - shift));
  }
  // The low 192 bits of m * w: a binary fraction of x 2/pi / 4.
  const U128 p2 = U128{m} * w[2];
  const U128 p1 = U128{m} * w[1] + static_cast<uint64_t>(p2 >> 64);
  uint64_t top = m * w[0] + static_cast<uint64_t>(p1 >> 64);
  const uint64_t mid = static_cast<uint64_t>(p1), low = static_cast<uint64_t>(p2);
  uint64_t q = top >> 62;
  // Fraction of a quadrant, as 128 bits; over one half counts down from the next one.
  U128 frac = (U128{top << 2 | mid >> 62} << 64) | (mid << 2 | low >> 62);
  const bool down = (frac >> 127) != 0;
  if (down) {
    frac = ~frac + 1;
    ++q;
  }
  // Normalise, so that the high double has 53 good bits however close the multiple is.
  const uint64_t fh = static_cast<uint64_t>(frac >> 64);
  int zeros = fh != 0                            ? __builtin_clzll(fh)
              : static_cast<uint64_t>(frac) != 0 ? 64 + __builtin_clzll(static_cast<uint64_t>(frac))
                                                 : 127;
  frac <<= zeros;
  const double scale = std::ldexp(1.0, -zeros);
  const double hi = static_cast<double>(static_cast<uint64_t>(frac >> 75)) * 0x1p-53;  // 53 bits, exact
  const double rest =
      static_cast<double>(static_cast<uint64_t>(frac >> 22) & ((uint64_t{1} << 53) - 1)) * 0x1p-106;
  // (hi + rest) pi/2
  const double ph = hi * math_tables::kPio2_1F64;
  const double pl =
      std::fma(hi, math_tables::kPio2_1F64, -ph) + hi * math_tables::kPio2_2F64 + rest * math_tables::kPio2_1F64;
  const double s = (down ? -scale : scale);
  const double sum = ph + pl;
  *r = sum * s;
  *lo = (pl - (sum - ph)) * s;
  return q & 3;
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_MATH_PAYNE_HANEK_H_
