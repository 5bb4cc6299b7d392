// array(), its masks, colwise() and rowwise() against Eigen.
#ifdef NNGPU_HAVE_EIGEN
#include "dense_support.h"

namespace dense_test {
namespace {

template <class T>
class ArrayTest : public DenseTest<T> {
 protected:
  const EigenMatrix<T> ea = EigenMatrix<T>::Random(6, 5), eb = EigenMatrix<T>::Random(6, 5).array() + T(2);
  const ng::GPUDense<T> a{ea}, b{eb};
};
TYPED_TEST_SUITE(ArrayTest, Scalars);

TYPED_TEST(ArrayTest, Operators) {
  using T = TypeParam;
  const auto a = this->a.array(), b = this->b.array();
  const auto ea = this->ea.array(), eb = this->eb.array();
  EXPECT_TRUE(near<T>(a + b, ea + eb));
  EXPECT_TRUE(near<T>(a - b, ea - eb));
  EXPECT_TRUE(near<T>(a * b, ea * eb));
  EXPECT_TRUE(near<T>(a / b, ea / eb));
  EXPECT_TRUE(near<T>(a + 2, ea + T(2)));
  EXPECT_TRUE(near<T>(2 + a, T(2) + ea));
  EXPECT_TRUE(near<T>(a - 2, ea - T(2)));
  EXPECT_TRUE(near<T>(2 - a, T(2) - ea));
  EXPECT_TRUE(near<T>(a * 2, ea * T(2)));
  EXPECT_TRUE(near<T>(2 * a, T(2) * ea));
  EXPECT_TRUE(near<T>(a / 2, ea / T(2)));
  EXPECT_TRUE(near<T>(2 / b, T(2) / eb));
  EXPECT_TRUE(near<T>(-a, -ea));
  ng::GPUDense<T> m = this->a;
  EigenMatrix<T> em = this->ea;
  m.array() += 1;
  em.array() += T(1);
  m.array() *= b;
  em.array() *= eb;
  m.array() -= a;
  em.array() -= ea;
  m.array() /= 3;
  em.array() /= T(3);
  m.row(1).array() = 5;
  em.row(1).array() = T(5);
  m.col(2).array() = b.matrix().col(2).array().exp();
  em.col(2).array() = this->eb.col(2).array().exp();
  EXPECT_TRUE(near<T>(m, em));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a + b.transpose(); }, "[add]"));
}

TYPED_TEST(ArrayTest, Functions) {
  using T = TypeParam;
  const auto a = this->a.array(), b = this->b.array();
  const auto ea = this->ea.array(), eb = this->eb.array();
  EXPECT_TRUE(near<T>(a.abs(), ea.abs()));
  EXPECT_TRUE(near<T>(a.abs2(), ea.abs2()));
  EXPECT_TRUE(near<T>(a.square(), ea.square()));
  EXPECT_TRUE(near<T>(a.cube(), ea.cube()));
  EXPECT_TRUE(near<T>(b.inverse(), eb.inverse()));
  EXPECT_TRUE(near<T>(b.sqrt(), eb.sqrt()));
  EXPECT_TRUE(near<T>(b.rsqrt(), eb.rsqrt()));
  EXPECT_TRUE(near<T>(a.exp(), ea.exp()));
  EXPECT_TRUE(near<T>(a.expm1(), ea.expm1()));
  EXPECT_TRUE(near<T>(b.log(), eb.log()));
  EXPECT_TRUE(near<T>(b.log1p(), eb.log1p()));
  EXPECT_TRUE(near<T>(b.log10(), eb.log10()));
  EXPECT_TRUE(near<T>(b.log2(), eb.log2()));
  EXPECT_TRUE(near<T>(a.sin(), ea.sin()));
  EXPECT_TRUE(near<T>(a.cos(), ea.cos()));
  EXPECT_TRUE(near<T>(a.tan(), ea.tan()));
  EXPECT_TRUE(near<T>(a.asin(), ea.asin()));
  EXPECT_TRUE(near<T>(a.acos(), ea.acos()));
  EXPECT_TRUE(near<T>(a.atan(), ea.atan()));
  EXPECT_TRUE(near<T>(a.sinh(), ea.sinh()));
  EXPECT_TRUE(near<T>(a.cosh(), ea.cosh()));
  EXPECT_TRUE(near<T>(a.tanh(), ea.tanh()));
  EXPECT_TRUE(near<T>(a.asinh(), ea.asinh()));
  EXPECT_TRUE(near<T>((b + 1).acosh(), (eb + T(1)).acosh()));
  EXPECT_TRUE(near<T>((a / 2).atanh(), (ea / T(2)).atanh()));
  EXPECT_TRUE(near<T>(a.logistic(), ea.logistic()));
  EXPECT_TRUE(near<T>((a * 5).floor(), (ea * T(5)).floor()));
  EXPECT_TRUE(near<T>((a * 5).ceil(), (ea * T(5)).ceil()));
  EXPECT_TRUE(near<T>((a * 5).rint(), (ea * T(5)).rint()));
  EXPECT_TRUE(near<T>(a.sign(), ea.sign()));
  EXPECT_TRUE(near<T>(b.pow(3), eb.pow(T(3))));
  EXPECT_TRUE(near<T>(b.pow(a), eb.pow(ea)));
  EXPECT_TRUE(near<T>(a.min(b), ea.min(eb)));
  EXPECT_TRUE(near<T>(a.max(0), ea.max(T(0))));
  EXPECT_TRUE(near<T>(exp(a) + sqrt(b) + abs(a) + sin(a) + tanh(b) + log(b) + pow(b, 2),
                      exp(ea) + sqrt(eb) + abs(ea) + sin(ea) + tanh(eb) + log(eb) + pow(eb, T(2))));
  EXPECT_NEAR(a.sum(), ea.sum(), 100 * kEps<T>);
  EXPECT_EQ(a.maxCoeff(), ea.maxCoeff());
  EXPECT_EQ(a(1, 2), ea(1, 2));
}

TYPED_TEST(ArrayTest, Masks) {
  using T = TypeParam;
  const auto a = this->a.array(), b = this->b.array();
  const auto ea = this->ea.array(), eb = this->eb.array();
  EXPECT_EQ((a > 0).count(), (ea > T(0)).count());
  EXPECT_EQ((a >= 0).count(), (ea >= T(0)).count());
  EXPECT_EQ((a < b).count(), (ea < eb).count());
  EXPECT_EQ((0 < a).count(), (ea > T(0)).count());
  EXPECT_EQ((a <= b).all(), (ea <= eb).all());
  EXPECT_TRUE((a == a).all());
  EXPECT_FALSE((a != a).any());
  EXPECT_FALSE((a == 7).any());
  EXPECT_EQ(((a > 0) && (a < T(0.5))).count(), ((ea > T(0)) && (ea < T(0.5))).count());
  EXPECT_EQ((!(a > 0) || (a > T(0.5))).count(), (!(ea > T(0)) || (ea > T(0.5))).count());
  EXPECT_EQ((a > 0)(1, 2), ea(1, 2) > 0);
  EXPECT_TRUE(near<T>((a > 0).select(this->a, this->b), (ea > T(0)).select(this->ea, this->eb)));
  EXPECT_TRUE(near<T>((a > 0).select(this->a, 0), (ea > T(0)).select(this->ea, T(0))));
  EXPECT_TRUE(near<T>((a > 0).select(T(1.5), this->b), (ea > T(0)).select(T(1.5), this->eb)));
  EXPECT_TRUE(near<T>((a > 0).template cast<T>(), (ea > T(0)).template cast<T>()));
  EXPECT_TRUE(a.isFinite().all());
  EXPECT_FALSE(a.isNaN().any());
  EXPECT_FALSE(a.isInf().any());
}

TYPED_TEST(ArrayTest, ColumnsAndRows) {
  using T = TypeParam;
  const auto& a = this->a;
  const auto& ea = this->ea;
  EXPECT_TRUE(near<T>(a.colwise().sum(), ea.colwise().sum()));
  EXPECT_TRUE(near<T>(a.rowwise().sum(), ea.rowwise().sum()));
  EXPECT_TRUE(near<T>(a.colwise().mean(), ea.colwise().mean()));
  EXPECT_TRUE(near<T>(a.rowwise().mean(), ea.rowwise().mean()));
  EXPECT_TRUE(near<T>(a.colwise().prod(), ea.colwise().prod()));
  EXPECT_TRUE(near<T>(a.rowwise().prod(), ea.rowwise().prod()));
  EXPECT_TRUE(near<T>(a.colwise().norm(), ea.colwise().norm()));
  EXPECT_TRUE(near<T>(a.rowwise().norm(), ea.rowwise().norm()));
  EXPECT_TRUE(near<T>(a.colwise().squaredNorm(), ea.colwise().squaredNorm()));
  EXPECT_TRUE(near<T>(a.rowwise().squaredNorm(), ea.rowwise().squaredNorm()));
  EXPECT_TRUE(near<T>(a.colwise().minCoeff(), ea.colwise().minCoeff()));
  EXPECT_TRUE(near<T>(a.rowwise().maxCoeff(), ea.rowwise().maxCoeff()));
  EXPECT_TRUE(near<T>(a.colwise().reverse(), ea.colwise().reverse()));
  EXPECT_TRUE(near<T>(a.rowwise().reverse(), ea.rowwise().reverse()));
  EXPECT_TRUE(near<T>(a.colwise().replicate(2), ea.colwise().replicate(2)));
  EXPECT_TRUE(near<T>(a.rowwise().replicate(2), ea.rowwise().replicate(2)));
  EXPECT_TRUE(near<T>(a.colwise().normalized(), ea.colwise().normalized()));
  EXPECT_TRUE(near<T>(a.rowwise().normalized(), ea.rowwise().normalized()));
  EXPECT_TRUE(near<T>(a.colwise() + a.col(1), ea.colwise() + ea.col(1)));
  EXPECT_TRUE(near<T>(a.rowwise() - a.row(1), ea.rowwise() - ea.row(1)));
  EXPECT_TRUE(near<T>(a.array().colwise() * a.col(1).array(), ea.array().colwise() * ea.col(1).array()));
  EXPECT_TRUE(near<T>(a.array().rowwise() / a.row(1).array(), ea.array().rowwise() / ea.row(1).array()));
  EXPECT_TRUE(near<T>(a.array().colwise().sum(), ea.array().colwise().sum()));
  ng::GPUDense<T> m = a;
  EigenMatrix<T> em = ea;
  m.colwise() += a.col(2);
  em.colwise() += ea.col(2);
  m.rowwise() -= m.colwise().mean();
  em.rowwise() -= em.colwise().mean().eval();
  m.array().rowwise() *= a.row(0).array();
  em.array().rowwise() *= ea.row(0).array();
  m.topRows(3).array().colwise() /= this->b.col(0).head(3).array();
  em.topRows(3).array().colwise() /= this->eb.col(0).head(3).array();
  m.leftCols(2).colwise() = a.col(3);
  em.leftCols(2).colwise() = ea.col(3);
  EXPECT_TRUE(near<T>(m, em));
  m.colwise().normalize();
  em.colwise().normalize();
  EXPECT_TRUE(near<T>(m, em));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a.colwise() + a.row(0); }, "[add] expected shape (6, 1), got (1, 5)"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { a.rowwise() + a.col(0); }, "[add] expected shape (1, 5), got (6, 1)"));
}

}  // namespace
}  // namespace dense_test
#endif  // NNGPU_HAVE_EIGEN
