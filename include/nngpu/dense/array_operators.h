// Operators of arrays. Array op array wants equal shapes, else ShapeError.
#ifndef NNGPU_DENSE_ARRAY_OPERATORS_H_
#define NNGPU_DENSE_ARRAY_OPERATORS_H_

#include <ostream>
#include <utility>

#include "nngpu/dense/array.h"

namespace nngpu {

namespace dense {
template <class T>
Array<GPUDense<T>> make_array(Tensor stored) {
  return Array<GPUDense<T>>(GPUDense<T>::from_stored(std::move(stored)));
}
template <class A, class B>
concept ArrayPair = ArrayType<A> && ArrayType<B> && std::same_as<typename A::Scalar, typename B::Scalar>;
}  // namespace dense

template <class A, class B>
requires dense::ArrayPair<A, B>
auto operator+(const A& a, const B& b) {
  dense::check_same_shape("add", a.stored(), b.stored());
  return dense::make_array<typename A::Scalar>(a.stored() + b.stored());
}
template <dense::ArrayType A>
auto operator+(const A& a, typename A::Scalar b) {
  return dense::make_array<typename A::Scalar>(a.stored() + b);
}
template <dense::ArrayType A>
auto operator+(typename A::Scalar a, const A& b) {
  return dense::make_array<typename A::Scalar>(a + b.stored());
}
template <class A, class B>
requires dense::ArrayPair<A, B>
auto operator-(const A& a, const B& b) {
  dense::check_same_shape("subtract", a.stored(), b.stored());
  return dense::make_array<typename A::Scalar>(a.stored() - b.stored());
}
template <dense::ArrayType A>
auto operator-(const A& a, typename A::Scalar b) {
  return dense::make_array<typename A::Scalar>(a.stored() - b);
}
template <dense::ArrayType A>
auto operator-(typename A::Scalar a, const A& b) {
  return dense::make_array<typename A::Scalar>(a - b.stored());
}
template <class A, class B>
requires dense::ArrayPair<A, B>
auto operator*(const A& a, const B& b) {
  dense::check_same_shape("multiply", a.stored(), b.stored());
  return dense::make_array<typename A::Scalar>(a.stored() * b.stored());
}
template <dense::ArrayType A>
auto operator*(const A& a, typename A::Scalar b) {
  return dense::make_array<typename A::Scalar>(a.stored() * b);
}
template <dense::ArrayType A>
auto operator*(typename A::Scalar a, const A& b) {
  return dense::make_array<typename A::Scalar>(a * b.stored());
}
template <class A, class B>
requires dense::ArrayPair<A, B>
auto operator/(const A& a, const B& b) {
  dense::check_same_shape("divide", a.stored(), b.stored());
  return dense::make_array<typename A::Scalar>(a.stored() / b.stored());
}
template <dense::ArrayType A>
auto operator/(const A& a, typename A::Scalar b) {
  return dense::make_array<typename A::Scalar>(a.stored() / b);
}
template <dense::ArrayType A>
auto operator/(typename A::Scalar a, const A& b) {
  return dense::make_array<typename A::Scalar>(a / b.stored());
}

template <class A, class B>
requires dense::ArrayPair<A, B>
auto operator==(const A& a, const B& b) {
  dense::check_same_shape("equal", a.stored(), b.stored());
  return dense::Mask<typename A::Scalar>(a.stored() == b.stored());
}
template <dense::ArrayType A>
auto operator==(const A& a, typename A::Scalar b) {
  return dense::Mask<typename A::Scalar>(a.stored() == b);
}
template <dense::ArrayType A>
auto operator==(typename A::Scalar a, const A& b) {
  return dense::Mask<typename A::Scalar>(a == b.stored());
}
template <class A, class B>
requires dense::ArrayPair<A, B>
auto operator!=(const A& a, const B& b) {
  dense::check_same_shape("not_equal", a.stored(), b.stored());
  return dense::Mask<typename A::Scalar>(a.stored() != b.stored());
}
template <dense::ArrayType A>
auto operator!=(const A& a, typename A::Scalar b) {
  return dense::Mask<typename A::Scalar>(a.stored() != b);
}
template <dense::ArrayType A>
auto operator!=(typename A::Scalar a, const A& b) {
  return dense::Mask<typename A::Scalar>(a != b.stored());
}
template <class A, class B>
requires dense::ArrayPair<A, B>
auto operator<(const A& a, const B& b) {
  dense::check_same_shape("less", a.stored(), b.stored());
  return dense::Mask<typename A::Scalar>(a.stored() < b.stored());
}
template <dense::ArrayType A>
auto operator<(const A& a, typename A::Scalar b) {
  return dense::Mask<typename A::Scalar>(a.stored() < b);
}
template <dense::ArrayType A>
auto operator<(typename A::Scalar a, const A& b) {
  return dense::Mask<typename A::Scalar>(a < b.stored());
}
template <class A, class B>
requires dense::ArrayPair<A, B>
auto operator<=(const A& a, const B& b) {
  dense::check_same_shape("less_equal", a.stored(), b.stored());
  return dense::Mask<typename A::Scalar>(a.stored() <= b.stored());
}
template <dense::ArrayType A>
auto operator<=(const A& a, typename A::Scalar b) {
  return dense::Mask<typename A::Scalar>(a.stored() <= b);
}
template <dense::ArrayType A>
auto operator<=(typename A::Scalar a, const A& b) {
  return dense::Mask<typename A::Scalar>(a <= b.stored());
}
template <class A, class B>
requires dense::ArrayPair<A, B>
auto operator>(const A& a, const B& b) {
  dense::check_same_shape("greater", a.stored(), b.stored());
  return dense::Mask<typename A::Scalar>(a.stored() > b.stored());
}
template <dense::ArrayType A>
auto operator>(const A& a, typename A::Scalar b) {
  return dense::Mask<typename A::Scalar>(a.stored() > b);
}
template <dense::ArrayType A>
auto operator>(typename A::Scalar a, const A& b) {
  return dense::Mask<typename A::Scalar>(a > b.stored());
}
template <class A, class B>
requires dense::ArrayPair<A, B>
auto operator>=(const A& a, const B& b) {
  dense::check_same_shape("greater_equal", a.stored(), b.stored());
  return dense::Mask<typename A::Scalar>(a.stored() >= b.stored());
}
template <dense::ArrayType A>
auto operator>=(const A& a, typename A::Scalar b) {
  return dense::Mask<typename A::Scalar>(a.stored() >= b);
}
template <dense::ArrayType A>
auto operator>=(typename A::Scalar a, const A& b) {
  return dense::Mask<typename A::Scalar>(a >= b.stored());
}

template <dense::ArrayType A>
std::ostream& operator<<(std::ostream& out, const A& a) {
  return out << a.matrix();
}

}  // namespace nngpu

#endif  // NNGPU_DENSE_ARRAY_OPERATORS_H_
