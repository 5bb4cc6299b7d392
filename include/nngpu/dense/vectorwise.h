// Column by column and row by row: what colwise() and rowwise() return.
#ifndef NNGPU_DENSE_VECTORWISE_H_
#define NNGPU_DENSE_VECTORWISE_H_

#include <type_traits>
#include <utility>

#include "nngpu/dense/array.h"
#include "nngpu/dense/fwd.h"

namespace nngpu::dense {

// Reductions give one row (colwise) or one column (rowwise); + - * / apply a vector to every column (colwise: a
// column of rows() elements) or every row (rowwise: a row of cols() elements), else ShapeError. += and the like
// exist where Inner is a GPUBlock. Of an array, results are arrays.
template <class Inner, bool kArray>
class Vectorwise {
 public:
  using T = typename Inner::Scalar;
  using Value = std::conditional_t<kArray, Array<GPUDense<T>>, GPUDense<T>>;

  Vectorwise(Inner inner, bool each_column) : inner_(std::move(inner)), each_column_(each_column) {}

  Value sum() const { return make(nngpu::sum(x(), axis(), true)); }
  Value prod() const { return make(nngpu::prod(x(), axis(), true)); }
  Value mean() const { return make(nngpu::mean(x(), axis(), true)); }
  Value minCoeff() const { return make(nngpu::min(x(), axis(), true)); }
  Value maxCoeff() const { return make(nngpu::max(x(), axis(), true)); }
  Value norm() const { return make(nngpu::norm(x(), 2, axis(), true)); }
  Value squaredNorm() const { return make(nngpu::sum(nngpu::square(x()), axis(), true)); }

  Value normalized() const { return make(x() / nngpu::norm(x(), 2, axis(), true)); }
  void normalize() const { assign(x() / nngpu::norm(x(), 2, axis(), true)); }
  // Each column (row) with its elements in reverse order.
  Value reverse() const { return make(nngpu::flip(x(), axis())); }
  // The whole repeated `count` times below (colwise) or beside (rowwise) itself.
  Value replicate(Index count) const {
    return make(each_column_ ? dense::replicate(x(), count, 1) : dense::replicate(x(), 1, count));
  }

  template <ExpressionOf<T> E>
  Value operator+(const E& v) const {
    return make(x() + operand("add", v));
  }
  template <ExpressionOf<T> E>
  Value operator-(const E& v) const {
    return make(x() - operand("subtract", v));
  }
  template <ExpressionOf<T> E>
  Value operator*(const E& v) const {
    return make(x() * operand("multiply", v));
  }
  template <ExpressionOf<T> E>
  Value operator/(const E& v) const {
    return make(x() / operand("divide", v));
  }
  template <ExpressionOf<T> E>
  const Vectorwise& operator=(const E& v) const {
    return assign(nngpu::broadcast_to(operand("assign", v), x().shape()));
  }
  template <ExpressionOf<T> E>
  const Vectorwise& operator+=(const E& v) const {
    return assign(x() + operand("add", v));
  }
  template <ExpressionOf<T> E>
  const Vectorwise& operator-=(const E& v) const {
    return assign(x() - operand("subtract", v));
  }
  template <ExpressionOf<T> E>
  const Vectorwise& operator*=(const E& v) const {
    return assign(x() * operand("multiply", v));
  }
  template <ExpressionOf<T> E>
  const Vectorwise& operator/=(const E& v) const {
    return assign(x() / operand("divide", v));
  }

 private:
  Tensor x() const { return inner_.stored(); }
  int axis() const { return each_column_ ? 1 : 0; }  // of the stored tensor
  static Value make(Tensor stored) { return Value(GPUDense<T>::from_stored(std::move(stored))); }
  template <class E>
  Tensor operand(const char* operation, const E& v) const {
    return broadcast_operand(operation, x(), v.stored(), each_column_);
  }
  const Vectorwise& assign(Tensor stored) const {
    static_assert(std::is_same_v<Inner, GPUBlock<T>>, "the columns or rows of a const or temporary matrix");
    inner_.assign_stored(std::move(stored));
    return *this;
  }
  Inner inner_;
  bool each_column_;
};

}  // namespace nngpu::dense

#endif  // NNGPU_DENSE_VECTORWISE_H_
