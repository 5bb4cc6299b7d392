// Construction, element access, proxies, comma initialisation.
#ifdef NNGPU_HAVE_EIGEN
#include <cmath>
#include <utility>

#include "dense_support.h"

namespace dense_test {
namespace {

template <class T>
class Element : public DenseTest<T> {};
TYPED_TEST_SUITE(Element, Scalars);

TYPED_TEST(Element, NewMatricesAreZero) {
  using M = ng::GPUDense<TypeParam>;
  M a(3, 4);
  EXPECT_EQ(a.rows(), 3);
  EXPECT_EQ(a.cols(), 4);
  EXPECT_EQ(a.size(), 12);
  EXPECT_TRUE(a.isZero(0));
  EXPECT_EQ(M(3).cols(), 1);
  EXPECT_EQ(M().size(), 0);
  EXPECT_TRUE(near<TypeParam>(M::Identity(2, 3), EigenMatrix<TypeParam>::Identity(2, 3)));
  EXPECT_TRUE(near<TypeParam>(M::Ones(2, 3), EigenMatrix<TypeParam>::Ones(2, 3)));
  EXPECT_TRUE(near<TypeParam>(M::Constant(2, 3, 7), EigenMatrix<TypeParam>::Constant(2, 3, 7)));
  EXPECT_TRUE(near<TypeParam>(M::LinSpaced(5, 1, 2), EigenVector<TypeParam>::LinSpaced(5, 1, 2)));
  EXPECT_TRUE(near<TypeParam>(M::Unit(4, 2), EigenVector<TypeParam>::Unit(4, 2)));
  EXPECT_TRUE(near<TypeParam>(M::NullaryExpr(2, 3, [](auto i, auto j) { return TypeParam(10 * i + j); }),
                              M{{0, 1, 2}, {10, 11, 12}}.to_eigen()));
  const M r = M::Random(50, 40);
  EXPECT_LE(r.maxCoeff(), 1);
  EXPECT_GE(r.minCoeff(), -1);
  EXPECT_LT(std::abs(r.mean()), 0.1);
  EXPECT_FALSE(r == M::Random(50, 40));
}

TYPED_TEST(Element, ListsOfRowsAndTensors) {
  using M = ng::GPUDense<TypeParam>;
  const M a{{1, 2, 3}, {4, 5, 6}};
  EXPECT_EQ(a.rows(), 2);
  EXPECT_EQ(a(0, 2), 3);
  EXPECT_EQ(a(1, 0), 4);
  EXPECT_TRUE(throws<ng::ShapeError>([] { M{{1, 2}, {3}}; }, "[GPUDense] row 1 has 1 elements"));

  const ng::Tensor t = ng::cast(ng::reshape(ng::arange(0, 6), {2, 3}), M::kDType);
  const M b(t);
  EXPECT_EQ(b.rows(), 2);
  EXPECT_EQ(b(1, 2), 5);
  EXPECT_EQ(b.tensor().shape(), (ng::Shape{2, 3}));
  EXPECT_EQ(b.tensor().template to_vector<TypeParam>(), t.template to_vector<TypeParam>());
  const M v(ng::cast(ng::arange(0, 4), M::kDType));
  EXPECT_EQ(v.rows(), 4);
  EXPECT_EQ(v.cols(), 1);
  EXPECT_TRUE(throws<ng::ShapeError>([] { M(ng::zeros({2, 2, 2}, M::kDType)); }, "rank 2 or 1"));
  EXPECT_TRUE(throws<ng::DTypeError>([] { M(ng::zeros({2, 2}, ng::DType::I32)); }, "i32"));
}

TYPED_TEST(Element, ReadsAndWrites) {
  using T = TypeParam;
  EigenMatrix<T> e = this->random(5, 4);
  ng::GPUDense<T> a(e);
  for (int i = 0; i < 5; ++i)
    for (int j = 0; j < 4; ++j) EXPECT_EQ(a(i, j), e(i, j));
  for (int k = 0; k < 20; ++k) EXPECT_EQ(a(k), e(k));
  a(1, 2) = 9;
  e(1, 2) = 9;
  a(0, 0) += a(1, 2);
  e(0, 0) += e(1, 2);
  a(3, 3) *= 2;
  e(3, 3) *= 2;
  a.coeffRef(4, 0) -= 1;
  e(4, 0) -= 1;
  ++a(2, 2);
  ++e(2, 2);
  EXPECT_TRUE(near<T>(a, e));
  EXPECT_TRUE(near<T>(a * a.transpose(), e * e.transpose()));
  // Writing after an operation does not change the operation's operands.
  const ng::GPUDense<T> doubled = a + a;
  a(0, 0) = 100;
  EXPECT_TRUE(near<T>(doubled, e + e));
  EXPECT_EQ(a(0, 0), 100);
}

TYPED_TEST(Element, Proxies) {
  using T = TypeParam;
  ng::GPUDense<T> a{{1, 2}, {3, 4}};
  auto p = a(0, 1);
  p = 5;
  EXPECT_EQ(a(0, 1), 5);
  a(0, 0) = a(1, 1);
  EXPECT_EQ(a(0, 0), 4);
  const T sum = a(0, 0) + a(0, 1) * 2 - a(1, 0) / T(3);
  EXPECT_EQ(sum, 4 + 10 - 1);
  EXPECT_EQ(std::sqrt(a(0, 0)), 2);
  EXPECT_EQ(std::max<T>(a(0, 0), a(0, 1)), 5);
  swap(a(0, 0), a(0, 1));
  EXPECT_EQ(a(0, 0), 5);
  EXPECT_TRUE(a(0, 0) > a(0, 1));
  // A proxy stays valid over operations on the matrix.
  const ng::GPUDense<T> b = a * T(2);
  p = 7;
  EXPECT_EQ(a(0, 1), 7);
  EXPECT_EQ(b(0, 1), 8);
}

TYPED_TEST(Element, Vectors) {
  using T = TypeParam;
  ng::GPUDense<T> v(3);
  v << 1, 2, 3;
  v[1] = 5;
  v(2) = 6;
  EXPECT_EQ(v[0], 1);
  EXPECT_EQ(v(1), 5);
  EXPECT_EQ(v[2], 6);
  ng::GPUDense<T> r = v.transpose();
  EXPECT_EQ(r.rows(), 1);
  EXPECT_EQ(r[1], 5);
  const auto& c = r;
  EXPECT_EQ(c[2], 6);
  EXPECT_EQ(c(2), 6);
}

TYPED_TEST(Element, CommaInitializer) {
  using T = TypeParam;
  ng::GPUDense<T> a(2, 3);
  a << 1, 2, 3, 4, 5, 6;
  EXPECT_TRUE(near<T>(a, (EigenMatrix<T>(2, 3) << 1, 2, 3, 4, 5, 6).finished()));
  ng::GPUDense<T> b(3, 4);
  b << a, ng::GPUDense<T>::Ones(2, 1), T(7) * ng::GPUDense<T>::Ones(1, 4);
  EigenMatrix<T> e(3, 4);
  e << a.to_eigen(), EigenMatrix<T>::Ones(2, 1), T(7) * EigenMatrix<T>::Ones(1, 4);
  EXPECT_TRUE(near<T>(b, e));
  b.row(1) << 9, 8, 7, 6;
  e.row(1) << 9, 8, 7, 6;
  b.block(1, 1, 2, 2) << 1, 2, 3, 4;
  e.block(1, 1, 2, 2) << 1, 2, 3, 4;
  EXPECT_TRUE(near<T>(b, e));
  EXPECT_TRUE(near<T>((ng::GPUDense<T>(1, 2) << 1, 2).finished(),
                      EigenMatrix<T>((EigenMatrix<T>(1, 2) << 1, 2).finished())));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a << 1, 2, 3; }, "too few"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a << 1, 2, 3, 4, 5, 6, 7; }, "too many"));
  EXPECT_TRUE(
      throws<ng::ShapeError>([&] { b << a, ng::GPUDense<T>::Ones(1, 1); }, "a piece of 1 rows beside one of 2"));
}

TYPED_TEST(Element, Indices) {
  using T = TypeParam;
  ng::GPUDense<T> a(2, 3);
  const auto& c = a;
  EXPECT_TRUE(throws<ng::IndexError>([&] { a(2, 0) = 1; }, "element (2, 0) is outside a matrix of shape (2, 3)"));
  EXPECT_TRUE(throws<ng::IndexError>([&] { static_cast<void>(c(0, 3)); }, "(0, 3)"));
  EXPECT_TRUE(throws<ng::IndexError>([&] { static_cast<void>(c(-1, 0)); }, "(-1, 0)"));
  EXPECT_TRUE(throws<ng::IndexError>([&] { static_cast<void>(c(6)); }, "element 6"));
  EXPECT_TRUE(throws<ng::IndexError>([&] { static_cast<void>(a.row(2)); }, "[row] row 2"));
  EXPECT_TRUE(throws<ng::IndexError>([&] { static_cast<void>(a.col(-1)); }, "[col] column -1"));
  EXPECT_TRUE(throws<ng::IndexError>([&] { static_cast<void>(a.block(1, 1, 2, 1)); }, "[block]"));
  EXPECT_TRUE(throws<ng::IndexError>([&] { static_cast<void>(a.topRows(3)); }, "[topRows]"));
  EXPECT_TRUE(throws<ng::IndexError>([&] { static_cast<void>(a.rightCols(4)); }, "[rightCols]"));
  EXPECT_TRUE(throws<ng::IndexError>([&] { static_cast<void>(a.row(0).head(4)); }, "[head]"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { static_cast<void>(a.head(1)); }, "expected a vector"));
  EXPECT_TRUE(throws<ng::IndexError>([&] { a.row(0)(3) = 1; }, "element 3"));
  EXPECT_TRUE(throws<ng::ShapeError>([] { ng::GPUDense<T>(-1, 2); }, "negative size"));
}

}  // namespace
}  // namespace dense_test
#endif  // NNGPU_HAVE_EIGEN
