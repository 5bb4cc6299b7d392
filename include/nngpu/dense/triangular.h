// Matrices of a known structure: triangularView, selfadjointView, asDiagonal.
#ifndef NNGPU_DENSE_TRIANGULAR_H_
#define NNGPU_DENSE_TRIANGULAR_H_

#include <utility>

#include "nngpu/dense/base.h"
#include "nngpu/dense/solvers.h"
#include "nngpu/linalg.h"

namespace nngpu::dense {

// One triangle of a matrix; the rest counts as zero, the diagonal as one for UnitLower and UnitUpper, as zero for
// StrictlyLower and StrictlyUpper. Read-only.
template <class T>
class TriangularView {
 public:
  using Scalar = T;
  TriangularView(Tensor stored, unsigned mode) : stored_(std::move(stored)), mode_(mode) { check_triangle(mode); }
  Index rows() const { return stored_.shape()[1]; }
  Index cols() const { return stored_.shape()[0]; }
  Tensor stored() const { return triangle(stored_, mode_); }
  GPUDense<T> toDenseMatrix() const { return GPUDense<T>::from_stored(stored()); }
  GPUDense<T> transpose() const { return toDenseMatrix().transpose(); }
  // x with (this) x = b. A zero on the diagonal gives infinities, as in Eigen.
  template <ExpressionOf<T> E>
  GPUDense<T> solve(const E& b) const {
    const Tensor a = nngpu::transpose(stored_), rhs = nngpu::transpose(b.stored());
    check_square("triangularView().solve", stored_);
    check_solve("triangularView().solve", a, rhs);
    return GPUDense<T>(
        linalg::triangular_solve(a, rhs, (mode_ & Upper) != 0, /*transpose=*/false, (mode_ & UnitDiag) != 0));
  }
  template <class Other>
  friend GPUDense<T> operator*(const TriangularView& a, const Base<Other, T>& b) {
    return GPUDense<T>::from_stored(product(a.stored(), static_cast<const Other&>(b).stored()));
  }
  template <class Other>
  friend GPUDense<T> operator*(const Base<Other, T>& a, const TriangularView& b) {
    return GPUDense<T>::from_stored(product(static_cast<const Other&>(a).stored(), b.stored()));
  }

 private:
  static void check_triangle(unsigned mode) {
    if (((mode & Lower) != 0) == ((mode & Upper) != 0))
      throw ValueError(
          "[triangularView] the mode must be Lower or Upper, or one of their Unit and Strictly forms");
  }
  Tensor stored_;
  unsigned mode_;
};

// The symmetric matrix given by one triangle (Lower or Upper). Read-only.
template <class T>
class SelfAdjointView {
 public:
  using Scalar = T;
  SelfAdjointView(Tensor stored, unsigned mode) : stored_(std::move(stored)), lower_((mode & Lower) != 0) {
    check_square("selfadjointView", stored_);
  }
  Index rows() const { return stored_.shape()[1]; }
  Index cols() const { return stored_.shape()[0]; }
  Tensor stored() const { return mirror_triangle(stored_, lower_); }
  GPUDense<T> toDenseMatrix() const { return GPUDense<T>::from_stored(stored()); }
  Llt<T> llt() const { return Llt<T>(nngpu::transpose(stored_), !lower_); }
  GPUDense<T> eigenvalues() const { return SelfAdjointEigen<T>(nngpu::transpose(stored())).eigenvalues(); }
  template <class Other>
  friend GPUDense<T> operator*(const SelfAdjointView& a, const Base<Other, T>& b) {
    return GPUDense<T>::from_stored(product(a.stored(), static_cast<const Other&>(b).stored()));
  }
  template <class Other>
  friend GPUDense<T> operator*(const Base<Other, T>& a, const SelfAdjointView& b) {
    return GPUDense<T>::from_stored(product(static_cast<const Other&>(a).stored(), b.stored()));
  }

 private:
  Tensor stored_;
  bool lower_;
};

// A vector as the diagonal of a square matrix. Products scale rows (d * m) or columns (m * d).
template <class T>
class Diagonal {
 public:
  using Scalar = T;
  explicit Diagonal(Tensor vector) : vector_(std::move(vector)) { check_vector("asDiagonal", vector_); }
  Index rows() const { return vector_.numel(); }
  Index cols() const { return vector_.numel(); }
  Tensor stored() const { return as_diagonal(vector_); }
  GPUDense<T> toDenseMatrix() const { return GPUDense<T>::from_stored(stored()); }
  Diagonal inverse() const { return Diagonal(nngpu::reciprocal(vector_)); }
  template <class Other>
  friend GPUDense<T> operator*(const Diagonal& d, const Base<Other, T>& m) {
    return GPUDense<T>::from_stored(scale_rows(d.vector_, static_cast<const Other&>(m).stored()));
  }
  template <class Other>
  friend GPUDense<T> operator*(const Base<Other, T>& m, const Diagonal& d) {
    return GPUDense<T>::from_stored(scale_cols(static_cast<const Other&>(m).stored(), d.vector_));
  }

 private:
  Tensor vector_;
};

}  // namespace nngpu::dense

#endif  // NNGPU_DENSE_TRIANGULAR_H_
