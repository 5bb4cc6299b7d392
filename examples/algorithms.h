// Four algorithms written once, for any matrix type with Eigen's interface: the programs of this folder run them
// with Eigen::MatrixXd and with nngpu::GPUDense<double>.
#ifndef EXAMPLES_ALGORITHMS_H_
#define EXAMPLES_ALGORITHMS_H_

#include <Eigen/Dense>
#include <cmath>
#include <utility>

namespace algorithms {

// Kalman, "A New Approach to Linear Filtering and Prediction Problems" (1960): the state x of a linear system with
// transition F and process noise Q, estimated from measurements z = H x + noise of covariance R.
template <class Matrix>
class KalmanFilter {
 public:
  KalmanFilter(Matrix f, Matrix h, Matrix q, Matrix r)
      : f_(std::move(f)),
        h_(std::move(h)),
        q_(std::move(q)),
        r_(std::move(r)),
        x_(Matrix::Zero(f_.rows(), 1)),
        p_(Matrix::Identity(f_.rows(), f_.rows())) {}

  void predict() {
    x_ = f_ * x_;
    p_ = f_ * p_ * f_.transpose() + q_;
  }

  void update(const Matrix& z) {
    const Matrix innovation = z - h_ * x_;
    const Matrix s = h_ * p_ * h_.transpose() + r_;
    const Matrix gain = s.llt().solve(h_ * p_).transpose();
    x_ += gain * innovation;
    // Joseph's form: it stays symmetric and positive definite.
    const Matrix rest = Matrix::Identity(p_.rows(), p_.cols()) - gain * h_;
    p_ = (rest * p_ * rest.transpose() + gain * r_ * gain.transpose()).eval();
  }

  const Matrix& state() const { return x_; }
  const Matrix& covariance() const { return p_; }

 private:
  Matrix f_, h_, q_, r_, x_, p_;
};

template <class Matrix>
struct Pca {
  Matrix mean;        // 1 x features
  Matrix components;  // features x count, orthonormal columns
  Matrix variances;   // count x 1
  Matrix scores;      // samples x count
};

// The `count` principal components of the rows of x, by the singular value decomposition.
template <class Matrix>
Pca<Matrix> pca(const Matrix& x, int count) {
  using Scalar = typename Matrix::Scalar;
  Pca<Matrix> result;
  result.mean = x.colwise().mean();
  Matrix centred = x;
  centred.rowwise() -= x.colwise().mean();
  const auto svd = centred.bdcSvd(Eigen::ComputeThinU | Eigen::ComputeThinV);
  result.components = svd.matrixV().leftCols(count);
  // Singular vectors are unique up to the sign: the largest coefficient shall be positive.
  for (int k = 0; k < count; ++k) {
    int i = 0, j = 0;
    result.components.col(k).cwiseAbs().maxCoeff(&i, &j);
    if (result.components(i, k) < Scalar(0)) result.components.col(k) *= Scalar(-1);
  }
  const Matrix s = svd.singularValues();
  result.variances = s.topRows(count).array().square() / Scalar(x.rows() - 1);
  result.scores = centred * result.components;
  return result;
}

// Ridge regression: the w that minimizes |x w - y|^2 + lambda |w|^2, by the normal equations.
template <class Matrix>
Matrix ridge(const Matrix& x, const Matrix& y, typename Matrix::Scalar lambda) {
  const Matrix normal = x.transpose() * x + lambda * Matrix::Identity(x.cols(), x.cols());
  return normal.llt().solve(x.transpose() * y);
}

template <class Matrix>
struct ConjugateGradients {
  Matrix x;
  int iterations = 0;
  typename Matrix::Scalar residual = 0;  // |b - a x| / |b|
};

// Hestenes and Stiefel, "Methods of Conjugate Gradients for Solving Linear Systems" (1952): a x = b for a
// symmetric positive definite a.
template <class Matrix>
ConjugateGradients<Matrix> conjugate_gradients(const Matrix& a, const Matrix& b, typename Matrix::Scalar tolerance,
                                               int max_iterations) {
  using Scalar = typename Matrix::Scalar;
  ConjugateGradients<Matrix> result;
  Matrix x = Matrix::Zero(b.rows(), 1), r = b, p = b;
  Scalar rr = r.squaredNorm();
  const Scalar stop = tolerance * tolerance * rr;
  while (rr > stop && result.iterations < max_iterations) {
    const Matrix ap = a * p;
    const Scalar step = rr / p.cwiseProduct(ap).sum();
    x += step * p;
    r -= step * ap;
    const Scalar next = r.squaredNorm();
    p = r + (next / rr) * p;
    rr = next;
    ++result.iterations;
  }
  result.residual = std::sqrt(rr) / b.norm();
  result.x = x;
  return result;
}

}  // namespace algorithms

#endif  // EXAMPLES_ALGORITHMS_H_
