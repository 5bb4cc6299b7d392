// Vector kernels for narrow panels of column-major matrices: products that are too thin for packing to pay, and
// the unblocked factorisations at the bottom of the recursions. Single-threaded.
#ifndef NNGPU_BACKEND_CPU_LAPACK_PANEL_H_
#define NNGPU_BACKEND_CPU_LAPACK_PANEL_H_

#include <cstdint>

namespace nngpu::cpu {

inline constexpr int64_t kLeafColumns = 8;  // widest panel the unblocked LU and QR accept

template <class T>
struct ProductKernels {
  // c (m x n) += alpha * a (m x k) * b (k x n).
  void (*update)(int64_t m, int64_t n, int64_t k, T alpha, const T* a, int64_t lda, const T* b, int64_t ldb, T* c,
                 int64_t ldc);
  // w (k x n) = v^T * c + beta * w for v (m x k), c (m x n). With beta == 0, w is write-only.
  void (*inner)(int64_t m, int64_t k, int64_t n, const T* v, int64_t ldv, const T* c, int64_t ldc, T beta, T* w,
                int64_t ldw);
};

template <class T>
struct FactorKernels {
  // LU with partial pivoting of m x n, n <= kLeafColumns; pivots relative to the first row. Returns the 1-based
  // position of the first zero pivot, 0 if there is none.
  int64_t (*lu_leaf)(int64_t m, int64_t n, T* a, int64_t lda, int32_t* pivots);
  // b (k x n) = l^-1 b for unit lower triangular l (k x k), k <= kLeafColumns.
  void (*solve_unit_lower)(int64_t k, int64_t n, const T* l, int64_t ldl, T* b, int64_t ldb);
  // Cholesky of the lower triangle, n <= a few dozen; the rest of a is scratch. Returns the 1-based failing pivot
  // or 0.
  int64_t (*cholesky_leaf)(int64_t n, T* a, int64_t lda);
  // Householder QR of m x n, n <= kLeafColumns, m >= n. On return the upper triangle holds R, below it the
  // reflectors without their leading ones.
  void (*qr_leaf)(int64_t m, int64_t n, T* a, int64_t lda, T* tau);
};

template <class T>
const ProductKernels<T>& product_kernels();
template <class T>
const FactorKernels<T>& factor_kernels();

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAPACK_PANEL_H_
