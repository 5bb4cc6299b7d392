// Errors in units of the last place, and the arguments at which functions are measured.
#ifndef NNGPU_TESTS_KERNELS_MATH_ACCURACY_H_
#define NNGPU_TESTS_KERNELS_MATH_ACCURACY_H_

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

namespace nngpu::cpu::math_tests {

inline bool exhaustive() {
  const char* value = std::getenv("NNGPU_EXHAUSTIVE");
  return value != nullptr && std::string(value) == "1";
}

// A reference is a value in more digits than the result has, in units of the last place of that value.
struct Reference {
  bool nan = false;
  bool infinite = false;  // a pole, not an overflow
  bool negative = false;
  long double value = 0;  // reaches far beyond double both ways
  long double least = 0;  // the unit is that of max(|value|, least)
};

// Common results in few instructions: every float goes through here. False leaves the case to error_ulp.
inline bool quick_error(float result, const Reference& reference, double* error) {
  const double want = static_cast<double>(reference.value), got = result;
  const double size = std::fabs(want);
  if (!(size >= 0x1p-126 && size < 0x1p127 && std::fabs(got) < 0x1p127)) return false;
  const uint64_t exponent = std::bit_cast<uint64_t>(size) & 0x7FF0000000000000;
  const double per_ulp = std::bit_cast<double>(0x8150000000000000 - exponent);  // 2^(23 - e)
  *error = std::fabs(got - want) * per_ulp;
  return true;
}
inline bool quick_error(double, const Reference&, double*) { return false; }

template <class T>
inline double error_ulp(T result, const Reference& reference) {
  double quick;
  if (quick_error(result, reference, &quick)) return quick;
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  if (reference.nan || std::isnan(result)) return reference.nan == std::isnan(result) ? 0 : kWrong;
  if (reference.infinite) return std::isinf(result) && std::signbit(result) == reference.negative ? 0 : kWrong;
  if (result == 0 && std::signbit(result) != reference.negative) return kWrong;
  if (reference.value == 0) return result == 0 ? 0 : kWrong;
  // Overflow counts as the next power of two.
  const long double limit = std::ldexp(1.0L, std::numeric_limits<T>::max_exponent);
  const auto bounded = [&](long double v) { return std::clamp(v, -limit, limit); };
  const long double want = bounded(reference.value);
  int e = std::ilogb(std::max(std::fabs(want), reference.least));
  e = std::clamp(e, std::numeric_limits<T>::min_exponent - 1, std::numeric_limits<T>::max_exponent - 1);
  const long double ulp = std::ldexp(1.0L, e - std::numeric_limits<T>::digits + 1);
  return static_cast<double>(std::fabs(bounded(result) - want) / ulp);
}

inline constexpr size_t kBlock = 4099;  // not a multiple of any vector length

template <class T>
std::vector<T> specials() {
  using L = std::numeric_limits<T>;
  std::vector<T> v = {0,
                      L::denorm_min(),
                      L::min(),
                      L::min() / 2,
                      L::epsilon(),
                      T(0.5),
                      T(0.75),
                      1,
                      T(1.5),
                      2,
                      3,
                      4,
                      5,
                      10,
                      100,
                      1000,
                      L::max(),
                      L::infinity(),
                      T(2.5),
                      T(0.25),
                      T(1) / L::epsilon(),
                      T(2) / L::epsilon(),
                      1 + L::epsilon(),
                      1 - L::epsilon() / 2,
                      L::max() / 2,
                      T(0.7),
                      T(8),
                      T(30),
                      T(171.5)};
  for (size_t i = v.size(); i-- > 0;) v.push_back(-v[i]);
  v.push_back(L::quiet_NaN());
  return v;
}

// The first blocks hold all pairs of special values.
template <class T>
int64_t special_blocks(int64_t block, std::vector<T>& x, std::vector<T>& y) {
  static const std::vector<T> s = specials<T>();
  const int64_t count = static_cast<int64_t>((s.size() * s.size() + kBlock - 1) / kBlock);
  if (block < count) {
    for (size_t i = 0; i < kBlock; ++i) {
      const size_t j = (static_cast<size_t>(block) * kBlock + i) % (s.size() * s.size());
      x[i] = s[j / s.size()];
      y[i] = s[j % s.size()];
    }
  }
  return count;
}

inline uint64_t mix(uint64_t v) {  // the finalizer of MurmurHash3 on a Weyl sequence
  v *= 0x9E3779B97F4A7C15;
  v = (v ^ (v >> 33)) * 0xFF51AFD7ED558CCD;
  v = (v ^ (v >> 33)) * 0xC4CEB9FE1A85EC53;
  return v ^ (v >> 33);
}

// 2^u with u uniform in [lo, hi), random sign.
inline double log_uniform(uint64_t bits, double lo, double hi) {
  const double u = lo + (hi - lo) * (static_cast<double>(bits >> 12) * 0x1p-52);
  const double v = std::exp2(u);
  return (bits & 1) != 0 ? -v : v;
}

}  // namespace nngpu::cpu::math_tests

#endif  // NNGPU_TESTS_KERNELS_MATH_ACCURACY_H_
