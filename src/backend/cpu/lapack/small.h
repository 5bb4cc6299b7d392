// Decompositions of many small matrices (no side over 32) on raw memory, with the contracts of ../lapack.h.
//
// Lanes of a SIMD vector hold different matrices: a group of 16 float or 8 double matrices (with 512-bit vectors)
// is transposed into scratch memory, factored in lockstep without a single shuffle, and transposed back. An
// incomplete group is filled up with copies of one of its matrices, so one matrix and a thousand run the same
// instructions and an item's result depends on nothing but the item.
//
// Contents of items whose info is not 0: lu() completes the factors; the factor of a failed cholesky() holds NaN
// or infinity from the failing column on; the inverse or solution of a singular matrix holds infinities or NaN;
// eigh() and svd() of matrices with NaN or infinity give NaN everywhere and report that no value converged.
#ifndef NNGPU_BACKEND_CPU_LAPACK_SMALL_H_
#define NNGPU_BACKEND_CPU_LAPACK_SMALL_H_

#include <algorithm>
#include <cstdint>

#include "backend/cpu/lapack.h"

namespace nngpu::cpu::small {

inline constexpr int64_t kMaxSide = 32;

// Whether the functions below take m x n matrices.
inline bool fits(int64_t m, int64_t n) { return std::max(m, n) <= kMaxSide; }

template <class T>
void lu(int64_t count, int64_t m, int64_t n, Batch<T> a, int32_t* pivots, int32_t* info);

// nrhs is not limited.
template <class T>
void lu_solve(int64_t count, int64_t n, int64_t nrhs, Batch<const T> lu, const int32_t* pivots, Batch<T> b);

template <class T>
void cholesky(int64_t count, int64_t n, Batch<T> a, int32_t* info);

template <class T>
void inverse(int64_t count, int64_t n, Batch<T> a, int32_t* info);

// nrhs is not limited.
template <class T>
void solve(int64_t count, int64_t n, int64_t nrhs, Batch<T> a, Batch<T> b, int32_t* info);

template <class T>
void qr(int64_t count, int64_t m, int64_t n, bool complete, Batch<T> a, Batch<T> q, Batch<T> r);

template <class T>
void eigh(int64_t count, int64_t n, Batch<T> a, T* w, int64_t w_step, Batch<T> v, int32_t* info);

template <class T>
void svd(int64_t count, int64_t m, int64_t n, bool full, Batch<T> a, Batch<T> u, T* s, int64_t s_step, Batch<T> vt,
         int32_t* info);

}  // namespace nngpu::cpu::small

#endif  // NNGPU_BACKEND_CPU_LAPACK_SMALL_H_
