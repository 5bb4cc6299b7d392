// Matrix times vector. Rows are dealt out to threads; a row's sum has one order whatever its neighbours are.
#include <algorithm>

#include "backend/cpu/blas.h"
#include "backend/cpu/blas/product.h"
#include "backend/cpu/blas/scratch.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kThreadElements = 32 << 10;  // of a that pay for another thread

// alpha * x, contiguous, with zeros up to a whole vector.
template <class T>
const T* scaled_vector(int64_t n, T alpha, const T* x, int64_t incx) {
  const int64_t lanes = kernels<T>().lanes;
  if (alpha == T{1} && incx == 1 && n % lanes == 0) return x;
  T* out = scratch<T>(Scratch::Right, n + lanes);
  if (incx == 1) {
    for (int64_t j = 0; j < n; ++j) out[j] = alpha * x[j];
  } else {
    for (int64_t j = 0; j < n; ++j) out[j] = alpha * x[j * incx];
  }
  std::fill(out + n, out + n + lanes, T{0});
  return out;
}

}  // namespace

template <class T>
void gemv(int64_t m, int64_t n, T alpha, ConstMatrix<T> a, const T* x, int64_t incx, T beta, T* y, int64_t incy) {
  if (m <= 0) return;
  const bool columns = a.rs == 1;
  if (n <= 0 || alpha == T{0} || (!columns && a.cs != 1)) {
    product<T>(Part::All, m, 1, n, alpha, a, ConstMatrix<T>{x, incx, 1}, beta, Matrix<T>{y, incy, 1});
    return;
  }
  const Kernels<T>& table = kernels<T>();
  const T* scaled = scaled_vector(n, alpha, x, incx);
  T* sums = incy == 1 ? y : scratch<T>(Scratch::Left, m);
  for (int64_t i = 0; i < m; ++i) sums[i] = beta == T{0} ? T{0} : beta * y[i * incy];
  const int64_t unit = columns ? 8 * table.lanes : 8;
  parallel_for((m + unit - 1) / unit, 1 + kThreadElements / (unit * n), [&](int64_t begin, int64_t end) {
    const int64_t row = begin * unit, rows = std::min(m, end * unit) - row;
    if (columns) {
      table.gemv_columns(rows, n, a.data + row, a.cs, scaled, sums + row);
    } else {
      table.gemv_rows(rows, n, a.data + row * a.rs, a.rs, scaled, sums + row);
    }
  });
  if (incy == 1) return;
  for (int64_t i = 0; i < m; ++i) y[i * incy] = sums[i];
}

template void gemv(int64_t, int64_t, float, ConstMatrix<float>, const float*, int64_t, float, float*, int64_t);
template void gemv(int64_t, int64_t, double, ConstMatrix<double>, const double*, int64_t, double, double*,
                   int64_t);

}  // namespace nngpu::cpu
