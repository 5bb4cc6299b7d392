// Operators of matrices and blocks.
#ifndef NNGPU_DENSE_OPERATORS_H_
#define NNGPU_DENSE_OPERATORS_H_

#include <ostream>

#include "nngpu/dense/base.h"

namespace nngpu {

// Sums and differences want equal shapes, products equal inner dimensions: else ShapeError.

template <class A, class B, class T>
GPUDense<T> operator+(const dense::Base<A, T>& a, const dense::Base<B, T>& b) {
  return GPUDense<T>::from_stored(
      dense::add(static_cast<const A&>(a).stored(), static_cast<const B&>(b).stored()));
}
template <class A, class B, class T>
GPUDense<T> operator-(const dense::Base<A, T>& a, const dense::Base<B, T>& b) {
  return GPUDense<T>::from_stored(
      dense::subtract(static_cast<const A&>(a).stored(), static_cast<const B&>(b).stored()));
}
// The matrix product.
template <class A, class B, class T>
GPUDense<T> operator*(const dense::Base<A, T>& a, const dense::Base<B, T>& b) {
  return GPUDense<T>::from_stored(
      dense::product(static_cast<const A&>(a).stored(), static_cast<const B&>(b).stored()));
}
template <class A, class T>
GPUDense<T> operator*(const dense::Base<A, T>& a, std::type_identity_t<T> b) {
  return GPUDense<T>::from_stored(static_cast<const A&>(a).stored() * b);
}
template <class A, class T>
GPUDense<T> operator*(std::type_identity_t<T> a, const dense::Base<A, T>& b) {
  return GPUDense<T>::from_stored(static_cast<const A&>(b).stored() * a);
}
template <class A, class T>
GPUDense<T> operator/(const dense::Base<A, T>& a, std::type_identity_t<T> b) {
  return GPUDense<T>::from_stored(static_cast<const A&>(a).stored() / b);
}
// A matrix times a tensor could mean two things: write a * GPUDense(t) or a.tensor() * t.
template <class A, class T>
void operator*(const dense::Base<A, T>&, const Tensor&) = delete;
template <class A, class T>
void operator*(const Tensor&, const dense::Base<A, T>&) = delete;

// Whether all elements are equal. Throws ShapeError if the shapes differ.
template <class A, class B, class T>
bool operator==(const dense::Base<A, T>& a, const dense::Base<B, T>& b) {
  return dense::equal(static_cast<const A&>(a).stored(), static_cast<const B&>(b).stored()).template item<bool>();
}
template <class A, class B, class T>
bool operator!=(const dense::Base<A, T>& a, const dense::Base<B, T>& b) {
  return !(a == b);
}

template <class A, class T>
std::ostream& operator<<(std::ostream& out, const dense::Base<A, T>& a) {
  const GPUDense<T> m = GPUDense<T>::from_stored(static_cast<const A&>(a).stored());
  dense::print(out, m.data(), m.rows(), m.cols());
  return out;
}

}  // namespace nngpu

#endif  // NNGPU_DENSE_OPERATORS_H_
