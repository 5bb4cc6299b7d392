// Matrix-vector products of the reductions to tridiagonal and bidiagonal form, each reading the matrix once.
//
// Partial results are formed over a number of chunks that depends on the size alone and are added in order, so
// the number of threads changes nothing.
#ifndef NNGPU_BACKEND_CPU_LAPACK_MATVEC_H_
#define NNGPU_BACKEND_CPU_LAPACK_MATVEC_H_

#include <cstdint>

namespace nngpu::cpu {

inline constexpr int64_t kMatvecChunks = 8;

// y = A x for symmetric A (n x n), of which only the lower triangle is read. work: kMatvecChunks * n.
template <class T>
void symmetric_matvec(int64_t n, const T* a, int64_t lda, const T* x, T* y, T* work);

// r = g - scale * A^T v, then t = A r, for A (m x n): each strip of columns is used for both while it is in cache.
// r may be g. work: kMatvecChunks * m.
template <class T>
void two_sided_matvec(int64_t m, int64_t n, const T* a, int64_t lda, const T* v, T scale, const T* g, T* r, T* t,
                      T* work);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAPACK_MATVEC_H_
