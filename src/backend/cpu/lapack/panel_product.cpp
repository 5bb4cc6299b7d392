#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/lapack/panel_product.cpp"
#include <hwy/foreach_target.h>

#include "backend/cpu/lapack/panel.h"
#include "backend/cpu/targets.h"
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Accumulators of a tile: rows in vectors times columns, bounded by the register file.
#if HWY_TARGET <= HWY_AVX3
constexpr int kTileColumns = 8;
#else
constexpr int kTileColumns = 4;
#endif
constexpr int kTileVectors = 3;

template <int kVectors, int kColumns, bool kMasked, class D, class T = hn::TFromD<D>>
HWY_INLINE void update_tile(D d, int64_t rows, int64_t k, T alpha, const T* HWY_RESTRICT a, int64_t lda,
                            const T* HWY_RESTRICT b, int64_t ldb, T* HWY_RESTRICT c, int64_t ldc) {
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto mask = hn::FirstN(d, static_cast<size_t>(rows));
  V sum[kColumns][kVectors];
  for (int j = 0; j < kColumns; ++j)
    for (int v = 0; v < kVectors; ++v) sum[j][v] = hn::Zero(d);
  for (int64_t p = 0; p < k; ++p) {
    V column[kVectors];
    for (int v = 0; v < kVectors; ++v)
      column[v] = kMasked ? hn::MaskedLoad(mask, d, a + p * lda) : hn::LoadU(d, a + p * lda + v * lanes);
    for (int j = 0; j < kColumns; ++j) {
      const V factor = hn::Set(d, b[p + j * ldb]);
      for (int v = 0; v < kVectors; ++v) sum[j][v] = hn::MulAdd(column[v], factor, sum[j][v]);
    }
  }
  const V scale = hn::Set(d, alpha);
  for (int j = 0; j < kColumns; ++j) {
    for (int v = 0; v < kVectors; ++v) {
      T* to = c + j * ldc + v * lanes;
      if (kMasked) {
        hn::BlendedStore(hn::MulAdd(scale, sum[j][v], hn::MaskedLoad(mask, d, to)), mask, d, to);
      } else {
        hn::StoreU(hn::MulAdd(scale, sum[j][v], hn::LoadU(d, to)), d, to);
      }
    }
  }
}

// All columns of one strip of rows.
template <int kVectors, bool kMasked, class D, class T = hn::TFromD<D>>
HWY_INLINE void update_strip(D d, int64_t rows, int64_t n, int64_t k, T alpha, const T* a, int64_t lda, const T* b,
                             int64_t ldb, T* c, int64_t ldc) {
  int64_t j = 0;
  for (; j + kTileColumns <= n; j += kTileColumns)
    update_tile<kVectors, kTileColumns, kMasked>(d, rows, k, alpha, a, lda, b + j * ldb, ldb, c + j * ldc, ldc);
  for (; j + 2 <= n; j += 2)
    update_tile<kVectors, 2, kMasked>(d, rows, k, alpha, a, lda, b + j * ldb, ldb, c + j * ldc, ldc);
  for (; j < n; ++j)
    update_tile<kVectors, 1, kMasked>(d, rows, k, alpha, a, lda, b + j * ldb, ldb, c + j * ldc, ldc);
}

template <class T>
void update(int64_t m, int64_t n, int64_t k, T alpha, const T* a, int64_t lda, const T* b, int64_t ldb, T* c,
            int64_t ldc) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + kTileVectors * lanes <= m; i += kTileVectors * lanes)
    update_strip<kTileVectors, false>(d, lanes, n, k, alpha, a + i, lda, b, ldb, c + i, ldc);
  for (; i + lanes <= m; i += lanes) update_strip<1, false>(d, lanes, n, k, alpha, a + i, lda, b, ldb, c + i, ldc);
  if (i < m) update_strip<1, true>(d, m - i, n, k, alpha, a + i, lda, b, ldb, c + i, ldc);
}

// w (kRows x kColumns) of inner products over m rows.
template <int kRows, int kColumns, class D, class T = hn::TFromD<D>>
HWY_INLINE void inner_tile(D d, int64_t m, const T* HWY_RESTRICT v, int64_t ldv, const T* HWY_RESTRICT c,
                           int64_t ldc, T beta, T* HWY_RESTRICT w, int64_t ldw) {
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  V sum[kColumns][kRows];
  for (int j = 0; j < kColumns; ++j)
    for (int r = 0; r < kRows; ++r) sum[j][r] = hn::Zero(d);
  int64_t i = 0;
  for (; i + lanes <= m; i += lanes) {
    V left[kRows];
    for (int r = 0; r < kRows; ++r) left[r] = hn::LoadU(d, v + r * ldv + i);
    for (int j = 0; j < kColumns; ++j) {
      const V right = hn::LoadU(d, c + j * ldc + i);
      for (int r = 0; r < kRows; ++r) sum[j][r] = hn::MulAdd(left[r], right, sum[j][r]);
    }
  }
  if (i < m) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(m - i));
    V left[kRows];
    for (int r = 0; r < kRows; ++r) left[r] = hn::MaskedLoad(mask, d, v + r * ldv + i);
    for (int j = 0; j < kColumns; ++j) {
      const V right = hn::MaskedLoad(mask, d, c + j * ldc + i);
      for (int r = 0; r < kRows; ++r) sum[j][r] = hn::MulAdd(left[r], right, sum[j][r]);
    }
  }
  for (int j = 0; j < kColumns; ++j) {
    for (int r = 0; r < kRows; ++r) {
      const T total = hn::GetLane(hn::SumOfLanes(d, sum[j][r]));
      w[r + j * ldw] = beta == T(0) ? total : total + beta * w[r + j * ldw];
    }
  }
}

template <int kColumns, class D, class T = hn::TFromD<D>>
HWY_INLINE void inner_columns(D d, int64_t m, int64_t k, const T* v, int64_t ldv, const T* c, int64_t ldc, T beta,
                              T* w, int64_t ldw) {
  int64_t r = 0;
  for (; r + 4 <= k; r += 4) inner_tile<4, kColumns>(d, m, v + r * ldv, ldv, c, ldc, beta, w + r, ldw);
  for (; r < k; ++r) inner_tile<1, kColumns>(d, m, v + r * ldv, ldv, c, ldc, beta, w + r, ldw);
}

template <class T>
void inner(int64_t m, int64_t k, int64_t n, const T* v, int64_t ldv, const T* c, int64_t ldc, T beta, T* w,
           int64_t ldw) {
  const hn::ScalableTag<T> d;
  constexpr int kColumns = HWY_TARGET <= HWY_AVX3 ? 4 : 2;
  int64_t j = 0;
  for (; j + kColumns <= n; j += kColumns)
    inner_columns<kColumns>(d, m, k, v, ldv, c + j * ldc, ldc, beta, w + j * ldw, ldw);
  for (; j < n; ++j) inner_columns<1>(d, m, k, v, ldv, c + j * ldc, ldc, beta, w + j * ldw, ldw);
}

void product_table(ProductKernels<float>* f32, ProductKernels<double>* f64) {
  *f32 = {update<float>, inner<float>};
  *f64 = {update<double>, inner<double>};
}

}  // namespace HWY_NAMESPACE
}  // namespace nngpu::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu {
namespace {

HWY_EXPORT(product_table);

struct Tables {
  Tables() { HWY_DYNAMIC_DISPATCH(product_table)(&f32, &f64); }
  ProductKernels<float> f32;
  ProductKernels<double> f64;
};

const Tables& tables() {
  static const Tables instance;
  return instance;
}

}  // namespace

template <>
const ProductKernels<float>& product_kernels<float>() {
  return tables().f32;
}
template <>
const ProductKernels<double>& product_kernels<double>() {
  return tables().f64;
}

}  // namespace nngpu::cpu
#endif  // HWY_ONCE
