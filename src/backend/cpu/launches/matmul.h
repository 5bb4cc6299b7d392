// Parts of the matmul launch.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_MATMUL_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_MATMUL_H_

#include "backend/cpu/blas.h"
#include "backend/cpu/launches/walk.h"

namespace nngpu::cpu {

// The batch axes and the last two axes of a matmul's operands: a (m x k), b (k x n), c (m x n).
struct MatmulShape {
  int64_t m, n, k;
  Walk<3> batch;

  MatmulShape(const graph::Operand& a, const graph::Operand& b, const graph::Operand& c) {
    const int rank = c.shape.size();
    m = c.shape[rank - 2];
    n = c.shape[rank - 1];
    k = a.shape[rank - 1];
    for (int i = 0; i < rank - 2; ++i) batch.append(c.shape[i], {a.strides[i], b.strides[i], c.strides[i]});
  }
  bool empty() const { return batch.count() == 0 || m == 0 || n == 0; }
};

template <class T>
ConstMatrix<T> const_matrix(const graph::Operand& x, const T* data) {
  const int rank = x.shape.size();
  return {data, x.strides[rank - 2], x.strides[rank - 1]};
}
template <class T>
Matrix<T> mutable_matrix(const graph::Operand& x, T* data) {
  const int rank = x.shape.size();
  return {data, x.strides[rank - 2], x.strides[rank - 1]};
}

// f32 and f64 products of one item. `finish` wants dense results.
template <class T>
void matmul_real(const MatmulShape& shape, ConstMatrix<T> a, ConstMatrix<T> b, Matrix<T> c,
                 const Finish* finish = nullptr);

// Exact products modulo 2^bits; of bool: or of ands.
void matmul_integer(const Item& item, const graph::RunContext& context);

// Half types: operands widened to f32, the result rounded once.
void matmul_half(const Item& item, const graph::RunContext& context);

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_MATMUL_H_
