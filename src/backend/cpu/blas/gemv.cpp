#include "backend/cpu/blas.h"
#include "backend/cpu/blas/product.h"

namespace nngpu::cpu {

template <class T>
void gemv(int64_t m, int64_t n, T alpha, ConstMatrix<T> a, const T* x, int64_t incx, T beta, T* y, int64_t incy) {
  product<T>(Part::All, m, 1, n, alpha, a, ConstMatrix<T>{x, incx, 1}, beta, Matrix<T>{y, incy, 1});
}

template void gemv(int64_t, int64_t, float, ConstMatrix<float>, const float*, int64_t, float, float*, int64_t);
template void gemv(int64_t, int64_t, double, ConstMatrix<double>, const double*, int64_t, double, double*,
                   int64_t);

}  // namespace nngpu::cpu
