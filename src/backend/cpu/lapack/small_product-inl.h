// Products of matrices in lanes, subtracted tile by tile in registers.
#if defined(NNGPU_SMALL_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_SMALL_PRODUCT_INL_H_
#undef NNGPU_SMALL_PRODUCT_INL_H_
#else
#define NNGPU_SMALL_PRODUCT_INL_H_
#endif

#include "backend/cpu/lapack/small_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::small::HWY_NAMESPACE {

// Whether there are 32 vector registers rather than 16.
inline constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3;

// Columns of a panel: the products of other columns with it wait until it is complete, when a tile of elements
// stays in registers through all of them.
inline constexpr int kPanel = 8;

// kRows x kCols elements of c -= l u, the products in ascending order of k.
template <int kRows, int kCols, class T>
HWY_INLINE void subtract_tile(int depth, View<T> l, View<T> u, View<T> c) {
  Vec<T> sum[kRows][kCols];
  HWY_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(8) for (int j = 0; j < kCols; ++j) sum[r][j] = c.get(r, j);
  }
  for (int k = 0; k < depth; ++k) {
    Vec<T> x[kCols];
    HWY_UNROLL(8) for (int j = 0; j < kCols; ++j) x[j] = u.get(k, j);
    HWY_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const Vec<T> y = l.get(r, k);
      HWY_UNROLL(8) for (int j = 0; j < kCols; ++j) sum[r][j] = hn::NegMulAdd(y, x[j], sum[r][j]);
    }
  }
  HWY_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(8) for (int j = 0; j < kCols; ++j) c.put(r, j, sum[r][j]);
  }
}

// kCols columns of c (m rows) -= l u.
template <int kCols, class T>
HWY_INLINE void subtract_product(int m, int depth, View<T> l, View<T> u, View<T> c) {
  constexpr int kRows = kManyRegisters ? 4 : 2;
  int i = 0;
  for (; i + kRows <= m; i += kRows) subtract_tile<kRows, kCols>(depth, l.from(i, 0), u, c.from(i, 0));
  for (; i < m; ++i) subtract_tile<1, kCols>(depth, l.from(i, 0), u, c.from(i, 0));
}

}  // namespace nngpu::cpu::small::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // NNGPU_SMALL_PRODUCT_INL_H_
