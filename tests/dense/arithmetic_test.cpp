// Matrix arithmetic, reductions, tests and reshaping against Eigen.
#ifdef NNGPU_HAVE_EIGEN
#include <cmath>
#include <limits>

#include "dense_support.h"

namespace dense_test {
namespace {

template <class T>
class Arithmetic : public DenseTest<T> {
 protected:
  const EigenMatrix<T> ea = EigenMatrix<T>::Random(7, 5), eb = EigenMatrix<T>::Random(7, 5),
                       ec = EigenMatrix<T>::Random(5, 6);
  const ng::GPUDense<T> a{ea}, b{eb}, c{ec};
};
TYPED_TEST_SUITE(Arithmetic, Scalars);

TYPED_TEST(Arithmetic, Operators) {
  using T = TypeParam;
  const auto &a = this->a, &b = this->b, &c = this->c;
  const auto &ea = this->ea, &eb = this->eb, &ec = this->ec;
  EXPECT_TRUE(near<T>(a + b, ea + eb));
  EXPECT_TRUE(near<T>(a - b, ea - eb));
  EXPECT_TRUE(near<T>(-a, -ea));
  EXPECT_TRUE(near<T>(a * c, ea * ec));
  EXPECT_TRUE(near<T>(a.transpose() * b, ea.transpose() * eb));
  EXPECT_TRUE(near<T>(a * b.transpose(), ea * eb.transpose()));
  EXPECT_TRUE(near<T>(a.transpose() * b * c, ea.transpose() * eb * ec));
  EXPECT_TRUE(near<T>(a * T(3), ea * T(3)));
  EXPECT_TRUE(near<T>(2 * a, T(2) * ea));
  EXPECT_TRUE(near<T>(a / 4, ea / T(4)));
  EXPECT_TRUE(near<T>(a.row(1) * c, ea.row(1) * ec));
  EXPECT_TRUE(near<T>(a * c.col(2), ea * ec.col(2)));
  ng::GPUDense<T> x = a;
  EigenMatrix<T> ex = ea;
  x += b;
  ex += eb;
  x -= a * T(2);
  ex -= ea * T(2);
  x *= 3;
  ex *= 3;
  x /= 2;
  ex /= 2;
  x.noalias() += a * c * c.transpose();
  ex.noalias() += ea * ec * ec.transpose();
  EXPECT_TRUE(near<T>(x, ex));
  x *= c;
  ex = (ex * ec).eval();
  EXPECT_TRUE(near<T>(x, ex));
  EXPECT_TRUE(near<T>(a, ea));
}

TYPED_TEST(Arithmetic, Elementwise) {
  using T = TypeParam;
  const auto &a = this->a, &b = this->b;
  const auto &ea = this->ea, &eb = this->eb;
  EXPECT_TRUE(near<T>(a.cwiseProduct(b), ea.cwiseProduct(eb)));
  EXPECT_TRUE(near<T>(a.cwiseQuotient(b), ea.cwiseQuotient(eb)));
  EXPECT_TRUE(near<T>(a.cwiseMax(b), ea.cwiseMax(eb)));
  EXPECT_TRUE(near<T>(a.cwiseMin(b), ea.cwiseMin(eb)));
  EXPECT_TRUE(near<T>(a.cwiseMax(T(0.1)), ea.cwiseMax(T(0.1))));
  EXPECT_TRUE(near<T>(a.cwiseMin(T(0.1)), ea.cwiseMin(T(0.1))));
  EXPECT_TRUE(near<T>(a.cwiseAbs(), ea.cwiseAbs()));
  EXPECT_TRUE(near<T>(a.cwiseAbs2(), ea.cwiseAbs2()));
  EXPECT_TRUE(near<T>(a.cwiseAbs().cwiseSqrt(), ea.cwiseAbs().cwiseSqrt()));
  EXPECT_TRUE(near<T>(a.cwiseInverse(), ea.cwiseInverse()));
  EXPECT_TRUE(near<T>(a.unaryExpr([](T v) { return v * v + 1; }), ea.unaryExpr([](T v) { return v * v + 1; })));
  EXPECT_TRUE(near<T>(a.binaryExpr(b, [](T v, T w) { return v * w + 1; }),
                      ea.binaryExpr(eb, [](T v, T w) { return v * w + 1; })));
  EXPECT_TRUE(near<double>(a.template cast<double>(), ea.template cast<double>()));
  EXPECT_TRUE(near<float>(a.template cast<float>(), ea.template cast<float>()));
}

TYPED_TEST(Arithmetic, Reductions) {
  using T = TypeParam;
  const auto& a = this->a;
  const auto& ea = this->ea;
  const double tolerance = 100 * kEps<T>;
  EXPECT_NEAR(a.sum(), ea.sum(), tolerance);
  EXPECT_NEAR(a.prod(), ea.prod(), tolerance);
  EXPECT_NEAR(a.mean(), ea.mean(), tolerance);
  EXPECT_NEAR(a.norm(), ea.norm(), tolerance);
  EXPECT_NEAR(a.squaredNorm(), ea.squaredNorm(), tolerance);
  EXPECT_NEAR(a.trace(), ea.trace(), tolerance);
  EXPECT_NEAR(a.template lpNorm<1>(), ea.template lpNorm<1>(), tolerance);
  EXPECT_NEAR(a.template lpNorm<Eigen::Infinity>(), ea.template lpNorm<Eigen::Infinity>(), tolerance);
  EXPECT_EQ(a.minCoeff(), ea.minCoeff());
  EXPECT_EQ(a.maxCoeff(), ea.maxCoeff());
  int i = 0, j = 0, ei = 0, ej = 0;
  EXPECT_EQ(a.minCoeff(&i, &j), ea.minCoeff(&ei, &ej));
  EXPECT_EQ(std::pair(i, j), std::pair(ei, ej));
  EXPECT_EQ(a.maxCoeff(&i, &j), ea.maxCoeff(&ei, &ej));
  EXPECT_EQ(std::pair(i, j), std::pair(ei, ej));
  EXPECT_EQ(a.row(2).maxCoeff(&i), ea.row(2).maxCoeff(&ei));
  EXPECT_EQ(i, ei);
  EXPECT_EQ(a.col(2).minCoeff(&i), ea.col(2).minCoeff(&ei));
  EXPECT_EQ(i, ei);
  EXPECT_NEAR(a.col(0).dot(a.col(1)), ea.col(0).dot(ea.col(1)), tolerance);
  EXPECT_NEAR(a.row(0).dot(a.col(1).head(5)), ea.row(0).dot(ea.col(1).head(5)), tolerance);
  EXPECT_NEAR((a.col(0).transpose() * a.col(1)).value(), ea.col(0).dot(ea.col(1)), tolerance);
}

TYPED_TEST(Arithmetic, Rearrangements) {
  using T = TypeParam;
  const auto& a = this->a;
  const auto& ea = this->ea;
  EXPECT_TRUE(near<T>(a.transpose(), ea.transpose()));
  EXPECT_TRUE(near<T>(a.adjoint(), ea.adjoint()));
  EXPECT_TRUE(near<T>(a.reverse(), ea.reverse()));
  EXPECT_TRUE(near<T>(a.replicate(2, 3), ea.replicate(2, 3)));
  EXPECT_TRUE(near<T>(a.reshaped(5, 7), ea.reshaped(5, 7)));
  EXPECT_TRUE(near<T>(a.reshaped(), ea.reshaped()));
  EXPECT_TRUE(near<T>(a.col(0).normalized(), ea.col(0).normalized()));
  EXPECT_TRUE(near<T>(a.col(0).head(3).cross(a.col(1).head(3)),
                      ea.col(0).template head<3>().cross(ea.col(1).template head<3>())));
  EXPECT_TRUE(near<T>(a.col(1).asDiagonal() * this->b, ea.col(1).asDiagonal() * this->eb));
  EXPECT_TRUE(near<T>(a * a.row(1).asDiagonal(), ea * ea.row(1).transpose().asDiagonal()));
  ng::GPUDense<T> x = a;
  EigenMatrix<T> ex = ea;
  x.conservativeResize(9, 3);
  EXPECT_TRUE(near<T>(x.topRows(7), ex.leftCols(3)));
  EXPECT_TRUE(x.bottomRows(2).isZero());
  x.conservativeResize(4, 2);
  EXPECT_TRUE(near<T>(x, ex.topLeftCorner(4, 2)));
  x.resize(3, 3);
  EXPECT_TRUE(x.isZero());
  ng::GPUDense<T> y = a;
  y.swap(x);
  EXPECT_TRUE(near<T>(x, ea));
  EXPECT_EQ(y.rows(), 3);
  y.setIdentity(2, 4);
  EXPECT_TRUE(near<T>(y, EigenMatrix<T>::Identity(2, 4)));
}

TYPED_TEST(Arithmetic, Tests) {
  using T = TypeParam;
  const auto &a = this->a, &b = this->b;
  EXPECT_TRUE(a == a);
  EXPECT_FALSE(a == b);
  EXPECT_TRUE(a != b);
  EXPECT_TRUE(a.isApprox(a * T(1 + 8 * kEps<T>)));
  EXPECT_FALSE(a.isApprox(b));
  EXPECT_TRUE((a - a).isZero());
  EXPECT_FALSE(a.isZero());
  EXPECT_TRUE(ng::GPUDense<T>::Ones(2, 2).isOnes());
  EXPECT_TRUE(ng::GPUDense<T>::Identity(3, 3).isIdentity());
  EXPECT_FALSE(ng::GPUDense<T>::Ones(3, 3).isIdentity());
  EXPECT_TRUE(ng::GPUDense<T>::Constant(3, 3, 5).isConstant(5));
  ng::GPUDense<T> x = a;
  EXPECT_TRUE(x.allFinite());
  EXPECT_FALSE(x.hasNaN());
  x(1, 1) = std::numeric_limits<T>::infinity();
  EXPECT_FALSE(x.allFinite());
  EXPECT_FALSE(x.hasNaN());
  x(1, 1) = std::numeric_limits<T>::quiet_NaN();
  EXPECT_TRUE(x.hasNaN());
  EXPECT_FALSE(x == x);
}

TYPED_TEST(Arithmetic, Empty) {
  using T = TypeParam;
  const ng::GPUDense<T> a(0, 3), b(3, 0);
  EXPECT_EQ(a.sum(), 0);
  EXPECT_EQ(a.prod(), 1);
  EXPECT_EQ(a.norm(), 0);
  EXPECT_TRUE(near<T>(b * a, EigenMatrix<T>::Zero(3, 3)));
  EXPECT_EQ((a * b).size(), 0);
  EXPECT_EQ(a.transpose().rows(), 3);
  EXPECT_TRUE(a == a);
  EXPECT_EQ(a.to_eigen().cols(), 3);
  EXPECT_EQ((a + a).rows(), 0);
  EXPECT_THROW(static_cast<void>(a.maxCoeff()), ng::ValueError);
  ng::GPUDense<T> c;
  c = b;
  EXPECT_EQ(c.rows(), 3);
}

TYPED_TEST(Arithmetic, Errors) {
  using T = TypeParam;
  const auto &a = this->a, &c = this->c;
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a + c; }, "[add] shapes differ: (7, 5) and (5, 6)"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a - c; }, "[subtract] shapes differ"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a* a; }, "[matmul] inner dimensions differ: (7, 5) x (7, 5)"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a.cwiseProduct(c); }, "[cwiseProduct]"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { static_cast<void>(a == c); }, "[equal]"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a.isApprox(c); }, "[isApprox]"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a.dot(c); }, "[dot] expected a vector"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a.col(0).dot(c.col(0)); }, "[dot] sizes differ: 7 and 5"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a.value(); }, "[value]"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a.asDiagonal(); }, "[asDiagonal]"));
  ng::GPUDense<T> x = a;
  EXPECT_TRUE(throws<ng::ShapeError>([&] { x += c; }, "[add]"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { x.resize(-1, 1); }, "negative size"));
  EXPECT_TRUE(x == a);
}

}  // namespace
}  // namespace dense_test
#endif  // NNGPU_HAVE_EIGEN
