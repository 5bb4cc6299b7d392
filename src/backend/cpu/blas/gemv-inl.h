// Matrix times vector for one instruction set. Included once a target by foreach_target.h.
#if defined(NNGPU_BACKEND_CPU_BLAS_GEMV_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_BACKEND_CPU_BLAS_GEMV_INL_H_
#undef NNGPU_BACKEND_CPU_BLAS_GEMV_INL_H_
#else
#define NNGPU_BACKEND_CPU_BLAS_GEMV_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "backend/cpu/blas/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// y += a * x for kVectors vectors of rows, the last of them masked if kTail.
template <class D, int kVectors, bool kTail, class T = hn::TFromD<D>>
HWY_INLINE void add_columns(const Rows<D, kVectors, kTail>& rows, int64_t n, const T* a, int64_t step, const T* x,
                            T* y) {
  const D d;
  hn::Vec<D> sum[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) sum[v] = rows.load(v, y);
  for (int64_t j = 0; j < n; ++j, a += step) {
    const auto scale = hn::Set(d, x[j]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      sum[v] = hn::MulAdd(rows.load(v, a), scale, sum[v]);
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) rows.store(v, sum[v], y);
}

// y += a * x for a with contiguous columns. Blocks of columns are narrow when each of them is in another page.
template <class T>
void gemv_columns(int64_t m, int64_t n, const T* a, int64_t step, const T* x, T* y) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = hn::Lanes(d);
  const Rows<decltype(d), 8, false> eight(8 * lanes);
  const Rows<decltype(d), 4, false> four(4 * lanes);
  const Rows<decltype(d), 1, false> one(lanes);
  const int64_t most = n <= 128 ? 128 : step * static_cast<int64_t>(sizeof(T)) < 32000 ? 16 : 8;
  for (int64_t j = 0; j < n; j += most) {
    const int64_t columns = std::min(most, n - j);
    const T* from = a + j * step;
    int64_t i = 0;
    for (; i + 8 * lanes <= m; i += 8 * lanes) add_columns(eight, columns, from + i, step, x + j, y + i);
    if (i + 4 * lanes <= m) {
      add_columns(four, columns, from + i, step, x + j, y + i);
      i += 4 * lanes;
    }
    for (; i + lanes <= m; i += lanes) add_columns(one, columns, from + i, step, x + j, y + i);
    if (i < m) add_columns(Rows<decltype(d), 1, true>(m - i), columns, from + i, step, x + j, y + i);
  }
}

// y += a * x for kRows contiguous rows; x holds zeros up to a whole vector.
template <int kRows, class T>
HWY_INLINE void add_rows(int64_t n, const T* a, int64_t step, const T* x, T* y) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> sum[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) sum[i] = hn::Zero(d);
  int64_t j = 0;
  for (; j + lanes <= n; j += lanes) {
    const auto right = hn::LoadU(d, x + j);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) sum[i] = hn::MulAdd(hn::LoadU(d, a + i * step + j), right, sum[i]);
  }
  if (j < n) {
    const auto mask = hn::FirstN(d, n - j);
    const auto right = hn::LoadU(d, x + j);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i)
      sum[i] = hn::MulAdd(load_tail(d, mask, n - j, a + i * step + j), right, sum[i]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) y[i] += hn::GetLane(hn::SumOfLanes(d, sum[i]));
}

template <class T>
void gemv_rows(int64_t m, int64_t n, const T* a, int64_t step, const T* x, T* y) {
  int64_t i = 0;
  for (; i + 8 <= m; i += 8) add_rows<8>(n, a + i * step, step, x, y + i);
  if (i + 4 <= m) {
    add_rows<4>(n, a + i * step, step, x, y + i);
    i += 4;
  }
  for (; i < m; ++i) add_rows<1>(n, a + i * step, step, x, y + i);
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
