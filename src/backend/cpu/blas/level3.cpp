// Level-3 kernels on plain loops.
#include <utility>
#include <vector>

#include "backend/cpu/blas.h"
#include "backend/cpu/blas/product.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

// Coefficient (i, j) of a triangular matrix whose diagonal may be implied.
template <class T>
T entry(const ConstMatrix<T>& a, Diagonal diagonal, int64_t i, int64_t j) {
  return i == j && diagonal == Diagonal::Unit ? T{1} : a.data[i * a.rs + j * a.cs];
}

}  // namespace

template <class T>
void syrk(Triangle triangle, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, T beta, Matrix<T> c) {
  const Part part = triangle == Triangle::Lower ? Part::Lower : Part::Upper;
  product<T>(part, n, n, k, alpha, a, ConstMatrix<T>{a.data, a.cs, a.rs}, beta, c);
}

template <class T>
void trsm(Triangle triangle, Diagonal diagonal, int64_t m, int64_t n, ConstMatrix<T> a, Matrix<T> b) {
  for (int64_t step = 0; step < m; ++step) {
    const int64_t i = triangle == Triangle::Lower ? step : m - 1 - step;
    const int64_t from = triangle == Triangle::Lower ? 0 : i + 1;
    const int64_t to = triangle == Triangle::Lower ? i : m;
    for (int64_t j = 0; j < n; ++j) {
      T sum = b.data[i * b.rs + j * b.cs];
      for (int64_t p = from; p < to; ++p) sum -= a.data[i * a.rs + p * a.cs] * b.data[p * b.rs + j * b.cs];
      b.data[i * b.rs + j * b.cs] = sum / entry(a, diagonal, i, i);
    }
  }
}

template <class T>
void trmm(Triangle triangle, Diagonal diagonal, int64_t m, int64_t n, ConstMatrix<T> a, Matrix<T> b) {
  for (int64_t step = 0; step < m; ++step) {
    const int64_t i = triangle == Triangle::Lower ? m - 1 - step : step;
    const int64_t from = triangle == Triangle::Lower ? 0 : i;
    const int64_t to = triangle == Triangle::Lower ? i + 1 : m;
    for (int64_t j = 0; j < n; ++j) {
      T sum{0};
      for (int64_t p = from; p < to; ++p) sum += entry(a, diagonal, i, p) * b.data[p * b.rs + j * b.cs];
      b.data[i * b.rs + j * b.cs] = sum;
    }
  }
}

template <class T>
void gemv(int64_t m, int64_t n, T alpha, ConstMatrix<T> a, const T* x, int64_t incx, T beta, T* y, int64_t incy) {
  gemm(m, 1, n, alpha, a, ConstMatrix<T>{x, incx, 1}, beta, Matrix<T>{y, incy, 1});
}

#define NNGPU_INSTANTIATE(T)                                                           \
  template void syrk(Triangle, int64_t, int64_t, T, ConstMatrix<T>, T, Matrix<T>);     \
  template void trsm(Triangle, Diagonal, int64_t, int64_t, ConstMatrix<T>, Matrix<T>); \
  template void trmm(Triangle, Diagonal, int64_t, int64_t, ConstMatrix<T>, Matrix<T>); \
  template void gemv(int64_t, int64_t, T, ConstMatrix<T>, const T*, int64_t, T, T*, int64_t)
NNGPU_INSTANTIATE(float);
NNGPU_INSTANTIATE(double);
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
