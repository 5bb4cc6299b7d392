// Orthogonal reductions to condensed form. All reflectors come out explicit (leading one stored, zeros above), one
// a column, ready for form_block_factor and apply_reflectors.
#ifndef NNGPU_BACKEND_CPU_LAPACK_REDUCTION_H_
#define NNGPU_BACKEND_CPU_LAPACK_REDUCTION_H_

#include <cmath>
#include <cstdint>
#include <limits>

#include "backend/cpu/lapack/panel.h"

namespace nngpu::cpu {

// Turns x (n) into a reflector: H x = beta e1, H = I - tau v v^T with v[0] = 1 in x's place; returns beta. Entries
// whose squares vanish are taken as zero: the caller has scaled the matrix to entries near one.
template <class T>
T make_reflector(int64_t n, T* x, T* tau) {
  const T alpha = x[0];
  T square = 0;
  if (n > 1) product_kernels<T>().inner(n - 1, 1, 1, x + 1, n, x + 1, n, T(0), &square, 1);
  x[0] = 1;
  if (!(square >= std::numeric_limits<T>::min())) {
    for (int64_t i = 1; i < n; ++i) x[i] = 0;
    *tau = 0;
    return alpha;
  }
  const T beta = -std::copysign(std::sqrt(alpha * alpha + square), alpha);
  *tau = (beta - alpha) / beta;
  const T scale = T(1) / (alpha - beta);
  for (int64_t i = 1; i < n; ++i) x[i] *= scale;
  return beta;
}

// Q^T A Q = T for symmetric A (n x n, lower triangle, overwritten): diagonal d (n), off-diagonal e (n - 1),
// Q = H_0 ... H_{n-2}; H_j's vector is column j of v (n x (n - 1), leading one in row j + 1). v may be null.
template <class T>
void tridiagonalise(int64_t n, T* a, int64_t lda, T* d, T* e, T* tau, T* v, int64_t ldv);

// Q^T A P = B, upper bidiagonal, for A (m x n, m >= n, overwritten): diagonal d (n), superdiagonal e (n - 1).
// Q = H_0 ... H_{n-1} in v (m x n, leading ones in row j), P = G_0 ... G_{n-2} in u (n x (n - 1), leading ones in
// row j + 1).
template <class T>
void bidiagonalise(int64_t m, int64_t n, T* a, int64_t lda, T* d, T* e, T* tau_q, T* v, int64_t ldv, T* tau_p,
                   T* u, int64_t ldu);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAPACK_REDUCTION_H_
