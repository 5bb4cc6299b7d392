#include "backend/cpu/lapack/householder.h"

#include <algorithm>

#include "backend/cpu/lapack/panel.h"
#include "backend/cpu/lapack/workspace.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kHalf = kReflectorBlock / 2;

// out (k x k) = the leading unit lower triangle of v.
template <class T>
void copy_unit_lower(int64_t k, const T* v, int64_t ldv, T* out) {
  for (int64_t j = 0; j < k; ++j) {
    std::fill(out + j * k, out + j * k + j, T(0));
    out[j + j * k] = 1;
    std::copy(v + j + 1 + j * ldv, v + k + j * ldv, out + j + 1 + j * k);
  }
}

// tt of a leaf: column by column from the inner products of its reflectors (LAPACK's larft).
template <class T>
void leaf_block_factor(int64_t m, int64_t k, const T* v, int64_t ldv, const T* tau, T* tt, int64_t ldt) {
  T top[kLeafColumns * kLeafColumns], gram[kLeafColumns * kLeafColumns];
  const auto& kernels = product_kernels<T>();
  copy_unit_lower(k, v, ldv, top);
  kernels.inner(k, k, k, top, k, top, k, T(0), gram, k);
  kernels.inner(m - k, k, k, v + k, ldv, v + k, ldv, T(1), gram, k);
  for (int64_t j = 0; j < k; ++j) {
    tt[j + j * ldt] = tau[j];
    for (int64_t i = 0; i < j; ++i) {
      T sum = 0;
      for (int64_t s = i; s < j; ++s) sum += gram[j + s * k] * tt[s + i * ldt];
      tt[j + i * ldt] = -tau[j] * sum;
      tt[i + j * ldt] = 0;
    }
  }
}

// tt's lower left block from its diagonal blocks: T12 = -T1 (V1^T V2) T2, transposed. cross = V2^T V1 (k2 x k1).
template <class T>
void join_block_factors(int64_t k1, int64_t k2, const T* cross, T* tt, int64_t ldt) {
  const auto& kernels = product_kernels<T>();
  T right[kHalf * kHalf];
  std::fill(right, right + k2 * k1, T(0));
  kernels.update(k2, k1, k1, T(1), cross, k2, tt, ldt, right, k2);
  for (int64_t j = 0; j < k1; ++j) {
    std::fill(tt + k1 + j * ldt, tt + k1 + k2 + j * ldt, T(0));
    for (int64_t i = k1; i < k1 + k2; ++i) tt[j + i * ldt] = 0;
  }
  kernels.update(k2, k1, k2, T(-1), tt + k1 + k1 * ldt, ldt, right, k2, tt + k1, ldt);
}

// Applies the reflectors of the left k1 columns of a panel to the k2 columns right of them.
template <class T>
void update_right_half(int64_t m, int64_t k1, int64_t k2, T* p, int64_t ldp, const T* tt, int64_t ldt) {
  const auto& kernels = product_kernels<T>();
  T top[kHalf * kHalf], inner[kHalf * kHalf], scaled[kHalf * kHalf];
  T* c = p + k1 * ldp;
  copy_unit_lower(k1, p, ldp, top);
  kernels.inner(k1, k1, k2, top, k1, c, ldp, T(0), inner, k1);
  kernels.inner(m - k1, k1, k2, p + k1, ldp, c + k1, ldp, T(1), inner, k1);
  std::fill(scaled, scaled + k1 * k2, T(0));
  kernels.update(k1, k2, k1, T(1), tt, ldt, inner, k1, scaled, k1);
  kernels.update(k1, k2, k1, T(-1), top, k1, scaled, k1, c, ldp);
  kernels.update(m - k1, k2, k1, T(-1), p + k1, ldp, scaled, k1, c + k1, ldp);
}

}  // namespace

// Recursive halving (Elmroth and Gustavson 2000): all but the leaves is matrix products.
template <class T>
void panel_qr(int64_t m, int64_t k, T* p, int64_t ldp, T* tt, int64_t ldt) {
  if (k <= kLeafColumns) {
    T tau[kLeafColumns];
    factor_kernels<T>().qr_leaf(m, k, p, ldp, tau);
    leaf_block_factor(m, k, p, ldp, tau, tt, ldt);
    return;
  }
  const int64_t k1 = (k / 2 + kLeafColumns - 1) / kLeafColumns * kLeafColumns;
  const int64_t k2 = k - k1;
  panel_qr(m, k1, p, ldp, tt, ldt);
  update_right_half(m, k1, k2, p, ldp, tt, ldt);
  T* right = p + k1 + k1 * ldp;
  panel_qr(m - k1, k2, right, ldp, tt + k1 + k1 * ldt, ldt);
  const auto& kernels = product_kernels<T>();
  T top[kHalf * kHalf], cross[kHalf * kHalf];
  copy_unit_lower(k2, right, ldp, top);
  kernels.inner(k2, k2, k1, top, k2, p + k1, ldp, T(0), cross, k2);
  kernels.inner(m - k, k2, k1, right + k2, ldp, p + k, ldp, T(1), cross, k2);
  join_block_factors(k1, k2, cross, tt, ldt);
}

template <class T>
void clean_reflectors(int64_t k, T* v, int64_t ldv) {
  for (int64_t j = 0; j < k; ++j) {
    std::fill(v + j * ldv, v + j * ldv + j, T(0));
    v[j + j * ldv] = 1;
  }
}

template <class T>
void form_block_factor(int64_t m, int64_t k, const T* v, int64_t ldv, const T* tau, T* tt, int64_t ldt) {
  if (k <= kLeafColumns) return leaf_block_factor(m, k, v, ldv, tau, tt, ldt);
  const int64_t k1 = (k / 2 + kLeafColumns - 1) / kLeafColumns * kLeafColumns;
  const int64_t k2 = k - k1;
  const T* right = v + k1 + k1 * ldv;
  form_block_factor(m, k1, v, ldv, tau, tt, ldt);
  form_block_factor(m - k1, k2, right, ldv, tau + k1, tt + k1 + k1 * ldt, ldt);
  T cross[kHalf * kHalf];
  product_kernels<T>().inner(m - k1, k2, k1, right, ldv, v + k1, ldv, T(0), cross, k2);
  join_block_factors(k1, k2, cross, tt, ldt);
}

template <class T>
void apply_reflectors(bool transposed, int64_t m, int64_t n, int64_t k, const T* v, int64_t ldv, const T* tt,
                      int64_t ldt, Matrix<T> c, T* work) {
  if (m == 0 || n == 0 || k == 0) return;
  const Matrix<T> inner{work, 1, k}, scaled{work + k * n, 1, k};
  gemm<T>(k, n, m, T(1), {v, ldv, 1}, c, T(0), inner);
  const ConstMatrix<T> factor = transposed ? ConstMatrix<T>{tt, 1, ldt} : ConstMatrix<T>{tt, ldt, 1};
  gemm<T>(k, n, k, T(1), factor, inner, T(0), scaled);
  gemm<T>(m, n, k, T(-1), {v, 1, ldv}, scaled, T(1), c);
}

template <class T>
void apply_reflector_blocks(int64_t m, int64_t k, int64_t n, const T* v, int64_t ldv, const T* tau, Matrix<T> c) {
  if (k <= 0) return;
  Workspace<T> factor(kReflectorBlock * kReflectorBlock), work(2 * kReflectorBlock * n);
  for (int64_t j0 = (k - 1) / kReflectorBlock * kReflectorBlock; j0 >= 0; j0 -= kReflectorBlock) {
    const int64_t width = std::min(kReflectorBlock, k - j0);
    const T* block = v + j0 + j0 * ldv;
    form_block_factor(m - j0, width, block, ldv, tau + j0, factor.data(), kReflectorBlock);
    apply_reflectors(false, m - j0, n, width, block, ldv, factor.data(), kReflectorBlock,
                     {c.data + j0 * c.rs, c.rs, c.cs}, work.data());
  }
}

#define NNGPU_INSTANTIATE(T)                                                                            \
  template void panel_qr(int64_t, int64_t, T*, int64_t, T*, int64_t);                                   \
  template void clean_reflectors(int64_t, T*, int64_t);                                                 \
  template void form_block_factor(int64_t, int64_t, const T*, int64_t, const T*, T*, int64_t);          \
  template void apply_reflectors(bool, int64_t, int64_t, int64_t, const T*, int64_t, const T*, int64_t, \
                                 Matrix<T>, T*);                                                        \
  template void apply_reflector_blocks(int64_t, int64_t, int64_t, const T*, int64_t, const T*, Matrix<T>);
NNGPU_INSTANTIATE(float)
NNGPU_INSTANTIATE(double)
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
