// Householder reflectors in blocks: H_1 ... H_k = I - V T V^T (compact WY; Schreiber and Van Loan 1989).
//
// V is m x k with explicit unit lower trapezoidal form (ones on, zeros above the diagonal), so that products with
// it are plain gemm. T is kept transposed, as lower triangle `tt`, which makes every small product of the panel
// recursion a product of column-major matrices.
#ifndef NNGPU_BACKEND_CPU_LAPACK_HOUSEHOLDER_H_
#define NNGPU_BACKEND_CPU_LAPACK_HOUSEHOLDER_H_

#include <cstdint>

#include "backend/cpu/blas.h"

namespace nngpu::cpu {

inline constexpr int64_t kReflectorBlock = 64;  // columns of one V that share a T

// QR of the panel p (m x k, k <= kReflectorBlock, m >= k): R in its upper triangle, reflectors below; tt (k x k,
// strict upper triangle zero) as above.
template <class T>
void panel_qr(int64_t m, int64_t k, T* p, int64_t ldp, T* tt, int64_t ldt);

// Replaces the upper triangle of the leading k columns of v by that of an explicit V.
template <class T>
void clean_reflectors(int64_t k, T* v, int64_t ldv);

// tt from explicit reflectors v (m x k) and their tau.
template <class T>
void form_block_factor(int64_t m, int64_t k, const T* v, int64_t ldv, const T* tau, T* tt, int64_t ldt);

// c (m x n, any strides) = (I - V T V^T) c, or with `transposed` (I - V T^T V^T) c. work: 2 * k * n elements.
template <class T>
void apply_reflectors(bool transposed, int64_t m, int64_t n, int64_t k, const T* v, int64_t ldv, const T* tt,
                      int64_t ldt, Matrix<T> c, T* work);

// c (m x n, any strides) = H_0 ... H_{k-1} c for any number of explicit reflectors, block by block.
template <class T>
void apply_reflector_blocks(int64_t m, int64_t k, int64_t n, const T* v, int64_t ldv, const T* tau, Matrix<T> c);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAPACK_HOUSEHOLDER_H_
