// LU of one matrix, shared by lu, solve and inverse.
#ifndef NNGPU_BACKEND_CPU_LAPACK_LU_FACTOR_H_
#define NNGPU_BACKEND_CPU_LAPACK_LU_FACTOR_H_

#include <cstdint>

#include "backend/cpu/blas.h"

namespace nngpu::cpu {

// P A = L U in place (m x n); pivots and the returned info as lu() in lapack.h.
template <class T>
int32_t lu_factor(int64_t m, int64_t n, T* a, int64_t lda, int32_t* pivots);

// Applies the row swaps i <-> pivots[i], i in [begin, end), to n columns.
template <class T>
void swap_rows(int64_t n, T* a, int64_t lda, int64_t begin, int64_t end, const int32_t* pivots);

// b (n x nrhs) = A^-1 b from the factors.
template <class T>
void lu_substitute(int64_t n, int64_t nrhs, const T* lu, int64_t ldlu, const int32_t* pivots, T* b, int64_t ldb);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAPACK_LU_FACTOR_H_
