// The objects that lu(), qr(), llt(), eigh() and svd() return: a factorization and what it is good for. All
// results are lazy; failures (singular, not positive definite, not converged, NaN or infinity in the matrix) are
// thrown when a result is read, as the typed errors of nngpu/error.h.
#ifndef NNGPU_DENSE_SOLVERS_H_
#define NNGPU_DENSE_SOLVERS_H_

#include <optional>
#include <utility>

#include "nngpu/dense/base.h"
#include "nngpu/linalg.h"

namespace nngpu::dense {

// Waits for the factorization: Success, or what its failure is called in Eigen.
ComputationInfo info_of(const Tensor& factor);

// Of tensors of shape (rows, cols), as nngpu::linalg takes them.
void check_solve(const char* operation, const Tensor& a, const Tensor& b);  // rows equal, else ShapeError
Tensor least_squares(const Tensor& q, const Tensor& r, const Tensor& b);
Tensor svd_solve(const Tensor& u, const Tensor& s, const Tensor& vt, const Tensor& b);
Tensor spectral(const Tensor& w, const Tensor& v, double power);  // V diag(w ^ power) V^T

// P A = L U with partial pivoting.
template <class T>
class Lu {
 public:
  explicit Lu(Tensor a) : a_(std::move(a)), factor_(linalg::lu_factor(a_)) {}
  // x with A x = b. A singular A is a SingularMatrixError when x is read.
  template <ExpressionOf<T> E>
  GPUDense<T> solve(const E& b) const {
    const Tensor rhs = nngpu::transpose(b.stored());
    check_square("lu().solve", nngpu::transpose(a_));
    check_solve("lu().solve", a_, rhs);
    return GPUDense<T>(linalg::lu_solve(factor_, rhs));
  }
  // A may be rectangular here: L (m, k), U (k, n), k = min(m, n).
  GPUDense<T> matrixL() const { return GPUDense<T>(linalg::lu(a_).l); }
  GPUDense<T> matrixU() const { return GPUDense<T>(linalg::lu(a_).u); }
  GPUDense<T> matrixLU() const { return GPUDense<T>(factor_.lu); }  // U, and below the diagonal L
  GPUDense<T> permutationP() const { return GPUDense<T>(nngpu::transpose(linalg::lu(a_).p)); }
  T determinant() const { return linalg::det(a_).template item<T>(); }
  GPUDense<T> inverse() const { return GPUDense<T>(linalg::inverse(a_)); }
  bool isInvertible() const { return info() == Success; }
  GPUDense<T> reconstructedMatrix() const {
    const linalg::Lu f = linalg::lu(a_);
    return GPUDense<T>(nngpu::matmul(f.p, nngpu::matmul(f.l, f.u)));
  }
  ComputationInfo info() const { return info_of(factor_.lu); }
  Index rows() const { return a_.shape()[0]; }
  Index cols() const { return a_.shape()[1]; }

 private:
  Tensor a_;
  linalg::LuFactor factor_;
};

// A = Q R by Householder reflections.
template <class T>
class Qr {
 public:
  explicit Qr(Tensor a) : a_(std::move(a)), factor_(linalg::qr(a_)) {}
  // The least-squares solution of A x = b; A has at least as many rows as columns and full rank.
  template <ExpressionOf<T> E>
  GPUDense<T> solve(const E& b) const {
    const Tensor rhs = nngpu::transpose(b.stored());
    check_solve("qr().solve", a_, rhs);
    return GPUDense<T>(least_squares(factor_.q, factor_.r, rhs));
  }
  GPUDense<T> matrixQ() const { return GPUDense<T>(factor_.q); }  // (m, k), k = min(m, n)
  GPUDense<T> matrixR() const { return GPUDense<T>(factor_.r); }  // (k, n)
  GPUDense<T> householderQ() const { return GPUDense<T>(linalg::qr(a_, linalg::QrMode::Complete).q); }  // (m, m)
  T absDeterminant() const {
    check_square("absDeterminant", nngpu::transpose(a_));
    return nngpu::abs(nngpu::prod(nngpu::diagonal(factor_.r))).template item<T>();
  }
  T logAbsDeterminant() const {
    check_square("logAbsDeterminant", nngpu::transpose(a_));
    return nngpu::sum(nngpu::log(nngpu::abs(nngpu::diagonal(factor_.r)))).template item<T>();
  }
  GPUDense<T> inverse() const { return GPUDense<T>(linalg::inverse(a_)); }
  ComputationInfo info() const { return info_of(factor_.r); }
  Index rows() const { return a_.shape()[0]; }
  Index cols() const { return a_.shape()[1]; }

 private:
  Tensor a_;
  linalg::Qr factor_;
};

// A = L L^T, from the lower triangle of A (or U^T U from the upper one, by selfadjointView<Upper>().llt()).
template <class T>
class Llt {
 public:
  explicit Llt(const Tensor& a, bool upper = false)
      : factor_(upper ? nngpu::transpose(linalg::cholesky(a, true)) : linalg::cholesky(a)) {}
  // x with A x = b. An A that is not positive definite is a NotPositiveDefiniteError when x is read.
  template <ExpressionOf<T> E>
  GPUDense<T> solve(const E& b) const {
    const Tensor rhs = nngpu::transpose(b.stored());
    check_solve("llt().solve", factor_, rhs);
    return GPUDense<T>(linalg::cholesky_solve(factor_, rhs));
  }
  GPUDense<T> matrixL() const { return GPUDense<T>(factor_); }
  GPUDense<T> matrixU() const { return GPUDense<T>(nngpu::transpose(factor_)); }
  GPUDense<T> inverse() const { return solve(GPUDense<T>(rows(), rows()).setIdentity()); }
  T determinant() const { return nngpu::square(nngpu::prod(nngpu::diagonal(factor_))).template item<T>(); }
  GPUDense<T> reconstructedMatrix() const {
    return GPUDense<T>(nngpu::matmul(factor_, nngpu::transpose(factor_)));
  }
  ComputationInfo info() const { return info_of(factor_); }
  Index rows() const { return factor_.shape()[0]; }
  Index cols() const { return factor_.shape()[0]; }

 private:
  Tensor factor_;
};

// A = V diag(w) V^T of a symmetric A, eigenvalues w ascending, from the lower triangle.
template <class T>
class SelfAdjointEigen {
 public:
  explicit SelfAdjointEigen(const Tensor& a) : factor_(linalg::eigh(a)) {}
  GPUDense<T> eigenvalues() const { return GPUDense<T>(factor_.w); }   // a column
  GPUDense<T> eigenvectors() const { return GPUDense<T>(factor_.v); }  // one a column
  GPUDense<T> operatorSqrt() const { return GPUDense<T>(spectral(factor_.w, factor_.v, 0.5)); }
  GPUDense<T> operatorInverseSqrt() const { return GPUDense<T>(spectral(factor_.w, factor_.v, -0.5)); }
  ComputationInfo info() const { return info_of(factor_.w); }

 private:
  linalg::Eigh factor_;
};

// A = U diag(s) V^T, singular values s descending.
template <class T>
class Svd {
 public:
  Svd(const Tensor& a, unsigned options);
  GPUDense<T> singularValues() const { return GPUDense<T>(s_); }  // a column
  // Throw ValueError unless asked for when the decomposition was made.
  GPUDense<T> matrixU() const { return GPUDense<T>(wanted(u_, "matrixU")); }
  GPUDense<T> matrixV() const { return GPUDense<T>(nngpu::transpose(wanted(vt_, "matrixV"))); }
  // The minimum-norm least-squares solution of A x = b; singular values below eps * max(m, n) * s_max count as
  // zero.
  template <ExpressionOf<T> E>
  GPUDense<T> solve(const E& b) const {
    const Tensor rhs = nngpu::transpose(b.stored());
    const Tensor& u = wanted(u_, "solve");
    check_solve("svd().solve", u, rhs);
    return GPUDense<T>(svd_solve(u, s_, wanted(vt_, "solve"), rhs));
  }
  // How many singular values exceed the threshold of solve().
  Index rank() const;
  ComputationInfo info() const { return info_of(s_); }
  bool computeU() const { return u_.defined(); }
  bool computeV() const { return vt_.defined(); }

 private:
  static const Tensor& wanted(const Tensor& x, const char* name) {
    if (!x.defined())
      throw ValueError(std::string("[svd] ") + name + " needs the options ComputeThinU and ComputeThinV");
    return x;
  }
  Index rows_, cols_;
  Tensor u_, s_, vt_;
};
extern template class Svd<float>;
extern template class Svd<double>;

template <class Derived, class T>
GPUDense<T> Base<Derived, T>::inverse() const {
  return GPUDense<T>(linalg::inverse(tensor()));
}
template <class Derived, class T>
T Base<Derived, T>::determinant() const {
  return linalg::det(tensor()).template item<T>();
}
template <class Derived, class T>
Lu<T> Base<Derived, T>::lu() const {
  return Lu<T>(tensor());
}
template <class Derived, class T>
Lu<T> Base<Derived, T>::partialPivLu() const {
  return lu();
}
template <class Derived, class T>
Lu<T> Base<Derived, T>::fullPivLu() const {
  return lu();
}
template <class Derived, class T>
Qr<T> Base<Derived, T>::qr() const {
  return Qr<T>(tensor());
}
template <class Derived, class T>
Qr<T> Base<Derived, T>::householderQr() const {
  return qr();
}
template <class Derived, class T>
Qr<T> Base<Derived, T>::colPivHouseholderQr() const {
  return qr();
}
template <class Derived, class T>
Llt<T> Base<Derived, T>::llt() const {
  return Llt<T>(tensor());
}
template <class Derived, class T>
SelfAdjointEigen<T> Base<Derived, T>::eigh() const {
  return SelfAdjointEigen<T>(tensor());
}
template <class Derived, class T>
Svd<T> Base<Derived, T>::svd() const {
  return Svd<T>(tensor(), ComputeThinU | ComputeThinV);
}
template <class Derived, class T>
Svd<T> Base<Derived, T>::bdcSvd(unsigned options) const {
  return Svd<T>(tensor(), options);
}
template <class Derived, class T>
Svd<T> Base<Derived, T>::jacobiSvd(unsigned options) const {
  return Svd<T>(tensor(), options);
}

}  // namespace nngpu::dense

#endif  // NNGPU_DENSE_SOLVERS_H_
