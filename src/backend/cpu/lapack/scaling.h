// Largest magnitude of a matrix, and the power of two that brings it into a range where squares and sums of
// squares of entries neither overflow nor vanish.
#ifndef NNGPU_BACKEND_CPU_LAPACK_SCALING_H_
#define NNGPU_BACKEND_CPU_LAPACK_SCALING_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace nngpu::cpu {

// The largest |a(i, j)|; NaN if any entry is NaN. With `lower`, of the lower triangle alone.
template <class T>
T largest_magnitude(int64_t m, int64_t n, const T* a, int64_t lda, bool lower = false) {
  T largest = 0;
  T poison = 0;  // 0 * x is NaN for NaN and infinities, and unlike a comparison it vectorises in a sum
  for (int64_t j = 0; j < n; ++j) {
    T column_largest = 0, column_poison = 0;
    for (int64_t i = lower ? j : 0; i < m; ++i) {
      const T value = std::abs(a[i + j * lda]);
      column_largest = value > column_largest ? value : column_largest;
      column_poison += T(0) * value;
    }
    largest = std::max(largest, column_largest);
    poison += column_poison;
  }
  return std::isnan(poison) ? std::numeric_limits<T>::quiet_NaN() : largest;
}

// 1 where `largest` is unproblematic (or zero or not finite); otherwise a power of two that takes it near 1.
template <class T>
T range_scale(T largest) {
  constexpr int kSafeExponent = std::numeric_limits<T>::max_exponent / 4;
  if (!(largest > 0) || !(largest <= std::numeric_limits<T>::max())) return 1;
  const int exponent = std::ilogb(largest);
  if (std::abs(exponent) < kSafeExponent) return 1;
  return std::ldexp(T(1), std::min(-exponent, std::numeric_limits<T>::max_exponent - 2));
}

template <class T>
void scale_matrix(int64_t m, int64_t n, T factor, T* a, int64_t lda) {
  if (factor == T(1)) return;
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = 0; i < m; ++i) a[i + j * lda] *= factor;
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAPACK_SCALING_H_
