// Stores with the columns or rows of every matrix in an order of its own.
#if defined(NNGPU_SMALL_PERMUTE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_SMALL_PERMUTE_INL_H_
#undef NNGPU_SMALL_PERMUTE_INL_H_
#else
#define NNGPU_SMALL_PERMUTE_INL_H_
#endif

#include "backend/cpu/lapack/small_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::small::HWY_NAMESPACE {

// Where column j of each matrix goes: place[j * kLanes + lane].
template <class T>
HWY_INLINE int place_of(const T* place, int j, int lane) {
  return static_cast<int>(place[j * kLanes<T> + lane]);
}

// Lane after lane, the m x n matrix as contiguous columns. `to` has room for kLanes of them, m * n apart.
template <class T>
HWY_INLINE void unpack(int m, int n, View<T> from, T* to) {
  T* item[kLanes<T>];
  for (int l = 0; l < kLanes<T>; ++l) item[l] = to + l * m * n;
  store_run<T>(item, kLanes<T>, m * n, m, from, 0);
}

// Column j of the view becomes column place[j] of the item. `work` as for unpack().
template <class T>
HWY_NOINLINE void store_columns(Group group, int m, int n, View<T> view, const T* place, Batch<T> to, T* work) {
  constexpr int kN = kLanes<T>;
  if (m >= kN) {
    for (int j = 0; j < n; ++j) {
      T* item[kN];
      for (int l = 0; l < kN; ++l) item[l] = group.item(to, l) + place_of(place, j, l) * to.ld;
      store_run<T>(item, group.active, m, m, view, j * m);
    }
    return;
  }
  unpack(m, n, view, work);
  for (int l = 0; l < group.active; ++l) {
    T* item = group.item(to, l);
    const T* from = work + l * m * n;
    for (int j = 0; j < n; ++j, from += m) {
      T* column = item + place_of(place, j, l) * to.ld;
      for (int i = 0; i < m; ++i) column[i] = from[i];
    }
  }
}

// Column j of the view becomes row place[j] of the n x m item. `work` as for unpack().
template <class T>
HWY_NOINLINE void store_rows(Group group, int m, int n, View<T> view, const T* place, Batch<T> to, T* work) {
  unpack(m, n, view, work);
  for (int l = 0; l < group.active; ++l) {
    T* item = group.item(to, l);
    const T* from = work + l * m * n;
    for (int j = 0; j < n; ++j, from += m) {
      T* row = item + place_of(place, j, l);
      for (int i = 0; i < m; ++i) row[i * to.ld] = from[i];
    }
  }
}

// Row orders of a group, one matrix after the other: row i of the result is row order[lane * kMaxSide + i].
template <class T>
using Index = hwy::MakeSigned<T>;

// From lu()'s swaps.
template <class T>
HWY_NOINLINE void order_rows(int n, const T* pivots, Index<T>* order) {
  for (int l = 0; l < kLanes<T>; ++l) {
    Index<T>* rows = order + l * kMaxSide;
    for (int i = 0; i < n; ++i) rows[i] = static_cast<Index<T>>(i);
    for (int k = 0; k < n; ++k) std::swap(rows[k], rows[place_of(pivots, k, l)]);
  }
}

// The matrices of a group, whose columns are kTables whole vectors, with their rows in the given orders: a table
// lookup a vector, where swaps of rows in lanes would each touch many lanes that they leave alone.
template <int kTables, class T>
HWY_NOINLINE void load_ordered(Group group, int n, Batch<T> from, const Index<T>* order, View<T> view) {
  constexpr Tag<T> d;
  constexpr hn::RebindToSigned<Tag<T>> di;
  constexpr int kN = kLanes<T>;
  const T* item[kN];
  for (int l = 0; l < kN; ++l) item[l] = group.item(from, l);
  for (int j = 0; j < n; ++j) {
    for (int v = 0; v < kTables; ++v) {
      Vec<T> x[kN];
      HWY_UNROLL(16)
      for (int l = 0; l < kN; ++l) {
        const auto at = hn::Load(di, order + l * kMaxSide + v * kN);
        const auto lane = hn::IndicesFromVec(d, hn::And(at, hn::Set(di, kN - 1)));
        x[l] = hn::TableLookupLanes(hn::LoadU(d, item[l]), lane);
        for (int t = 1; t < kTables; ++t) {
          const Mask<T> here = hn::RebindMask(d, hn::Gt(at, hn::Set(di, t * kN - 1)));
          x[l] = hn::IfThenElse(here, hn::TableLookupLanes(hn::LoadU(d, item[l] + t * kN), lane), x[l]);
        }
      }
      transpose<T>(x);
      HWY_UNROLL(16) for (int l = 0; l < kN; ++l) view.put(v * kN + l, j, x[l]);
    }
    for (int l = 0; l < kN; ++l) item[l] += from.ld;
  }
}

// place[j] = the number of values before values[j] in ascending (descending) order, equal ones by position.
template <bool kDescending, class T>
HWY_INLINE void rank(int n, const T* values, T* place) {
  constexpr int kN = kLanes<T>;
  const Vec<T> zero = hn::Zero(Tag<T>()), one = set<T>(1);
  for (int j = 0; j < n; ++j) store<T>(zero, place + j * kN);
  for (int j = 1; j < n; ++j) {
    const Vec<T> x = load(values + j * kN);
    Vec<T> before = zero;
    for (int i = 0; i < j; ++i) {
      const Vec<T> y = load(values + i * kN), at = load(place + i * kN);
      const Mask<T> first = kDescending ? hn::Ge(y, x) : hn::Le(y, x);
      before = hn::Add(before, hn::IfThenElse(first, one, zero));
      store<T>(hn::Add(at, hn::IfThenElse(first, zero, one)), place + i * kN);
    }
    store(before, place + j * kN);
  }
}

}  // namespace nngpu::cpu::small::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // NNGPU_SMALL_PERMUTE_INL_H_
