// The solver objects against Eigen and against their definitions.
#ifdef NNGPU_HAVE_EIGEN
#include <cmath>
#include <limits>

#include "dense_support.h"

namespace dense_test {
namespace {

template <class T>
class Solver : public DenseTest<T> {
 protected:
  const EigenMatrix<T> es = this->positive_definite(9), eb = EigenMatrix<T>::Random(9, 3),
                       et = EigenMatrix<T>::Random(12, 9);
  const ng::GPUDense<T> s{es}, b{eb}, t{et};
};
TYPED_TEST_SUITE(Solver, Scalars);

TYPED_TEST(Solver, Lu) {
  using T = TypeParam;
  const EigenMatrix<T> e = this->random(9, 9) + EigenMatrix<T>::Identity(9, 9) * T(3);
  const ng::GPUDense<T> a(e);
  const auto lu = a.lu();
  EXPECT_TRUE(near<T>(lu.solve(this->b), e.lu().solve(this->eb), 1000));
  EXPECT_TRUE(near<T>(a.partialPivLu().solve(this->b.col(0)), e.lu().solve(this->eb.col(0)), 1000));
  EXPECT_TRUE(near<T>(a.fullPivLu().solve(this->b), e.lu().solve(this->eb), 1000));
  EXPECT_TRUE(near<T>(lu.permutationP() * a, (lu.matrixL() * lu.matrixU()).to_eigen(), 200));
  EXPECT_TRUE(near<T>(lu.reconstructedMatrix(), e, 200));
  EXPECT_TRUE(near<T>(lu.matrixLU(), e.lu().matrixLU(), 200));
  EXPECT_TRUE(
      near<T>(lu.matrixU(), EigenMatrix<T>(e.lu().matrixLU().template triangularView<Eigen::Upper>()), 200));
  EXPECT_TRUE(near<T>(lu.inverse(), e.inverse(), 1000));
  EXPECT_TRUE(near<T>(a.inverse(), e.inverse(), 1000));
  EXPECT_NEAR(lu.determinant() / e.determinant(), 1, 1000 * kEps<T>);
  EXPECT_NEAR(a.determinant() / e.determinant(), 1, 1000 * kEps<T>);
  EXPECT_EQ(lu.info(), Eigen::Success);
  const ng::GPUDense<T> ones = ng::GPUDense<T>::Ones(3, 3);
  EXPECT_EQ(ones.determinant(), 0);
  EXPECT_FALSE(ones.lu().isInvertible());
  EXPECT_EQ(ones.lu().info(), Eigen::NumericalIssue);
  const ng::GPUDense<T> x = ones.lu().solve(ones);
  EXPECT_THROW(static_cast<void>(x.sum()), ng::SingularMatrixError);
  EXPECT_THROW(static_cast<void>(ones.inverse().eval()), ng::SingularMatrixError);
  EXPECT_TRUE(
      throws<ng::ShapeError>([&] { this->t.lu().solve(this->b); }, "[lu().solve] expected a square matrix"));
  EXPECT_TRUE(
      throws<ng::ShapeError>([&] { lu.solve(this->t); }, "[lu().solve] a right-hand side of shape (12, 9)"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { this->t.inverse(); }, "inverse"));
}

TYPED_TEST(Solver, Qr) {
  using T = TypeParam;
  const auto qr = this->t.qr();
  EXPECT_TRUE(near<T>(qr.matrixQ() * qr.matrixR(), this->et, 200));
  EXPECT_TRUE((qr.matrixQ().transpose() * qr.matrixQ()).isIdentity(200 * kEps<T>));
  EXPECT_EQ(qr.householderQ().cols(), 12);
  EXPECT_TRUE((qr.householderQ().transpose() * qr.householderQ()).isIdentity(200 * kEps<T>));
  const EigenMatrix<T> rhs = this->random(12, 2);
  EXPECT_TRUE(near<T>(qr.solve(ng::GPUDense<T>(rhs)), this->et.householderQr().solve(rhs), 2000));
  EXPECT_TRUE(near<T>(this->t.colPivHouseholderQr().solve(ng::GPUDense<T>(rhs)),
                      this->et.householderQr().solve(rhs), 2000));
  EXPECT_NEAR(this->s.householderQr().absDeterminant() / this->es.householderQr().absDeterminant(), 1,
              1000 * kEps<T>);
  EXPECT_NEAR(this->s.qr().logAbsDeterminant(), this->es.householderQr().logAbsDeterminant(), 1000 * kEps<T>);
  EXPECT_TRUE(throws<ng::ShapeError>([&] { this->t.transpose().qr().solve(this->b); }, "fewer rows than columns"));
}

TYPED_TEST(Solver, Llt) {
  using T = TypeParam;
  const auto llt = this->s.llt();
  EXPECT_TRUE(near<T>(llt.matrixL(), EigenMatrix<T>(this->es.llt().matrixL()), 200));
  EXPECT_TRUE(near<T>(llt.matrixU(), EigenMatrix<T>(this->es.llt().matrixU()), 200));
  EXPECT_TRUE(near<T>(llt.solve(this->b), this->es.llt().solve(this->eb), 200));
  EXPECT_TRUE(near<T>(llt.reconstructedMatrix(), this->es, 200));
  EXPECT_TRUE(near<T>(llt.inverse(), this->es.inverse(), 200));
  EXPECT_NEAR(llt.determinant() / this->es.determinant(), 1, 1000 * kEps<T>);
  EXPECT_EQ(llt.info(), ng::Success);
  const ng::GPUDense<T> bad = -this->s;
  EXPECT_EQ(bad.llt().info(), Eigen::NumericalIssue);
  const ng::GPUDense<T> x = bad.llt().solve(this->b);
  EXPECT_THROW(static_cast<void>(x.sum()), ng::NotPositiveDefiniteError);
}

TYPED_TEST(Solver, EigenvaluesAndSingularValues) {
  using T = TypeParam;
  const auto eigh = this->s.eigh();
  const Eigen::SelfAdjointEigenSolver<EigenMatrix<T>> reference(this->es);
  EXPECT_TRUE(near<T>(eigh.eigenvalues(), reference.eigenvalues(), 200));
  const auto v = eigh.eigenvectors();
  EXPECT_TRUE(near<T>(this->s * v, (v * eigh.eigenvalues().asDiagonal()).to_eigen(), 200));
  EXPECT_TRUE(near<T>(eigh.operatorSqrt(), reference.operatorSqrt(), 500));
  EXPECT_TRUE(near<T>(eigh.operatorInverseSqrt(), reference.operatorInverseSqrt(), 500));

  const auto svd = this->t.svd();
  const auto& et = this->et;
  EXPECT_TRUE(near<T>(svd.singularValues(), et.jacobiSvd().singularValues(), 200));
  EXPECT_TRUE(near<T>(svd.matrixU() * svd.singularValues().asDiagonal() * svd.matrixV().transpose(), et, 200));
  EXPECT_EQ(svd.matrixU().cols(), 9);
  EXPECT_EQ(svd.rank(), 9);
  const EigenMatrix<T> rhs = this->random(12, 2);
  EXPECT_TRUE(near<T>(svd.solve(ng::GPUDense<T>(rhs)),
                      et.bdcSvd(Eigen::ComputeThinU | Eigen::ComputeThinV).solve(rhs), 2000));
  const auto full = this->t.bdcSvd(Eigen::ComputeFullU | Eigen::ComputeThinV);
  EXPECT_EQ(full.matrixU().cols(), 12);
  EXPECT_TRUE((full.matrixU().transpose() * full.matrixU()).isIdentity(200 * kEps<T>));
  EXPECT_TRUE(near<T>(full.solve(ng::GPUDense<T>(rhs)), svd.solve(ng::GPUDense<T>(rhs)).to_eigen(), 2000));
  const auto values = this->t.jacobiSvd();
  EXPECT_TRUE(near<T>(values.singularValues(), et.jacobiSvd().singularValues(), 200));
  EXPECT_TRUE(throws<ng::ValueError>([&] { values.matrixU(); }, "matrixU needs"));
  // Rank-deficient.
  const ng::GPUDense<T> low = this->t.leftCols(2) * this->t.topRows(2);
  EXPECT_EQ(low.svd().rank(), 2);
}

TYPED_TEST(Solver, Triangles) {
  using T = TypeParam;
  const auto &s = this->s, &b = this->b;
  const auto &es = this->es, &eb = this->eb;
  EXPECT_TRUE(near<T>(s.template triangularView<ng::Lower>().solve(b),
                      es.template triangularView<Eigen::Lower>().solve(eb)));
  EXPECT_TRUE(near<T>(s.template triangularView<ng::Upper>().solve(b),
                      es.template triangularView<Eigen::Upper>().solve(eb)));
  const EigenMatrix<T> small = es / T(20);
  const ng::GPUDense<T> u(small);
  EXPECT_TRUE(near<T>(u.template triangularView<ng::UnitLower>().solve(b),
                      small.template triangularView<Eigen::UnitLower>().solve(eb)));
  EXPECT_TRUE(near<T>(u.template triangularView<ng::UnitUpper>().solve(b),
                      small.template triangularView<Eigen::UnitUpper>().solve(eb)));
  EXPECT_TRUE(
      near<T>(s.template triangularView<Eigen::Lower>() * b, es.template triangularView<Eigen::Lower>() * eb));
  EXPECT_TRUE(near<T>(s.template triangularView<Eigen::UnitUpper>() * b,
                      es.template triangularView<Eigen::UnitUpper>() * eb));
  EXPECT_TRUE(near<T>(b.transpose() * s.template triangularView<ng::Upper>(),
                      eb.transpose() * es.template triangularView<Eigen::Upper>()));
  EXPECT_TRUE(near<T>(s.template triangularView<ng::StrictlyUpper>().toDenseMatrix(),
                      es.template triangularView<Eigen::StrictlyUpper>().toDenseMatrix()));
  const ng::GPUDense<T> lower = s.template triangularView<ng::Lower>();
  EXPECT_TRUE(near<T>(lower.template selfadjointView<ng::Lower>() * b, es * eb, 100));
  EXPECT_TRUE(near<T>(lower.template selfadjointView<ng::Lower>().llt().solve(b), es.llt().solve(eb), 200));
  EXPECT_TRUE(
      near<T>(lower.transpose().template selfadjointView<ng::Upper>().llt().solve(b), es.llt().solve(eb), 200));
  EXPECT_TRUE(near<T>(lower.transpose().template selfadjointView<ng::Upper>().eigenvalues(),
                      es.template selfadjointView<Eigen::Lower>().eigenvalues(), 200));
  EXPECT_TRUE(
      throws<ng::ShapeError>([&] { this->t.template triangularView<ng::Lower>().solve(b); }, "triangularView"));
}

TYPED_TEST(Solver, NanInTheMatrix) {
  using T = TypeParam;
  ng::GPUDense<T> a = this->s;
  a(2, 3) = a(3, 2) = std::numeric_limits<T>::quiet_NaN();
  EXPECT_THROW(static_cast<void>(a.inverse().eval()), ng::NonFiniteError);
  EXPECT_EQ(a.eigh().info(), Eigen::InvalidInput);
  EXPECT_EQ(a.svd().info(), Eigen::InvalidInput);
}

}  // namespace
}  // namespace dense_test
#endif  // NNGPU_HAVE_EIGEN
