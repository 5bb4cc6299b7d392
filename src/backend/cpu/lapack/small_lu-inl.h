// LU factors of matrices in lanes, and the triangular solves with them.
#if defined(NNGPU_SMALL_LU_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_SMALL_LU_INL_H_
#undef NNGPU_SMALL_LU_INL_H_
#else
#define NNGPU_SMALL_LU_INL_H_
#endif

#include <limits>

#include "backend/cpu/lapack/small_lanes-inl.h"

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

// Per lane, the row >= k with the largest |a(row, k)| (the first of equals), as a number of type T.
template <class T>
HWY_INLINE Vec<T> pivot_row(int m, View<T> a, int k) {
  const Vec<T> one = set<T>(1);
  Vec<T> best = hn::Abs(a.get(k, k)), here = set<T>(k), row = here;
  for (int i = k + 1; i < m; ++i) {
    here = hn::Add(here, one);
    const Vec<T> size = hn::Abs(a.get(i, k));
    const Mask<T> larger = hn::Gt(size, best);
    best = hn::IfThenElse(larger, size, best);
    row = hn::IfThenElse(larger, here, row);
  }
  return row;
}

// Rows that some lane swaps with row k: a short list that every column then walks. Of few rows nearly all are
// swapped in some lane, and all are listed: a length that is known beforehand costs no mispredicted branch.
template <class T>
struct Swaps {
  int count = 0;
  int rows[kMaxSide];
  Mask<T> masks[kMaxSide];  // the lanes that swap it

  HWY_INLINE Swaps(int m, int k, Vec<T> pivot) {
    constexpr Tag<T> d;
    const Vec<T> one = set<T>(1);
    Vec<T> here = set<T>(k);
    if (hn::AllTrue(d, hn::Eq(pivot, here))) return;
    const bool all = m - k <= kLanes<T>;
    for (int i = k + 1; i < m; ++i) {
      here = hn::Add(here, one);
      masks[count] = hn::Eq(pivot, here);
      rows[count] = i;
      count += all || !hn::AllFalse(d, masks[count]);
    }
  }

  // Swaps in columns j .. j + kCols; `top` receives the new row k, which is also stored.
  template <int kCols>
  HWY_INLINE void apply(View<T> a, int k, int j, Vec<T>* HWY_RESTRICT top) const {
    Vec<T> before[kCols];
    HWY_UNROLL(4) for (int c = 0; c < kCols; ++c) top[c] = before[c] = a.get(k, j + c);
    if (count == 0) return;
    for (int s = 0; s < count; ++s) {
      T* p = a.at(rows[s], j);
      const Mask<T> mask = masks[s];
      HWY_UNROLL(4)
      for (int c = 0; c < kCols; ++c) {
        const Vec<T> x = load(p + c * a.cs);
        top[c] = hn::IfThenElse(mask, x, top[c]);
        store<T>(hn::IfThenElse(mask, before[c], x), p + c * a.cs);
      }
    }
    HWY_UNROLL(4) for (int c = 0; c < kCols; ++c) a.put(k, j + c, top[c]);
  }

  // Swaps in columns begin .. end.
  HWY_INLINE void apply_all(View<T> a, int k, int begin, int end) const {
    if (count == 0) return;
    Vec<T> top[4];
    int j = begin;
    for (; j + 4 <= end; j += 4) apply<4>(a, k, j, top);
    for (; j < end; ++j) apply<1>(a, k, j, top);
  }
};

// Swaps rows k and pivot of the n columns.
template <class T>
HWY_INLINE void swap_rows(int m, int n, View<T> a, int k, Vec<T> pivot) {
  Swaps<T>(m, k, pivot).apply_all(a, k, 0, n);
}

// Columns j .. j + kCols: swaps, then subtracts column k times the new row k.
template <int kCols, class T>
HWY_INLINE void swap_and_update(int m, View<T> a, int k, int j, const Swaps<T>& swaps) {
  Vec<T> u[kCols];
  swaps.template apply<kCols>(a, k, j, u);
  for (int i = k + 1; i < m; ++i) {
    const Vec<T> l = a.get(i, k);
    HWY_UNROLL(4) for (int c = 0; c < kCols; ++c) a.put(i, j + c, hn::NegMulAdd(l, u[c], a.get(i, j + c)));
  }
}

// P A = L U (right-looking, partial pivoting). pivots: min(m, n) vectors of row numbers. Returns 1 + the first
// column whose pivot is exactly zero, or 0.
template <class T>
HWY_NOINLINE void factor(int m, int n, View<T> a, T* pivots, T* info_out, const Ahead<T>& ahead) {
  constexpr Tag<T> d;
  const Vec<T> zero = hn::Zero(d);
  Vec<T> info = zero;
  for (int k = 0; k < std::min(m, n); ++k) {
    ahead.column(k);
    const Vec<T> pivot = pivot_row(m, a, k);
    store(pivot, pivots + k * kLanes<T>);
    const Swaps<T> swaps(m, k, pivot);
    swaps.apply_all(a, k, 0, k + 1);
    const Vec<T> raw = a.get(k, k);
    const Mask<T> singular = hn::Eq(raw, zero);
    info = hn::IfThenElse(hn::And(singular, hn::Eq(info, zero)), set<T>(k + 1), info);
    const Vec<T> p = hn::IfThenElse(singular, set<T>(1), raw);  // the column below is zero, and stays so
    Mask<T> unsafe;
    const Vec<T> scale = reciprocal<T>(p, unsafe);
    const bool any_unsafe = !hn::AllFalse(d, unsafe);
    for (int i = k + 1; i < m; ++i) a.put(i, k, quotient<T>(a.get(i, k), p, scale, unsafe, any_unsafe));

    int j = k + 1;
    for (; j + 4 <= n; j += 4) swap_and_update<4>(m, a, k, j, swaps);
    for (; j < n; ++j) swap_and_update<1>(m, a, k, j, swaps);
  }
  store(info, info_out);
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
