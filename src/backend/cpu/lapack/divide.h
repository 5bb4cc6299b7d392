// Divide and conquer for tridiagonal and bidiagonal matrices (Cuppen 1981; Gu and Eisenstat 1994, 1995): LAPACK's
// deflation and secular equation solvers, with the roots, the vectors and the halves on all threads and the
// products on our gemm. Where the halves are cut depends on the size alone.
#ifndef NNGPU_BACKEND_CPU_LAPACK_DIVIDE_H_
#define NNGPU_BACKEND_CPU_LAPACK_DIVIDE_H_

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "backend/cpu/parallel.h"

namespace nngpu::cpu {

// Eigenvalues d (any order) and vectors z (n x n) of the tridiagonal (d, e). Returns LAPACK's info.
template <class T>
int32_t tridiagonal_divide(int64_t n, T* d, T* e, T* z, int64_t ldz);

// Singular values d (any order) and vectors of the upper bidiagonal (d, e): columns of u, rows of vt, all n x n.
template <class T>
int32_t bidiagonal_divide(int64_t n, T* d, T* e, T* u, int64_t ldu, T* vt, int64_t ldvt);

// order (n, from `base` on) sorts d ascending.
template <class T>
void sorting_order(int64_t n, const T* d, int base, int* order) {
  std::iota(order, order + n, base);
  std::stable_sort(order, order + n, [&](int a, int b) { return d[a - base] < d[b - base]; });
}

// Calls solve(half) for both halves at once; returns the first failure.
template <class Solve>
int32_t both_halves(const Solve& solve) {
  int32_t info[2] = {0, 0};
  parallel_for(2, 1, [&](int64_t begin, int64_t end) {
    for (int64_t half = begin; half < end; ++half) info[half] = solve(half);
  });
  return info[0] != 0 ? info[0] : info[1];
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAPACK_DIVIDE_H_
