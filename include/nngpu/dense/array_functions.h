// exp(a), sqrt(a), pow(a, 2), ...: the functions of arrays as free functions, as Eigen has them.
#ifndef NNGPU_DENSE_ARRAY_FUNCTIONS_H_
#define NNGPU_DENSE_ARRAY_FUNCTIONS_H_

#include "nngpu/dense/array_operators.h"

namespace nngpu {

template <dense::ArrayType A>
auto abs(const A& a) {
  return a.abs();
}
template <dense::ArrayType A>
auto abs2(const A& a) {
  return a.abs2();
}
template <dense::ArrayType A>
auto square(const A& a) {
  return a.square();
}
template <dense::ArrayType A>
auto cube(const A& a) {
  return a.cube();
}
template <dense::ArrayType A>
auto sqrt(const A& a) {
  return a.sqrt();
}
template <dense::ArrayType A>
auto rsqrt(const A& a) {
  return a.rsqrt();
}
template <dense::ArrayType A>
auto exp(const A& a) {
  return a.exp();
}
template <dense::ArrayType A>
auto expm1(const A& a) {
  return a.expm1();
}
template <dense::ArrayType A>
auto log(const A& a) {
  return a.log();
}
template <dense::ArrayType A>
auto log1p(const A& a) {
  return a.log1p();
}
template <dense::ArrayType A>
auto log10(const A& a) {
  return a.log10();
}
template <dense::ArrayType A>
auto log2(const A& a) {
  return a.log2();
}
template <dense::ArrayType A>
auto sin(const A& a) {
  return a.sin();
}
template <dense::ArrayType A>
auto cos(const A& a) {
  return a.cos();
}
template <dense::ArrayType A>
auto tan(const A& a) {
  return a.tan();
}
template <dense::ArrayType A>
auto asin(const A& a) {
  return a.asin();
}
template <dense::ArrayType A>
auto acos(const A& a) {
  return a.acos();
}
template <dense::ArrayType A>
auto atan(const A& a) {
  return a.atan();
}
template <dense::ArrayType A>
auto sinh(const A& a) {
  return a.sinh();
}
template <dense::ArrayType A>
auto cosh(const A& a) {
  return a.cosh();
}
template <dense::ArrayType A>
auto tanh(const A& a) {
  return a.tanh();
}
template <dense::ArrayType A>
auto asinh(const A& a) {
  return a.asinh();
}
template <dense::ArrayType A>
auto acosh(const A& a) {
  return a.acosh();
}
template <dense::ArrayType A>
auto atanh(const A& a) {
  return a.atanh();
}
template <dense::ArrayType A>
auto erf(const A& a) {
  return a.erf();
}
template <dense::ArrayType A>
auto erfc(const A& a) {
  return a.erfc();
}
template <dense::ArrayType A>
auto lgamma(const A& a) {
  return a.lgamma();
}
template <dense::ArrayType A>
auto floor(const A& a) {
  return a.floor();
}
template <dense::ArrayType A>
auto ceil(const A& a) {
  return a.ceil();
}
template <dense::ArrayType A>
auto rint(const A& a) {
  return a.rint();
}
template <dense::ArrayType A>
auto sign(const A& a) {
  return a.sign();
}
template <dense::ArrayType A>
auto pow(const A& a, typename A::Scalar exponent) {
  return a.pow(exponent);
}
template <class A, class B>
requires dense::ArrayPair<A, B>
auto pow(const A& a, const B& exponent) { return a.pow(exponent); }

}  // namespace nngpu

#endif  // NNGPU_DENSE_ARRAY_FUNCTIONS_H_
