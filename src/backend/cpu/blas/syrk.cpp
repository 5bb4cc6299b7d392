#include "backend/cpu/blas.h"
#include "backend/cpu/blas/product.h"

namespace nngpu::cpu {

template <class T>
void syrk(Triangle triangle, int64_t n, int64_t k, T alpha, ConstMatrix<T> a, T beta, Matrix<T> c) {
  const Part part = triangle == Triangle::Lower ? Part::Lower : Part::Upper;
  product<T>(part, n, n, k, alpha, a, ConstMatrix<T>{a.data, a.cs, a.rs}, beta, c);
}

template void syrk(Triangle, int64_t, int64_t, float, ConstMatrix<float>, float, Matrix<float>);
template void syrk(Triangle, int64_t, int64_t, double, ConstMatrix<double>, double, Matrix<double>);

}  // namespace nngpu::cpu
