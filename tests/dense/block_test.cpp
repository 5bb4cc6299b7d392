// Parts of matrices: reading, assigning through them, aliasing.
#ifdef NNGPU_HAVE_EIGEN
#include <utility>
#include <vector>

#include "dense_support.h"

namespace dense_test {
namespace {

template <class T>
class Block : public DenseTest<T> {};
TYPED_TEST_SUITE(Block, Scalars);

// Calls f(part name, part of ours, part of theirs) for every kind of part of a 6 x 5 matrix.
template <class A, class B, class F>
void each_part(A& a, B& b, F f) {
  f("block", a.block(1, 2, 3, 2), b.block(1, 2, 3, 2));
  f("fixed block", a.template block<2, 3>(3, 1), b.template block<2, 3>(3, 1));
  f("topLeftCorner", a.topLeftCorner(2, 3), b.topLeftCorner(2, 3));
  f("topRightCorner", a.topRightCorner(2, 3), b.topRightCorner(2, 3));
  f("bottomLeftCorner", a.bottomLeftCorner(2, 3), b.bottomLeftCorner(2, 3));
  f("bottomRightCorner", a.bottomRightCorner(2, 3), b.bottomRightCorner(2, 3));
  f("topRows", a.topRows(2), b.topRows(2));
  f("bottomRows", a.bottomRows(2), b.bottomRows(2));
  f("middleRows", a.middleRows(1, 3), b.middleRows(1, 3));
  f("leftCols", a.leftCols(2), b.leftCols(2));
  f("rightCols", a.rightCols(2), b.rightCols(2));
  f("middleCols", a.middleCols(1, 3), b.middleCols(1, 3));
  f("fixed topRows", a.template topRows<2>(), b.template topRows<2>());
  f("fixed rightCols", a.template rightCols<2>(), b.template rightCols<2>());
  f("fixed corner", a.template bottomLeftCorner<2, 3>(), b.template bottomLeftCorner<2, 3>());
  f("row", a.row(4), b.row(4));
  f("col", a.col(3), b.col(3));
  f("head", a.col(3).head(4), b.col(3).head(4));
  f("fixed head", a.row(3).template head<2>(), b.row(3).template head<2>());
  f("tail", a.row(2).tail(3), b.row(2).tail(3));
  f("segment", a.col(0).segment(1, 3), b.col(0).segment(1, 3));
  f("diagonal", a.diagonal(), b.diagonal());
  f("diagonal 2", a.diagonal(2), b.diagonal(2));
  f("diagonal -1", a.diagonal(-1), b.diagonal(-1));
  f("block of a block", a.block(1, 1, 4, 4).block(1, 2, 2, 2), b.block(1, 1, 4, 4).block(1, 2, 2, 2));
  f("row of a block", a.block(1, 1, 4, 4).row(1), b.block(1, 1, 4, 4).row(1));
  f("diagonal of a block", a.block(1, 1, 4, 4).diagonal(1), b.block(1, 1, 4, 4).diagonal(1));
  f("segment of a diagonal", a.diagonal().segment(1, 2), b.diagonal().segment(1, 2));
  f("nothing", a.block(2, 2, 0, 2), b.block(2, 2, 0, 2));
  f("everything", a.block(0, 0, 6, 5), b.block(0, 0, 6, 5));
}

TYPED_TEST(Block, Reads) {
  using T = TypeParam;
  const EigenMatrix<T> e = this->random(6, 5);
  const ng::GPUDense<T> constant(e);
  each_part(constant, e, [](const char* name, const auto& ours, const auto& theirs) {
    EXPECT_TRUE(near<T>(ours, theirs)) << name;
  });
  ng::GPUDense<T> a(e);
  each_part(a, e, [](const char* name, const auto& ours, const auto& theirs) {
    EXPECT_TRUE(near<T>(ours, theirs)) << name;
    if (theirs.size() > 1) {
      EXPECT_EQ(ours(0, 0), theirs(0, 0)) << name;
      EXPECT_EQ(ours.coeff(theirs.rows() - 1, theirs.cols() - 1),
                theirs.coeff(theirs.rows() - 1, theirs.cols() - 1));
      EXPECT_NEAR(ours.sum(), theirs.sum(), 1e-5);
    }
  });
}

// Assigns to every part in every way, on a matrix that is on the host, on the device, or pending.
TYPED_TEST(Block, Assigns) {
  using T = TypeParam;
  for (int state = 0; state < 4; ++state) {
    EigenMatrix<T> e = this->random(6, 5);
    ng::GPUDense<T> a(e);
    int step = 0;
    each_part(a, e, [&](const char* name, auto ours, auto theirs) {
      if (state == 1) a(0, 0) = T(a(0, 0));
      if (state == 2) a = (a + ng::GPUDense<T>::Zero(6, 5)).eval();
      if (state == 3) a = a * T(1);
      const EigenMatrix<T> x = EigenMatrix<T>::Random(theirs.rows(), theirs.cols());
      ours = ng::GPUDense<T>(x);
      theirs = x;
      if (step++ % 3 == 0) {
        EXPECT_TRUE(near<T>(a, e)) << name << " = in state " << state;
      }
      ours += ng::GPUDense<T>(x) * T(3);
      theirs += x * T(3);
      ours -= ng::GPUDense<T>(x).cwiseAbs();
      theirs -= x.cwiseAbs();
      ours *= T(2);
      theirs *= T(2);
      ours /= T(4);
      theirs /= T(4);
      EXPECT_TRUE(near<T>(a, e)) << name << " in state " << state;
      ours.array() += T(1);
      theirs.array() += T(1);
      ours = ours + ours;
      theirs = (theirs + theirs).eval();
      EXPECT_TRUE(near<T>(a, e)) << name << " in state " << state;
      ours.setConstant(T(0.5));
      theirs.setConstant(T(0.5));
      ours.setZero();
      theirs.setZero();
      EXPECT_TRUE(near<T>(a, e)) << name << " in state " << state;
    });
  }
}

TYPED_TEST(Block, ElementsOfBlocks) {
  using T = TypeParam;
  EigenMatrix<T> e = this->random(6, 5);
  ng::GPUDense<T> a(e);
  each_part(a, e, [&](const char* name, auto ours, auto theirs) {
    for (int j = 0; j < theirs.cols(); ++j)
      for (int i = 0; i < theirs.rows(); ++i) {
        ours(i, j) += T(i + 10 * j);
        theirs(i, j) += T(i + 10 * j);
      }
    EXPECT_TRUE(near<T>(a, e)) << name;
  });
  auto row = a.row(2);
  row(3) = 42;
  row[4] = 43;
  EXPECT_EQ(a(2, 3), 42);
  EXPECT_EQ(a(2, 4), 43);
  a(2, 0) = 44;
  EXPECT_EQ(row(0), 44);
}

TYPED_TEST(Block, Aliasing) {
  using T = TypeParam;
  EigenMatrix<T> e = this->random(5, 5);
  ng::GPUDense<T> a(e);
  const auto check = [&](const char* what) { EXPECT_TRUE(near<T>(a, e)) << what; };
  a = a * a;
  e = (e * e).eval();
  check("a = a * a");
  a *= a;
  e = (e * e).eval();
  check("a *= a");
  e /= e.norm();
  a /= a.norm();
  a.row(0) = a.row(1);
  e.row(0) = e.row(1).eval();
  check("a.row(0) = a.row(1)");
  a.block(0, 0, 3, 3) = a.block(1, 1, 3, 3);
  e.block(0, 0, 3, 3) = e.block(1, 1, 3, 3).eval();
  check("overlapping blocks");
  a(0, 0) = 3;
  e(0, 0) = 3;
  a.block(1, 1, 3, 3) = a.block(0, 0, 3, 3);
  e.block(1, 1, 3, 3) = e.block(0, 0, 3, 3).eval();
  check("overlapping blocks after an element write");
  a = a.transpose();
  e = e.transpose().eval();
  check("a = a.transpose()");
  a.transposeInPlace();
  e.transposeInPlace();
  check("transposeInPlace");
  a.col(1) = a * a.col(0);
  e.col(1) = (e * e.col(0)).eval();
  check("a.col(1) = a * a.col(0)");
  a.row(2) = a.col(3);
  e.row(2) = e.col(3).transpose().eval();
  check("a row from a column");
  a.row(0).swap(a.row(3));
  e.row(0).swap(e.row(3));
  check("swap of rows");
  a.diagonal() = a.row(1).transpose();
  e.diagonal() = e.row(1).transpose().eval();
  check("the diagonal from a row");
  a = a.block(1, 1, 3, 2);
  e = e.block(1, 1, 3, 2).eval();
  check("a = a.block(...)");
  a = a.array() * a.array();
  e = (e.array() * e.array()).matrix().eval();
  check("a = a.array() * a.array()");
}

TYPED_TEST(Block, ManyWaitingParts) {
  using T = TypeParam;
  const int n = 60;
  EigenMatrix<T> e = EigenMatrix<T>::Zero(n, n);
  ng::GPUDense<T> a = ng::GPUDense<T>::Ones(n, n) - ng::GPUDense<T>::Ones(n, n);
  const EigenMatrix<T> x = this->random(n, 1);
  const ng::GPUDense<T> v(x);
  for (int j = 0; j < n; ++j) {
    a.col(j) = v * T(j);
    e.col(j) = x * T(j);
    a.row(j).head(3) += v.head(3).transpose();
    e.row(j).head(3) += x.topRows(3).transpose();
  }
  EXPECT_TRUE(near<T>(a, e));
  // Classical Gram-Schmidt: every step reads the columns written before.
  ng::GPUDense<T> m(this->random(n, 20)), q(n, 20);
  for (int j = 0; j < 20; ++j) {
    ng::GPUDense<T> u = m.col(j);
    if (j > 0) u -= q.leftCols(j) * (q.leftCols(j).transpose() * m.col(j));
    q.col(j) = u.normalized();
  }
  EXPECT_TRUE((q.transpose() * q).isApprox(ng::GPUDense<T>::Identity(20, 20), 1e-3));
}

TYPED_TEST(Block, FailedPartsThrowWhenRead) {
  using T = TypeParam;
  ng::GPUDense<T> a = ng::GPUDense<T>::Ones(4, 4);
  const ng::GPUDense<T> singular = ng::GPUDense<T>::Ones(2, 2);
  a.block(0, 0, 2, 2) = singular.inverse();
  EXPECT_THROW(static_cast<void>(T(a(3, 3))), ng::SingularMatrixError);
  EXPECT_THROW(static_cast<void>(T(a(0, 0))), ng::SingularMatrixError);
  const ng::GPUDense<T> b = a + a;
  EXPECT_THROW(static_cast<void>(b.sum()), ng::SingularMatrixError);
  a = ng::GPUDense<T>::Ones(2, 2);
  EXPECT_EQ(a.sum(), 4);
}

TYPED_TEST(Block, TemporariesAndConstantsGiveValues) {
  using T = TypeParam;
  const EigenMatrix<T> e = this->random(4, 4);
  const ng::GPUDense<T> a(e);
  static_assert(std::is_same_v<decltype(a.row(0)), ng::GPUDense<T>>);
  static_assert(std::is_same_v<decltype((a * a).row(0)), ng::GPUDense<T>>);
  static_assert(std::is_same_v<decltype(std::declval<ng::GPUDense<T>&>().row(0)), ng::GPUBlock<T>>);
  auto row = (a + a).row(1);
  row(0) = 5;
  EXPECT_EQ(row(0), 5);
  EXPECT_NEAR(row(1), 2 * e(1, 1), 1e-6);
}

TYPED_TEST(Block, ShapesThatDoNotFit) {
  using T = TypeParam;
  ng::GPUDense<T> a(4, 4);
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a.block(0, 0, 2, 2) = ng::GPUDense<T>(3, 2); },
                                     "[assign] a value of shape (3, 2) does not fit a part of shape (2, 2)"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a.row(0) += ng::GPUDense<T>(3, 1); }, "[add]"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a.row(0).swap(a.col(0)); }, "[swap]"));
}

}  // namespace
}  // namespace dense_test
#endif  // NNGPU_HAVE_EIGEN
