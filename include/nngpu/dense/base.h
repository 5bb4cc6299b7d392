// What GPUDense and GPUBlock have in common: everything that reads them. Nothing here computes before it must: a
// function that returns a matrix builds a lazy operation, one that returns a number or a bool computes it.
#ifndef NNGPU_DENSE_BASE_H_
#define NNGPU_DENSE_BASE_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "nngpu/dense/fwd.h"
#include "nngpu/dense/parts.h"

namespace nngpu {

// The solver objects (solvers.h, triangular.h).
namespace dense {
template <class T>
class Lu;
template <class T>
class Qr;
template <class T>
class Llt;
template <class T>
class SelfAdjointEigen;
template <class T>
class Svd;
template <class T>
class TriangularView;
template <class T>
class SelfAdjointView;
template <class T>
class Diagonal;

// Eigen's default tolerance of isApprox and the like.
template <class T>
inline constexpr double kPrecision = std::is_same_v<T, float> ? 1e-5 : 1e-12;

template <class Derived, class T>
class Base : public Parts<Derived> {
 public:
  using Scalar = T;
  using RealScalar = T;
  using Index = dense::Index;
  using PlainObject = GPUDense<T>;
  static constexpr int RowsAtCompileTime = -1;  // Eigen::Dynamic
  static constexpr int ColsAtCompileTime = -1;
  static constexpr DType kDType = dtype_of<T>();

  Index size() const { return self().rows() * self().cols(); }
  bool is_vector() const { return self().rows() == 1 || self().cols() == 1; }

  // The value as a tensor of shape (rows, cols) with strides (1, rows).
  Tensor tensor() const { return nngpu::transpose(self().stored()); }
  operator Tensor() const { return tensor(); }
  // The value with its computation done: errors of it are thrown here.
  GPUDense<T> eval() const {
    GPUDense<T> result = make(self().stored());
    result.stored().eval();
    return result;
  }
  // An Eigen::Matrix<T, Dynamic, Dynamic>; needs nngpu/eigen.h.
  template <class Export = EigenExport<T>>
  auto to_eigen() const {
    return Export::convert(self());
  }

  // --- Views of the value -------------------------------------------------------------------------------------
  GPUDense<T> transpose() const { return make(nngpu::transpose(self().stored())); }
  GPUDense<T> adjoint() const { return transpose(); }
  GPUDense<T> conjugate() const { return make(self().stored()); }
  GPUDense<T> real() const { return make(self().stored()); }
  // (..)(i) = v(n - 1 - i) in both directions.
  GPUDense<T> reverse() const { return make(nngpu::flip(self().stored())); }
  GPUDense<T> replicate(Index row_factor, Index col_factor) const {
    return make(dense::replicate(self().stored(), row_factor, col_factor));
  }
  // The same elements in column-major order in another shape.
  GPUDense<T> reshaped(Index rows, Index cols) const {
    return make(nngpu::reshape(self().stored(), {cols, rows}));
  }
  GPUDense<T> reshaped() const { return reshaped(size(), 1); }
  template <class U>
  GPUDense<U> cast() const {
    return GPUDense<U>::from_stored(nngpu::cast(self().stored(), dtype_of<U>()));
  }
  Array<GPUDense<T>> array() const& { return Array<GPUDense<T>>(make(self().stored())); }
  const Derived& matrix() const { return self(); }
  Vectorwise<GPUDense<T>, false> colwise() const& { return {make(self().stored()), true}; }
  Vectorwise<GPUDense<T>, false> rowwise() const& { return {make(self().stored()), false}; }
  Diagonal<T> asDiagonal() const { return Diagonal<T>(self().stored()); }
  template <unsigned Mode>
  TriangularView<T> triangularView() const {
    return TriangularView<T>(self().stored(), Mode);
  }
  template <unsigned Mode>
  SelfAdjointView<T> selfadjointView() const {
    return SelfAdjointView<T>(self().stored(), Mode);
  }

  // --- Elementwise --------------------------------------------------------------------------------------------
  template <ExpressionOf<T> E>
  GPUDense<T> cwiseProduct(const E& other) const {
    return make(multiply("cwiseProduct", self().stored(), other.stored()));
  }
  template <ExpressionOf<T> E>
  GPUDense<T> cwiseQuotient(const E& other) const {
    return make(divide("cwiseQuotient", self().stored(), other.stored()));
  }
  template <ExpressionOf<T> E>
  GPUDense<T> cwiseMax(const E& other) const {
    return binary("cwiseMax", other.stored(), &nngpu::maximum);
  }
  template <ExpressionOf<T> E>
  GPUDense<T> cwiseMin(const E& other) const {
    return binary("cwiseMin", other.stored(), &nngpu::minimum);
  }
  GPUDense<T> cwiseMax(T value) const { return make(nngpu::maximum(self().stored(), value)); }
  GPUDense<T> cwiseMin(T value) const { return make(nngpu::minimum(self().stored(), value)); }
  GPUDense<T> cwiseAbs() const { return make(nngpu::abs(self().stored())); }
  GPUDense<T> cwiseAbs2() const { return make(nngpu::square(self().stored())); }
  GPUDense<T> cwiseSqrt() const { return make(nngpu::sqrt(self().stored())); }
  GPUDense<T> cwiseInverse() const { return make(nngpu::reciprocal(self().stored())); }
  GPUDense<T> cwiseSign() const { return make(nngpu::sign(self().stored())); }
  GPUDense<T> operator-() const { return make(-self().stored()); }
  // f of every element, called on the host, in column-major order: it computes the value now. Use array() for
  // functions that run on the device.
  template <class F>
  GPUDense<T> unaryExpr(F f) const {
    const GPUDense<T> source = make(self().stored());
    GPUDense<T> result(self().rows(), self().cols());
    std::transform(source.data(), source.data() + size(), result.data(), f);
    return result;
  }
  template <ExpressionOf<T> E, class F>
  GPUDense<T> binaryExpr(const E& other, F f) const {
    check_same_shape("binaryExpr", self().stored(), other.stored());
    const GPUDense<T> a = make(self().stored()), b = make(other.stored());
    GPUDense<T> result(self().rows(), self().cols());
    std::transform(a.data(), a.data() + size(), b.data(), result.data(), f);
    return result;
  }

  // --- Numbers (computed at the call) -------------------------------------------------------------------------
  T sum() const { return nngpu::sum(self().stored()).template item<T>(); }
  T prod() const { return nngpu::prod(self().stored()).template item<T>(); }
  T mean() const { return nngpu::mean(self().stored()).template item<T>(); }
  T squaredNorm() const { return nngpu::sum(nngpu::square(self().stored())).template item<T>(); }
  T norm() const { return nngpu::norm(self().stored()).template item<T>(); }
  T stableNorm() const { return norm(); }
  // The p-norm of the elements; -1 (Eigen::Infinity) for the largest absolute value.
  template <int p>
  T lpNorm() const {
    const double order = p == -1 ? std::numeric_limits<double>::infinity() : p;
    return nngpu::norm(self().stored(), order).template item<T>();
  }
  T trace() const { return nngpu::sum(nngpu::diagonal(self().stored())).template item<T>(); }
  T minCoeff() const { return nngpu::min(self().stored()).template item<T>(); }
  T maxCoeff() const { return nngpu::max(self().stored()).template item<T>(); }
  // Also where the first such element is, in column-major order.
  template <class I, class J>
  T minCoeff(I* row, J* col) const {
    return extreme(nngpu::argmin(self().stored()), row, col);
  }
  template <class I, class J>
  T maxCoeff(I* row, J* col) const {
    return extreme(nngpu::argmax(self().stored()), row, col);
  }
  template <class I>
  T minCoeff(I* index) const {
    check_vector("minCoeff", self().stored());
    return extreme(nngpu::argmin(self().stored()), index);
  }
  template <class I>
  T maxCoeff(I* index) const {
    check_vector("maxCoeff", self().stored());
    return extreme(nngpu::argmax(self().stored()), index);
  }
  // Of vectors of equal size, rows or columns.
  template <ExpressionOf<T> E>
  T dot(const E& other) const {
    return dense::dot(self().stored(), other.stored()).template item<T>();
  }
  T value() const {  // of a 1 x 1 matrix
    check_shape("value", self().stored(), 1, 1);
    return self().stored().template item<T>();
  }

  // --- Tests (computed at the call) ---------------------------------------------------------------------------
  // |a - b| <= precision * min(|a|, |b|) in the Frobenius norm.
  template <ExpressionOf<T> E>
  bool isApprox(const E& other, double precision = kPrecision<T>) const {
    return is_approx(self().stored(), other.stored(), precision);
  }
  bool isZero(double precision = kPrecision<T>) const {
    return nngpu::all(nngpu::abs(self().stored()) <= precision).template item<bool>();
  }
  bool isConstant(T value, double precision = kPrecision<T>) const {
    const Tensor x = self().stored();
    const Tensor limit = nngpu::minimum(nngpu::abs(x), std::abs(value)) * precision;
    return nngpu::all(nngpu::abs(x - value) <= limit).template item<bool>();
  }
  bool isOnes(double precision = kPrecision<T>) const { return isConstant(T(1), precision); }
  bool isIdentity(double precision = kPrecision<T>) const { return is_identity(self().stored(), precision); }
  bool hasNaN() const { return nngpu::any(nngpu::isnan(self().stored())).template item<bool>(); }
  bool allFinite() const { return nngpu::all(nngpu::isfinite(self().stored())).template item<bool>(); }

  // --- Vectors ------------------------------------------------------------------------------------------------
  GPUDense<T> normalized() const { return make(self().stored() / nngpu::norm(self().stored())); }
  template <ExpressionOf<T> E>
  GPUDense<T> cross(const E& other) const {
    return make(dense::cross(self().stored(), other.stored()));
  }

  // --- Linear algebra (solvers.h) -----------------------------------------------------------------------------
  // Failures (singular, not positive definite, ...) are thrown when a result is read.
  GPUDense<T> inverse() const;
  T determinant() const;
  Lu<T> lu() const;
  Lu<T> partialPivLu() const;
  Lu<T> fullPivLu() const;  // with partial pivoting too
  Qr<T> qr() const;
  Qr<T> householderQr() const;
  Qr<T> colPivHouseholderQr() const;  // without pivoting
  Llt<T> llt() const;
  SelfAdjointEigen<T> eigh() const;  // from the lower triangle
  Svd<T> svd() const;                // thin
  Svd<T> bdcSvd(unsigned options = 0) const;
  Svd<T> jacobiSvd(unsigned options = 0) const;

 protected:
  static GPUDense<T> make(Tensor stored) { return GPUDense<T>::from_stored(std::move(stored)); }

 private:
  const Derived& self() const { return static_cast<const Derived&>(*this); }
  GPUDense<T> binary(const char* operation, const Tensor& other, Tensor (*f)(const Tensor&, const Tensor&)) const {
    check_same_shape(operation, self().stored(), other);
    return make(f(self().stored(), other));
  }
  template <class I>
  T extreme(const Tensor& index, I* out) const {
    const int64_t k = index.template item<int64_t>();
    *out = static_cast<I>(k);
    return at(k);
  }
  template <class I, class J>
  T extreme(const Tensor& index, I* row, J* col) const {
    const int64_t k = index.template item<int64_t>();
    *row = static_cast<I>(k % self().rows());
    *col = static_cast<J>(k / self().rows());
    return at(k);
  }
  T at(int64_t k) const { return self().coeff(k % self().rows(), k / self().rows()); }
};

}  // namespace dense

}  // namespace nngpu

#endif  // NNGPU_DENSE_BASE_H_
