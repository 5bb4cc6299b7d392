// Matrix products cut into register tiles: what gemm, its batches, syrk and the triangular kernels share.
#ifndef NNGPU_BACKEND_CPU_BLAS_PRODUCT_H_
#define NNGPU_BACKEND_CPU_BLAS_PRODUCT_H_

#include "backend/cpu/blas.h"
#include "backend/cpu/blas/kernels.h"

namespace nngpu::cpu {

// The part of a product that is computed; the rest of c is left as it is.
enum class Part { All, Lower, Upper };

// Everything about a product but its matrices: one plan serves a whole batch.
template <class T>
struct Plan {
  const Kernels<T>* kernels;
  Part part;
  bool swapped;  // computes c^T = b^T * a^T: the tile stores columns of c, which are then contiguous
  bool gather;   // c has no unit stride at all: tiles pass through a buffer
  bool pack_a, pack_b;
  int64_t m, n, k;             // after swapping
  int64_t k_block;             // a function of k alone, so that neither threads nor batches change bits
  int64_t row_block;           // rows of a whose packed panels should stay in the second-level cache
  int64_t row_span, col_span;  // the largest part of c whose operands are packed at once
  T alpha, beta;
  int64_t a_rs, a_cs, b_rs, b_cs, c_rs, c_cs;  // after swapping
};

template <class T>
Plan<T> make_plan(Part part, int64_t m, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, ConstMatrix<T> b, T beta,
                  ConstMatrix<T> c);

// How many threads one product of this plan is worth.
template <class T>
int plan_threads(const Plan<T>& plan);

// Computes one product on `threads` threads; a, b and c in the order of make_plan's arguments. `finish`
// wants a result with a unit stride, and all of it.
template <class T>
void run_plan(const Plan<T>& plan, int threads, const T* a, const T* b, T* c, const Finish* finish = nullptr);

// make_plan and run_plan on as many threads as pay.
template <class T>
void product(Part part, int64_t m, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, ConstMatrix<T> b, T beta,
             Matrix<T> c, const Finish* finish = nullptr);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_BLAS_PRODUCT_H_
