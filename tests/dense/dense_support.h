// Comparison of GPUDense with Eigen.
#ifndef TESTS_DENSE_DENSE_SUPPORT_H_
#define TESTS_DENSE_DENSE_SUPPORT_H_

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <limits>
#include <string>

#include "nngpu/eigen.h"

namespace dense_test {

namespace ng = nngpu;

template <class T>
using EigenMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
template <class T>
using EigenVector = Eigen::Matrix<T, Eigen::Dynamic, 1>;

template <class T>
inline constexpr double kEps = std::numeric_limits<T>::epsilon();

// The two have one shape, and elements that differ by at most `factor` * eps of the largest one.
template <class T, class D, class E>
::testing::AssertionResult near(const ng::dense::Base<D, T>& ours, const Eigen::DenseBase<E>& eigen,
                                double factor = 32) {
  const EigenMatrix<T> x = ours.to_eigen();
  const EigenMatrix<T> y = eigen.derived().matrix();
  if (x.rows() != y.rows() || x.cols() != y.cols())
    return ::testing::AssertionFailure()
           << "shape (" << x.rows() << ", " << x.cols() << "), Eigen's (" << y.rows() << ", " << y.cols() << ")";
  if (x.size() == 0) return ::testing::AssertionSuccess();
  const double scale = std::max(1.0, static_cast<double>(y.cwiseAbs().maxCoeff()));
  const double error = (x - y).cwiseAbs().maxCoeff();
  if (error <= factor * kEps<T> * scale) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "differ by " << error << ":\n" << x << "\nEigen's:\n" << y;
}
template <class T, class Inner, class E>
requires(std::same_as<typename Inner::Scalar, T>)::testing::AssertionResult
    near(const ng::dense::Array<Inner>& ours, const Eigen::DenseBase<E>& eigen, double factor = 32) {
  return near<T>(ours.matrix(), eigen, factor);
}

// The type of the error `f` throws and whether its text holds `text`.
template <class Error, class F>
::testing::AssertionResult throws(F f, const std::string& text) {
  try {
    f();
  } catch (const Error& error) {
    if (std::string(error.what()).find(text) != std::string::npos) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "the text is: " << error.what();
  } catch (const std::exception& error) {
    return ::testing::AssertionFailure() << "another type of error: " << error.what();
  }
  return ::testing::AssertionFailure() << "no error";
}

template <class T>
class DenseTest : public ::testing::Test {
 protected:
  using Ours = ng::GPUDense<T>;
  using Theirs = EigenMatrix<T>;
  DenseTest() { std::srand(1234); }
  static Theirs random(int rows, int cols) { return Theirs::Random(rows, cols); }
  static Theirs positive_definite(int n) {
    const Theirs x = Theirs::Random(n, n);
    return x * x.transpose() + T(n) * Theirs::Identity(n, n);
  }
};

using Scalars = ::testing::Types<float, double>;

}  // namespace dense_test

#endif  // TESTS_DENSE_DENSE_SUPPORT_H_
