// Cholesky factorisation of small matrices, one matrix a lane.
#include "backend/cpu/lapack/small.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/lapack/small_cholesky.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which chooses the target.
#include "backend/cpu/lapack/small_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::small::HWY_NAMESPACE {

// Rows i .. i + kRows of column j minus the products of columns first .. j: a dot product form has no stores in
// the inner loop.
template <int kRows, class T>
HWY_INLINE void eliminate(View<T> a, int i, int j, int first) {
  Vec<T> sum[kRows];
  HWY_UNROLL(8) for (int r = 0; r < kRows; ++r) sum[r] = a.get(i + r, j);
  for (int k = first; k < j; ++k) {
    const Vec<T> y = a.get(j, k);
    HWY_UNROLL(8) for (int r = 0; r < kRows; ++r) sum[r] = hn::NegMulAdd(a.get(i + r, k), y, sum[r]);
  }
  HWY_UNROLL(8) for (int r = 0; r < kRows; ++r) a.put(i + r, j, sum[r]);
}

// The lower triangle of panel begin .. end, minus the products of the columns before it.
template <class T>
HWY_INLINE void eliminate_panel(int n, View<T> a, int begin, int end) {
  int j = begin;
  for (; j + 4 <= end; j += 4)  // and what is above the diagonal in these four columns, which does not matter
    subtract_product<4>(n - j, begin, a.from(j, 0), a.from(j, 0).transposed(), a.from(j, j));
  for (; j < end; ++j) subtract_product<1>(n - j, begin, a.from(j, 0), a.from(j, 0).transposed(), a.from(j, j));
}

// Left-looking; info is 1 + the first column whose pivot is not positive (NaN included).
template <class T>
HWY_INLINE Vec<T> cholesky_lanes(int n, View<T> a) {
  constexpr Tag<T> d;
  const Vec<T> zero = hn::Zero(d), one = set<T>(1);
  Vec<T> info = zero;
  for (int j = 0; j < n; ++j) {
    const int first = j / kPanel * kPanel;
    if (j == first && j > 0) eliminate_panel(n, a, first, std::min(first + kPanel, n));
    int i = j;
    for (; i + 8 <= n; i += 8) eliminate<8>(a, i, j, first);
    for (; i + 2 <= n; i += 2) eliminate<2>(a, i, j, first);
    for (; i < n; ++i) eliminate<1>(a, i, j, first);
    const Vec<T> pivot = a.get(j, j);
    const Mask<T> failed = hn::And(hn::Not(hn::Gt(pivot, zero)), hn::Eq(info, zero));
    info = hn::IfThenElse(failed, set<T>(j + 1), info);
    const Vec<T> root = hn::Sqrt(pivot), scale = hn::Div(one, root);
    a.put(j, j, root);
    for (i = j + 1; i < n; ++i) a.put(i, j, hn::Mul(a.get(i, j), scale));
    for (i = 0; i < j; ++i) a.put(i, j, zero);
  }
  return info;
}

template <class T>
void cholesky_items(int64_t begin, int64_t end, int n, Batch<T> batch, int32_t* info) {
  Arena<T> arena(1, 1);
  const View<T> a = arena.columns(n, n);
  T* failed = arena.vector();
  each_group<T>(begin, end, [&](Group group) HWY_ATTR {
    load_group<T>(group, n, n, batch, a);
    store(cholesky_lanes(n, a), failed);
    store_group(group, n, n, a, batch);
    for (int l = 0; l < group.active; ++l) info[group.first + l] = static_cast<int32_t>(failed[l]);
  });
}

void cholesky_f32(int64_t begin, int64_t end, int n, Batch<float> a, int32_t* info) {
  cholesky_items(begin, end, n, a, info);
}
void cholesky_f64(int64_t begin, int64_t end, int n, Batch<double> a, int32_t* info) {
  cholesky_items(begin, end, n, a, info);
}

}  // namespace nngpu::cpu::small::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu::small {

HWY_EXPORT(cholesky_f32);
HWY_EXPORT(cholesky_f64);

template <class T>
void cholesky(int64_t count, int64_t n, Batch<T> a, int32_t* info) {
  for_groups<T>(count, 5.0 + 0.1 * n * n, [&](int64_t begin, int64_t end) {
    if constexpr (sizeof(T) == 4) {
      HWY_DYNAMIC_DISPATCH(cholesky_f32)(begin, end, static_cast<int>(n), a, info);
    } else {
      HWY_DYNAMIC_DISPATCH(cholesky_f64)(begin, end, static_cast<int>(n), a, info);
    }
  });
}

template void cholesky<float>(int64_t, int64_t, Batch<float>, int32_t*);
template void cholesky<double>(int64_t, int64_t, Batch<double>, int32_t*);

}  // namespace nngpu::cpu::small
#endif  // HWY_ONCE
