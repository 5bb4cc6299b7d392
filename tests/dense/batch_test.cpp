// batch:: functions against the same operations one by one.
#ifdef NNGPU_HAVE_EIGEN
#include "nngpu/batch.h"

#include <vector>

#include "dense_support.h"
#include "nngpu/compile.h"

namespace dense_test {
namespace {

template <class T>
class Batch : public DenseTest<T> {
 protected:
  static std::vector<ng::GPUDense<T>> list(std::initializer_list<std::pair<int, int>> shapes) {
    std::vector<ng::GPUDense<T>> result;
    for (const auto& [rows, cols] : shapes)
      result.emplace_back(EigenMatrix<T>(EigenMatrix<T>::Random(rows, cols)));
    return result;
  }
};
TYPED_TEST_SUITE(Batch, Scalars);

TYPED_TEST(Batch, Arithmetic) {
  using T = TypeParam;
  const auto a = this->list({{2, 3}, {4, 4}, {2, 3}, {1, 5}}), b = this->list({{2, 3}, {4, 4}, {2, 3}, {1, 5}});
  const auto c = this->list({{3, 2}, {4, 1}, {3, 7}, {5, 5}});
  const auto sum = ng::batch::add(a, b), difference = ng::batch::sub(a, b), product = ng::batch::matmul(a, c);
  ASSERT_EQ(sum.size(), 4U);
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(near<T>(sum[i], a[i].to_eigen() + b[i].to_eigen()));
    EXPECT_TRUE(near<T>(difference[i], a[i].to_eigen() - b[i].to_eigen()));
    EXPECT_TRUE(near<T>(product[i], a[i].to_eigen() * c[i].to_eigen()));
  }
  EXPECT_TRUE(ng::batch::add(std::vector<ng::GPUDense<T>>{}, {}).empty());
  EXPECT_TRUE(throws<ng::ShapeError>(
      [&] {
        ng::batch::add(a, this->list({{2, 3}}));
      },
      "[batch::add] lists of 4 and 1"));
  EXPECT_TRUE(throws<ng::ShapeError>([&] { ng::batch::matmul(a, a); },
                                     "[matmul] inner dimensions differ: (2, 3) x (2, 3)"));
}

// Everything that a call computes is one plan, whatever the shapes.
TYPED_TEST(Batch, OneEvaluation) {
  const auto a = this->list({{2, 3}, {4, 4}, {2, 3}}), b = this->list({{3, 2}, {4, 1}, {3, 7}});
  const auto square = this->list({{3, 3}, {6, 6}, {3, 3}});
  const auto plans = [](const auto& call) {
    const int64_t before = ng::engine_stats().plans_run;
    call();
    return ng::engine_stats().plans_run - before;
  };
  EXPECT_EQ(plans([&] { ng::batch::matmul(a, b); }), 1);
  EXPECT_EQ(plans([&] { ng::batch::add(a, a); }), 1);
  EXPECT_EQ(plans([&] { ng::batch::inverse(square); }), 1);
  EXPECT_EQ(plans([&] { ng::batch::svd(a); }), 1);
}

TYPED_TEST(Batch, Decompositions) {
  using T = TypeParam;
  std::vector<ng::GPUDense<T>> spd, rhs;
  for (int n : {3, 8, 3, 1, 8, 5}) {
    spd.emplace_back(this->positive_definite(n));
    rhs.emplace_back(this->random(n, 2));
  }
  const auto inverse = ng::batch::inverse(spd), l = ng::batch::cholesky(spd), x = ng::batch::solve(spd, rhs);
  const auto det = ng::batch::determinant(spd);
  const auto [w, v] = ng::batch::eigh(spd);
  for (size_t i = 0; i < spd.size(); ++i) {
    const EigenMatrix<T> e = spd[i].to_eigen();
    EXPECT_TRUE(near<T>(inverse[i], e.inverse(), 200));
    EXPECT_TRUE(near<T>(l[i], EigenMatrix<T>(e.llt().matrixL()), 200));
    EXPECT_TRUE(near<T>(x[i], e.llt().solve(rhs[i].to_eigen()), 200));
    EXPECT_NEAR(det[i] / e.determinant(), 1, 500 * kEps<T>);
    EXPECT_TRUE(near<T>(v[i] * w[i].asDiagonal() * v[i].transpose(), e, 200));
  }
  const auto any = this->list({{3, 5}, {5, 3}, {3, 5}, {4, 4}});
  const auto [q, r] = ng::batch::qr(any);
  const auto [u, s, vt] = ng::batch::svd(any);
  for (size_t i = 0; i < any.size(); ++i) {
    EXPECT_TRUE(near<T>(q[i] * r[i], any[i].to_eigen(), 200));
    EXPECT_TRUE(near<T>(u[i] * s[i].asDiagonal() * vt[i], any[i].to_eigen(), 200));
  }
  spd[2] = ng::GPUDense<T>::Zero(3, 3);
  EXPECT_THROW(ng::batch::inverse(spd), ng::SingularMatrixError);
  EXPECT_THROW(ng::batch::cholesky(spd), ng::NotPositiveDefiniteError);
}

}  // namespace
}  // namespace dense_test
#endif  // NNGPU_HAVE_EIGEN
