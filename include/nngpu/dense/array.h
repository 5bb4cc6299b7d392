// Elementwise arithmetic: what array() returns, and the masks that its comparisons give.
#ifndef NNGPU_DENSE_ARRAY_H_
#define NNGPU_DENSE_ARRAY_H_

#include <concepts>
#include <utility>

#include "nngpu/dense/fwd.h"

namespace nngpu::dense {

template <class E>
struct IsArray : std::false_type {};
template <class Inner>
struct IsArray<Array<Inner>> : std::true_type {};

// A matrix or a block seen as an array: operators and functions apply to each element. Array<GPUDense<T>> holds a
// value; Array<GPUBlock<T>> refers to a matrix, and assigning to it assigns to the matrix.
template <class Inner>
class Array {
 public:
  using Scalar = typename Inner::Scalar;
  using T = Scalar;
  using Value = Array<GPUDense<T>>;

  explicit Array(Inner inner) : inner_(std::move(inner)) {}
  Array(const Array&) = default;

  Index rows() const { return inner_.rows(); }
  Index cols() const { return inner_.cols(); }
  Index size() const { return rows() * cols(); }
  Tensor stored() const { return inner_.stored(); }
  const Inner& matrix() const { return inner_; }
  const Array& array() const { return *this; }
  Value eval() const { return Value(inner_.eval()); }
  T operator()(Index i, Index j) const { return inner_.coeff(i, j); }
  T operator()(Index i) const { return inner_.coeff(i); }

  Array& operator=(const Array& other) {
    inner_ = other.inner_;
    return *this;
  }
  template <ExpressionOf<T> E>
  Array& operator=(const E& other) {
    inner_ = GPUDense<T>::from_stored(other.stored());
    return *this;
  }
  Array& operator=(T value) {
    inner_.setConstant(value);
    return *this;
  }
  template <class E>
  Array& operator+=(const E& other) {
    return *this = *this + other;
  }
  template <class E>
  Array& operator-=(const E& other) {
    return *this = *this - other;
  }
  template <class E>
  Array& operator*=(const E& other) {
    return *this = *this * other;
  }
  template <class E>
  Array& operator/=(const E& other) {
    return *this = *this / other;
  }

  Value operator-() const { return make(-stored()); }
  Value abs() const { return make(nngpu::abs(stored())); }
  Value abs2() const { return make(nngpu::square(stored())); }
  Value square() const { return make(nngpu::square(stored())); }
  Value cube() const { return make(nngpu::square(stored()) * stored()); }
  Value inverse() const { return make(nngpu::reciprocal(stored())); }
  Value sqrt() const { return make(nngpu::sqrt(stored())); }
  Value rsqrt() const { return make(nngpu::rsqrt(stored())); }
  Value exp() const { return make(nngpu::exp(stored())); }
  Value expm1() const { return make(nngpu::expm1(stored())); }
  Value log() const { return make(nngpu::log(stored())); }
  Value log1p() const { return make(nngpu::log1p(stored())); }
  Value log10() const { return make(nngpu::log10(stored())); }
  Value log2() const { return make(nngpu::log2(stored())); }
  Value sin() const { return make(nngpu::sin(stored())); }
  Value cos() const { return make(nngpu::cos(stored())); }
  Value tan() const { return make(nngpu::tan(stored())); }
  Value asin() const { return make(nngpu::asin(stored())); }
  Value acos() const { return make(nngpu::acos(stored())); }
  Value atan() const { return make(nngpu::atan(stored())); }
  Value sinh() const { return make(nngpu::sinh(stored())); }
  Value cosh() const { return make(nngpu::cosh(stored())); }
  Value tanh() const { return make(nngpu::tanh(stored())); }
  Value asinh() const { return make(nngpu::asinh(stored())); }
  Value acosh() const { return make(nngpu::acosh(stored())); }
  Value atanh() const { return make(nngpu::atanh(stored())); }
  Value logistic() const { return make(nngpu::sigmoid(stored())); }
  Value erf() const { return make(nngpu::erf(stored())); }
  Value erfc() const { return make(nngpu::erfc(stored())); }
  Value lgamma() const { return make(nngpu::lgamma(stored())); }
  Value floor() const { return make(nngpu::floor(stored())); }
  Value ceil() const { return make(nngpu::ceil(stored())); }
  Value rint() const { return make(nngpu::round(stored())); }  // ties to even
  Value sign() const { return make(nngpu::sign(stored())); }
  Value pow(T exponent) const { return make(nngpu::pow(stored(), exponent)); }
  template <ExpressionOf<T> E>
  Value pow(const E& exponent) const {
    check_same_shape("pow", stored(), exponent.stored());
    return make(nngpu::pow(stored(), exponent.stored()));
  }
  Value min(T other) const { return make(nngpu::minimum(stored(), other)); }
  Value max(T other) const { return make(nngpu::maximum(stored(), other)); }
  template <ExpressionOf<T> E>
  Value min(const E& other) const {
    check_same_shape("min", stored(), other.stored());
    return make(nngpu::minimum(stored(), other.stored()));
  }
  template <ExpressionOf<T> E>
  Value max(const E& other) const {
    check_same_shape("max", stored(), other.stored());
    return make(nngpu::maximum(stored(), other.stored()));
  }
  Mask<T> isNaN() const { return Mask<T>(nngpu::isnan(stored())); }
  Mask<T> isInf() const { return Mask<T>(nngpu::isinf(stored())); }
  Mask<T> isFinite() const { return Mask<T>(nngpu::isfinite(stored())); }

  Value transpose() const { return make(nngpu::transpose(stored())); }
  Value replicate(Index row_factor, Index col_factor) const {
    return make(dense::replicate(stored(), row_factor, col_factor));
  }
  template <class U>
  Array<GPUDense<U>> cast() const {
    return Array<GPUDense<U>>(inner_.template cast<U>());
  }
  template <class F>
  Value unaryExpr(F f) const {  // on the host; computes now
    return Value(inner_.unaryExpr(f));
  }
  Vectorwise<Inner, true> colwise() const { return {inner_, true}; }
  Vectorwise<Inner, true> rowwise() const { return {inner_, false}; }

  T sum() const { return inner_.sum(); }
  T prod() const { return inner_.prod(); }
  T mean() const { return inner_.mean(); }
  T minCoeff() const { return inner_.minCoeff(); }
  T maxCoeff() const { return inner_.maxCoeff(); }
  template <class... I>
  T minCoeff(I*... index) const {
    return inner_.minCoeff(index...);
  }
  template <class... I>
  T maxCoeff(I*... index) const {
    return inner_.maxCoeff(index...);
  }
  template <ExpressionOf<T> E>
  bool isApprox(const E& other, double precision = std::is_same_v<T, float> ? 1e-5 : 1e-12) const {
    return inner_.isApprox(other, precision);
  }
  bool hasNaN() const { return inner_.hasNaN(); }
  bool allFinite() const { return inner_.allFinite(); }

 private:
  static Value make(Tensor stored) { return Value(GPUDense<T>::from_stored(std::move(stored))); }
  Inner inner_;
};

template <class A>
concept ArrayType = IsArray<A>::value;

// The bool elements of a comparison.
template <class T>
class Mask {
 public:
  explicit Mask(Tensor stored) : stored_(std::move(stored)) {}
  Index rows() const { return stored_.shape()[1]; }
  Index cols() const { return stored_.shape()[0]; }
  const Tensor& stored() const { return stored_; }
  Tensor tensor() const { return nngpu::transpose(stored_); }
  bool operator()(Index i, Index j) const {
    if (i < 0 || j < 0 || i >= rows() || j >= cols()) throw_index("mask", i, j, rows(), cols());
    return nngpu::index(nngpu::index(stored_, 0, j), 0, i).template item<bool>();
  }
  bool all() const { return nngpu::all(stored_).template item<bool>(); }
  bool any() const { return nngpu::any(stored_).template item<bool>(); }
  Index count() const { return static_cast<Index>(nngpu::sum(stored_).template item<int64_t>()); }
  template <class U>
  Array<GPUDense<U>> cast() const {
    return Array<GPUDense<U>>(GPUDense<U>::from_stored(nngpu::cast(stored_, dtype_of<U>())));
  }
  // Element by element `a` where the mask holds, else `b`; each a matrix, an array or a number.
  template <class A, class B>
  GPUDense<T> select(const A& a, const B& b) const {
    return GPUDense<T>::from_stored(nngpu::cast(nngpu::where(stored_, operand(a), operand(b)), dtype_of<T>()));
  }
  Mask operator!() const { return Mask(nngpu::logical_not(stored_)); }
  Mask operator&&(const Mask& other) const { return combine(other, true); }
  Mask operator||(const Mask& other) const { return combine(other, false); }

 private:
  Mask combine(const Mask& other, bool both) const {
    check_same_shape(both ? "&&" : "||", stored_, other.stored_);
    return Mask(both ? stored_ & other.stored_ : stored_ | other.stored_);
  }
  template <class A>
  Tensor operand(const A& a) const {
    if constexpr (Expression<A>) {
      check_same_shape("select", stored_, a.stored());
      return a.stored();
    } else {
      return nngpu::full({}, static_cast<double>(a), dtype_of<T>(), stored_.device());
    }
  }
  Tensor stored_;
};

}  // namespace nngpu::dense

#endif  // NNGPU_DENSE_ARRAY_H_
