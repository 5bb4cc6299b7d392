// LU factors of matrices in lanes, and the triangular solves with them.
#if defined(NNGPU_SMALL_LU_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_SMALL_LU_INL_H_
#undef NNGPU_SMALL_LU_INL_H_
#else
#define NNGPU_SMALL_LU_INL_H_
#endif

#include <limits>

#include "backend/cpu/lapack/small_pivot-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::small::HWY_NAMESPACE {

// 1 / x; where that would overflow or lose bits to underflow, `unsafe` is set and the caller divides instead.
template <class T>
HWY_INLINE Vec<T> reciprocal(Vec<T> x, Mask<T>& unsafe) {
  const Vec<T> size = hn::Abs(x);
  const Vec<T> least = set<T>(4 * std::numeric_limits<T>::min()),
               most = set<T>(0.25 / std::numeric_limits<T>::min());
  unsafe = hn::Not(hn::And(hn::Ge(size, least), hn::Le(size, most)));
  return hn::Div(set<T>(1), x);
}

// x / y, by the reciprocal of y where that is safe. The choice is made lane by lane, never for a group.
template <class T>
HWY_INLINE Vec<T> quotient(Vec<T> x, Vec<T> y, Vec<T> reciprocal, Mask<T> unsafe, bool any_unsafe) {
  const Vec<T> q = hn::Mul(x, reciprocal);
  return HWY_LIKELY(!any_unsafe) ? q : hn::IfThenElse(unsafe, hn::Div(x, y), q);
}

// Columns j .. j + kCols: subtracts column k times row k.
template <int kCols, class T>
HWY_INLINE void subtract_column(int m, View<T> a, int k, int j) {
  Vec<T> u[kCols];
  HWY_UNROLL(4) for (int c = 0; c < kCols; ++c) u[c] = a.get(k, j + c);
  for (int i = k + 1; i < m; ++i) {
    const Vec<T> l = a.get(i, k);
    HWY_UNROLL(4) for (int c = 0; c < kCols; ++c) a.put(i, j + c, hn::NegMulAdd(l, u[c], a.get(i, j + c)));
  }
}

// Columns begin .. end of P A = L U, right-looking with partial pivoting, with the earlier columns' updates done.
template <class T>
HWY_INLINE void factor_panel(int m, int begin, int end, View<T> a, T* pivots, Vec<T>& info, Swaps<T>* swaps) {
  constexpr Tag<T> d;
  const Vec<T> zero = hn::Zero(d);
  for (int k = begin; k < end; ++k) {
    fetch_ahead<T>(m);
    const Vec<T> pivot = pivot_row(m, a, k);
    store(pivot, pivots + k * kLanes<T>);
    Swaps<T>& swap = swaps[k - begin];
    swap.find(m, a, k, pivot);
    swap.apply_all(a, k, begin, end);
    const Vec<T> raw = a.get(k, k);
    const Mask<T> singular = hn::Eq(raw, zero);
    info = hn::IfThenElse(hn::And(singular, hn::Eq(info, zero)), set<T>(k + 1), info);
    const Vec<T> p = hn::IfThenElse(singular, set<T>(1), raw);  // the column below is zero, and stays so
    Mask<T> unsafe;
    const Vec<T> scale = reciprocal<T>(p, unsafe);
    const bool any_unsafe = !hn::AllFalse(d, unsafe);
    for (int i = k + 1; i < m; ++i) a.put(i, k, quotient<T>(a.get(i, k), p, scale, unsafe, any_unsafe));

    int j = k + 1;
    for (; j + 4 <= end; j += 4) subtract_column<4>(m, a, k, j);
    for (; j + 2 <= end; j += 2) subtract_column<2>(m, a, k, j);
    for (; j < end; ++j) subtract_column<1>(m, a, k, j);
  }
}

// b := L^-1 b for kCols columns of b, L unit lower, by dot products: eight columns hide their latency, and nothing
// is stored on the way; rows of b before `first` are zero.
template <int kCols, class T>
HWY_INLINE void solve_lower(int n, int first, View<T> lu, View<T> b) {
  for (int i = first + 1; i < n; ++i) {
    Vec<T> sum[kCols];
    HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) sum[c] = b.get(i, c);
    for (int k = first; k < i; ++k) {
      const Vec<T> x = lu.get(i, k);
      HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) sum[c] = hn::NegMulAdd(x, b.get(k, c), sum[c]);
    }
    HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) b.put(i, c, sum[c]);
  }
}

// Panel begin .. end's part in kCols columns on its right, whose rows have been swapped.
template <int kCols, class T>
HWY_INLINE void apply_panel(int m, int begin, int end, View<T> a, int j) {
  constexpr int kRows = kManyRegisters ? 4 : 2;
  const View<T> u = a.from(begin, j);
  solve_lower<kCols>(end - begin, 0, a.from(begin, begin), u);
  int i = end;
  for (; i + kRows <= m; i += kRows) subtract_tile<kRows, kCols>(end - begin, a.from(i, begin), u, a.from(i, j));
  for (; i < m; ++i) subtract_tile<1, kCols>(end - begin, a.from(i, begin), u, a.from(i, j));
}

// Swaps the rows of a panel begin .. end in columns first .. last.
template <class T>
HWY_INLINE void swap_columns(const Swaps<T>* swaps, View<T> a, int begin, int end, int first, int last) {
  for (int k = begin; k < end; ++k) swaps[k - begin].apply_all(a, k, first, last);
}

// P A = L U with partial pivoting. pivots: min(m, n) vectors of row numbers. info is 1 + the first column whose
// pivot is exactly zero, or 0. Every element takes its products in ascending order, whatever the panels.
template <class T>
HWY_NOINLINE void factor(int m, int n, View<T> a, T* pivots, T* info_out) {
  Vec<T> info = hn::Zero(Tag<T>());
  Swaps<T> swaps[kPanel];
  const int least = std::min(m, n);
  for (int begin = 0; begin < least; begin += kPanel) {
    const int end = std::min(begin + kPanel, least);
    factor_panel(m, begin, end, a, pivots, info, swaps);
    for (int j = 0; j < begin; j += kPanel) swap_columns(swaps, a, begin, end, j, j + kPanel);
    for (int j = end; j < n; j += kPanel) {  // few columns at a time, which stay in the cache
      const int last = std::min(j + kPanel, n);
      swap_columns(swaps, a, begin, end, j, last);
      int c = j;
      for (; c + 4 <= last; c += 4) apply_panel<4>(m, begin, end, a, c);
      for (; c < last; ++c) apply_panel<1>(m, begin, end, a, c);
    }
  }
  store(info, info_out);
}

// b := U^-1 b for kCols columns of b.
template <int kCols, class T>
HWY_INLINE void solve_upper(int n, View<T> lu, View<T> b) {
  for (int i = n - 1; i >= 0; --i) {
    Vec<T> sum[kCols];
    HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) sum[c] = b.get(i, c);
    for (int k = n - 1; k > i; --k) {
      const Vec<T> x = lu.get(i, k);
      HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) sum[c] = hn::NegMulAdd(x, b.get(k, c), sum[c]);
    }
    const Vec<T> u = lu.get(i, i);
    Mask<T> unsafe;
    const Vec<T> scale = reciprocal<T>(u, unsafe);
    const bool any_unsafe = !hn::AllFalse(Tag<T>(), unsafe);
    HWY_UNROLL(8)
    for (int c = 0; c < kCols; ++c) b.put(i, c, quotient<T>(sum[c], u, scale, unsafe, any_unsafe));
  }
}

// b := (L U)^-1 b for one column, column after column of the factors: the updates are independent, where a single
// dot product would wait for itself. The order of the sums is that of solve_lower() and solve_upper().
template <class T>
HWY_INLINE void solve_column(int n, int first, View<T> lu, View<T> b) {
  for (int k = first; k < n; ++k) {
    const Vec<T> x = b.get(k, 0);
    for (int i = k + 1; i < n; ++i) b.put(i, 0, hn::NegMulAdd(lu.get(i, k), x, b.get(i, 0)));
  }
  for (int k = n - 1; k >= 0; --k) {
    const Vec<T> u = lu.get(k, k);
    Mask<T> unsafe;
    const Vec<T> scale = reciprocal<T>(u, unsafe);
    const Vec<T> x = quotient<T>(b.get(k, 0), u, scale, unsafe, !hn::AllFalse(Tag<T>(), unsafe));
    b.put(k, 0, x);
    for (int i = 0; i < k; ++i) b.put(i, 0, hn::NegMulAdd(lu.get(i, k), x, b.get(i, 0)));
  }
}

// b := (L U)^-1 b. With `identity`, b is the identity, whose columns start with zeros.
template <class T>
HWY_NOINLINE void solve_factors(int n, int nrhs, bool identity, View<T> lu, View<T> b) {
  int j = 0;
  for (; j + 8 <= nrhs; j += 8) {
    solve_lower<8>(n, identity ? j : 0, lu, b.from(0, j));
    solve_upper<8>(n, lu, b.from(0, j));
  }
  for (; j + 4 <= nrhs; j += 4) {
    solve_lower<4>(n, identity ? j : 0, lu, b.from(0, j));
    solve_upper<4>(n, lu, b.from(0, j));
  }
  for (; j < nrhs; ++j) solve_column(n, identity ? j : 0, lu, b.from(0, j));
}

}  // namespace nngpu::cpu::small::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // NNGPU_SMALL_LU_INL_H_
