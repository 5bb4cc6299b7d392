// Partial pivoting in lanes: finding the pivots, and swapping rows that differ from lane to lane.
#if defined(NNGPU_SMALL_PIVOT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_SMALL_PIVOT_INL_H_
#undef NNGPU_SMALL_PIVOT_INL_H_
#else
#define NNGPU_SMALL_PIVOT_INL_H_
#endif

#include "backend/cpu/lapack/small_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::small::HWY_NAMESPACE {

// The largest |a(i, k)| of some rows, and the first row that has it as a number of type T, per lane.
template <class T>
struct Largest {
  Vec<T> size, row;
  HWY_INLINE void include(Vec<T> other, Vec<T> other_row) {
    const Mask<T> larger = hn::Gt(other, size);
    size = hn::IfThenElse(larger, other, size);
    row = hn::IfThenElse(larger, other_row, row);
  }
};

// Per lane, the row >= k with the largest |a(row, k)| (the first of equals), as a number of type T. The lower half
// of the rows is searched beside the upper one, for each comparison waits for the one before.
template <class T>
HWY_INLINE Vec<T> pivot_row(int m, View<T> a, int k) {
  const Vec<T> one = set<T>(1);
  const int half = (m - k) / 2, middle = m - half;
  Vec<T> here = set<T>(k), there = set<T>(middle);
  Largest<T> upper{hn::Abs(a.get(k, k)), here};
  if (half == 0) return here;
  Largest<T> lower{hn::Abs(a.get(middle, k)), there};
  for (int i = 1; i < half; ++i) {
    here = hn::Add(here, one);
    there = hn::Add(there, one);
    upper.include(hn::Abs(a.get(k + i, k)), here);
    lower.include(hn::Abs(a.get(middle + i, k)), there);
  }
  if (k + half < middle) upper.include(hn::Abs(a.get(k + half, k)), hn::Add(here, one));
  upper.include(lower.size, lower.row);
  return upper.row;
}

// Rows that some lane swaps with row k: a short list that every column then walks. Of few rows nearly all are
// swapped in some lane, and all are listed: a length that is known beforehand costs no mispredicted branch.
template <class T>
struct Swaps {
  int count = 0;
  int64_t rows[kMaxSide];   // where they start in a column
  Mask<T> masks[kMaxSide];  // the lanes that swap it

  HWY_INLINE void find(int m, View<T> a, int k, Vec<T> pivot) {
    constexpr Tag<T> d;
    const Vec<T> one = set<T>(1);
    Vec<T> here = set<T>(k);
    count = 0;
    if (hn::AllTrue(d, hn::Eq(pivot, here))) return;
    const bool all = m - k <= kLanes<T>;
    for (int i = k + 1; i < m; ++i) {
      here = hn::Add(here, one);
      masks[count] = hn::Eq(pivot, here);
      rows[count] = i * a.rs;
      count += all || !hn::AllFalse(d, masks[count]);
    }
  }

  // Swaps in columns j .. j + kCols.
  template <int kCols>
  HWY_INLINE void apply(View<T> a, int k, int j) const {
    Vec<T> before[kCols], top[kCols];
    HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) top[c] = before[c] = a.get(k, j + c);
    T* column = a.at(0, j);
    for (int s = 0; s < count; ++s) {
      T* p = column + rows[s];
      const Mask<T> mask = masks[s];
      HWY_UNROLL(8)
      for (int c = 0; c < kCols; ++c) {
        const Vec<T> x = load(p + c * a.cs);
        top[c] = hn::IfThenElse(mask, x, top[c]);
        store<T>(hn::IfThenElse(mask, before[c], x), p + c * a.cs);
      }
    }
    HWY_UNROLL(8) for (int c = 0; c < kCols; ++c) a.put(k, j + c, top[c]);
  }

  // Swaps in columns begin .. end.
  HWY_INLINE void apply_all(View<T> a, int k, int begin, int end) const {
    if (count == 0) return;
    int j = begin;
    if constexpr (kManyRegisters) {
      for (; j + 8 <= end; j += 8) apply<8>(a, k, j);
    }
    for (; j + 4 <= end; j += 4) apply<4>(a, k, j);
    for (; j < end; ++j) apply<1>(a, k, j);
  }
};

// Swaps rows k and pivot of the n columns.
template <class T>
HWY_INLINE void swap_rows(int m, int n, View<T> a, int k, Vec<T> pivot) {
  Swaps<T> swaps;
  swaps.find(m, a, k, pivot);
  swaps.apply_all(a, k, 0, n);
}

}  // namespace nngpu::cpu::small::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // NNGPU_SMALL_PIVOT_INL_H_
