// Level-3 kernels on plain loops.
#include <utility>
#include <vector>

#include "backend/cpu/blas.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

template <class T>
void gemm_serial(int64_t m, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, ConstMatrix<T> b, T beta,
                 Matrix<T> c) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = 0; i < m; ++i) {
      T& out = c.data[i * c.rs + j * c.cs];
      out = beta == T{0} ? T{0} : beta * out;
    }
    for (int64_t p = 0; p < k; ++p) {
      const T scale = alpha * b.data[p * b.rs + j * b.cs];
      for (int64_t i = 0; i < m; ++i) c.data[i * c.rs + j * c.cs] += a.data[i * a.rs + p * a.cs] * scale;
    }
  }
}

// Coefficient (i, j) of a triangular matrix whose diagonal may be implied.
template <class T>
T entry(const ConstMatrix<T>& a, Diagonal diagonal, int64_t i, int64_t j) {
  return i == j && diagonal == Diagonal::Unit ? T{1} : a.data[i * a.rs + j * a.cs];
}

}  // namespace

template <class T>
void gemm(int64_t m, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, ConstMatrix<T> b, T beta, Matrix<T> c) {
  parallel_for(n, 8, [&](int64_t begin, int64_t end) {
    gemm_serial(m, end - begin, k, alpha, a, ConstMatrix<T>{b.data + begin * b.cs, b.rs, b.cs}, beta,
                Matrix<T>{c.data + begin * c.cs, c.rs, c.cs});
  });
}

template <class T>
void gemm_batch(int64_t count, int64_t m, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, int64_t a_step,
                ConstMatrix<T> b, int64_t b_step, T beta, Matrix<T> c, int64_t c_step) {
  parallel_for(count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      gemm_serial(m, n, k, alpha, ConstMatrix<T>{a.data + i * a_step, a.rs, a.cs},
                  ConstMatrix<T>{b.data + i * b_step, b.rs, b.cs}, beta,
                  Matrix<T>{c.data + i * c_step, c.rs, c.cs});
    }
  });
}

template <class T>
void gemm_pointers(int64_t count, int64_t m, int64_t n, int64_t k, T alpha, const T* const* a, int64_t a_rs,
                   int64_t a_cs, const T* const* b, int64_t b_rs, int64_t b_cs, T beta, T* const* c, int64_t c_rs,
                   int64_t c_cs) {
  parallel_for(count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      gemm_serial(m, n, k, alpha, ConstMatrix<T>{a[i], a_rs, a_cs}, ConstMatrix<T>{b[i], b_rs, b_cs}, beta,
                  Matrix<T>{c[i], c_rs, c_cs});
    }
  });
}

template <class T>
void syrk(Triangle triangle, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, T beta, Matrix<T> c) {
  for (int64_t j = 0; j < n; ++j) {
    const int64_t first = triangle == Triangle::Lower ? j : 0;
    const int64_t count = triangle == Triangle::Lower ? n - j : j + 1;
    gemm_serial(count, 1, k, alpha, ConstMatrix<T>{a.data + first * a.rs, a.rs, a.cs},
                ConstMatrix<T>{a.data + j * a.rs, a.cs, a.rs}, beta,
                Matrix<T>{c.data + first * c.rs + j * c.cs, c.rs, c.cs});
  }
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

#define NNGPU_INSTANTIATE(T)                                                                               \
  template void gemm(int64_t, int64_t, int64_t, T, ConstMatrix<T>, ConstMatrix<T>, T, Matrix<T>);          \
  template void gemm_batch(int64_t, int64_t, int64_t, int64_t, T, ConstMatrix<T>, int64_t, ConstMatrix<T>, \
                           int64_t, T, Matrix<T>, int64_t);                                                \
  template void gemm_pointers(int64_t, int64_t, int64_t, int64_t, T, const T* const*, int64_t, int64_t,    \
                              const T* const*, int64_t, int64_t, T, T* const*, int64_t, int64_t);          \
  template void syrk(Triangle, int64_t, int64_t, T, ConstMatrix<T>, T, Matrix<T>);                         \
  template void trsm(Triangle, Diagonal, int64_t, int64_t, ConstMatrix<T>, Matrix<T>);                     \
  template void trmm(Triangle, Diagonal, int64_t, int64_t, ConstMatrix<T>, Matrix<T>);                     \
  template void gemv(int64_t, int64_t, T, ConstMatrix<T>, const T*, int64_t, T, T*, int64_t)
NNGPU_INSTANTIATE(float);
NNGPU_INSTANTIATE(double);
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
