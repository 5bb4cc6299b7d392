// Decompositions of the CPU backend on raw memory: one matrix, or `count` of the same shape. T is float or double.
//
// Matrices are column-major and contiguous: element (i, j) of item b is a[b * step + i + j * ld]. Inputs are
// overwritten as stated. `info[b]` (count entries) is 0 on success, as LAPACK's INFO > 0 otherwise: the 1-based
// pivot for lu (exactly zero) and cholesky (not positive), the number of values not converged for eigh and svd.
// The result of an item is bitwise the same for every count and number of threads. Nothing throws except
// std::bad_alloc.
#ifndef NNGPU_BACKEND_CPU_LAPACK_H_
#define NNGPU_BACKEND_CPU_LAPACK_H_

#include <cstdint>

namespace nngpu::cpu {

template <class T>
struct Batch {
  T* data;
  int64_t ld;    // elements between columns
  int64_t step;  // elements between items
};

// P A = L U with partial pivoting, in place (m x n); pivots[b * min(m, n) + i] is the 0-based row swapped with row
// i.
template <class T>
void lu(int64_t count, int64_t m, int64_t n, Batch<T> a, int32_t* pivots, int32_t* info);

// Solves A x = b from lu()'s result, in place of b (n x nrhs).
template <class T>
void lu_solve(int64_t count, int64_t n, int64_t nrhs, Batch<const T> lu, const int32_t* pivots, Batch<T> b);

// A = L L^T in place of the lower triangle; the strict upper triangle is set to zero. Only the lower triangle is
// read.
template <class T>
void cholesky(int64_t count, int64_t n, Batch<T> a, int32_t* info);

// inverse in place; info as lu().
template <class T>
void inverse(int64_t count, int64_t n, Batch<T> a, int32_t* info);

// Solves A x = b (a n x n is overwritten by its factors, b n x nrhs by x).
template <class T>
void solve(int64_t count, int64_t n, int64_t nrhs, Batch<T> a, Batch<T> b, int32_t* info);

// A (m x n) = Q R: r (min x n, or m x n with `complete`), q (m x min, or m x m). a is overwritten. q may be null
// (R alone).
template <class T>
void qr(int64_t count, int64_t m, int64_t n, bool complete, Batch<T> a, Batch<T> q, Batch<T> r);

// Symmetric eigenproblem from the lower triangle: w (count x n, ascending), v (n x n, columns) where v.data is not
// null. a is overwritten.
template <class T>
void eigh(int64_t count, int64_t n, Batch<T> a, T* w, int64_t w_step, Batch<T> v, int32_t* info);

// A (m x n) = U diag(s) V^T: s (count x min, descending, >= 0), u (m x k), vt (k' x n), thin (k = k' = min) or
// full (k = m, k' = n); values alone where u.data and vt.data are null. a is overwritten.
template <class T>
void svd(int64_t count, int64_t m, int64_t n, bool full, Batch<T> a, Batch<T> u, T* s, int64_t s_step, Batch<T> vt,
         int32_t* info);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAPACK_H_
