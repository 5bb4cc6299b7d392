// Small batched LU, solve, inverse and Cholesky: residuals in long double over families of difficult matrices.
#ifdef NNGPU_HAVE_EIGEN
#include "kernels/small_lapack_fixture.h"

namespace nngpu::cpu::small_lapack_tests {
namespace {

TYPED_TEST_SUITE(SmallLapack, Types);

// The rows of `a` in the order that the swaps leave.
Exact swapped(Exact a, const int32_t* pivots, int count) {
  for (int k = 0; k < count; ++k) a.row(k).swap(a.row(pivots[k]));
  return a;
}

TYPED_TEST(SmallLapack, LuReproducesTheMatrix) {
  using T = typename TypeParam::Value;
  for (const auto [m, n] : all_shapes()) {
    const int k = std::min(m, n), count = kFamilies.size();
    Items<T> a = this->general_batch(m, n, (m + n) % 3);
    const Items<T> original = a;
    std::vector<int32_t> pivots(count * k), info(count, -1);
    small::lu<T>(count, m, n, a.batch(), pivots.data(), info.data());
    EXPECT_TRUE(a.untouched());
    for (int f = 0; f < count; ++f) {
      const std::string where = label(kFamilies[f], m, n);
      const Exact x = a.get(f);
      Exact l = x.leftCols(k).template triangularView<Eigen::StrictlyLower>();
      l.diagonal().setOnes();
      const Exact u = x.topRows(k).template triangularView<Eigen::Upper>();
      EXPECT_LE(l.cwiseAbs().maxCoeff(), 1 + 2 * this->kEps) << where;
      const Exact pa = swapped(original.get(f), &pivots[f * k], k);
      expect_within(relative(pa - l * u, pa), this->limit(m, n), this->name("lu residual"), where);
      int32_t first_zero = 0;
      for (int i = k - 1; i >= 0; --i) {
        if (u(i, i) == 0) first_zero = i + 1;
        EXPECT_GE(pivots[f * k + i], i);
        EXPECT_LT(pivots[f * k + i], m);
      }
      EXPECT_EQ(info[f], first_zero) << where;
    }
  }
}

TYPED_TEST(SmallLapack, LuPivotsAsLapack) {
  using T = typename TypeParam::Value;
  // By hand: the largest of each column, the first of equals; info is the first zero pivot.
  Items<T> a(3, 3, 3, 0);
  a.set(0, Exact{{1, 2, 3}, {-4, 1, 0}, {4, 5, 6}});
  a.set(1, Exact{{0, 0, 0}, {0, 1, 2}, {0, 3, 4}});
  a.set(2, Exact{{1, 1, 2}, {2, 2, 4}, {1, 1, 5}});
  std::vector<int32_t> pivots(9), info(3);
  small::lu<T>(3, 3, 3, a.batch(), pivots.data(), info.data());
  EXPECT_EQ(pivots, (std::vector<int32_t>{1, 2, 2, 0, 2, 2, 1, 1, 2}));
  EXPECT_EQ(info, (std::vector<int32_t>{0, 1, 2}));
}

// |b - A x| / (|A| |x| + |b|), the backward error.
long double backward_error(const Exact& a, const Exact& x, const Exact& b) {
  long double worst = 0;
  for (int j = 0; j < b.cols(); ++j) {
    const long double scale = norm1(a) * norm1(x.col(j)) + norm1(b.col(j));
    const long double r = norm1(b.col(j) - a * x.col(j));
    if (!(r == 0)) worst = std::max(worst, r / scale);
  }
  return worst;
}

bool representable(const std::string& family) {
  return family != "huge" && family != "tiny" && family != "one element";
}

TYPED_TEST(SmallLapack, SolvesToASmallResidual) {
  using T = typename TypeParam::Value;
  for (int n : kSides) {
    for (int nrhs : {1, 3, 4, 37}) {
      const int count = kFamilies.size();
      Items<T> a = this->general_batch(n, n, n % 2), b(count, n, nrhs, nrhs % 2);
      Random rng(nrhs);
      for (int f = 0; f < count; ++f) b.set(f, random_matrix(n, nrhs, rng));
      const Items<T> a0 = a, b0 = b;
      Items<T> factors = a, x = b;
      std::vector<int32_t> pivots(count * n), info(count), lu_info(count);
      small::solve<T>(count, n, nrhs, a.batch(), b.batch(), info.data());
      EXPECT_TRUE(a.untouched() && b.untouched());
      small::lu<T>(count, n, n, factors.batch(), pivots.data(), lu_info.data());
      small::lu_solve<T>(count, n, nrhs, {factors.data.data(), factors.ld, factors.step}, pivots.data(),
                         x.batch());
      EXPECT_EQ(info, lu_info);
      EXPECT_EQ(0, std::memcmp(b.data.data(), x.data.data(), sizeof(T) * b.data.size()))
          << "solve is lu + lu_solve";
      for (int f = 0; f < count; ++f) {
        if (info[f] != 0 || !representable(kFamilies[f])) continue;
        expect_within(backward_error(a0.get(f), b.get(f), b0.get(f)), this->limit(n, n),
                      this->name("solve residual"), label(kFamilies[f], n, nrhs));
      }
    }
  }
}

TYPED_TEST(SmallLapack, InverseSolvesEveryColumn) {
  using T = typename TypeParam::Value;
  for (int n : kSides) {
    const int count = kFamilies.size();
    Items<T> a = this->general_batch(n, n, n % 2);
    const Items<T> a0 = a;
    std::vector<int32_t> info(count);
    small::inverse<T>(count, n, a.batch(), info.data());
    EXPECT_TRUE(a.untouched());
    for (int f = 0; f < count; ++f) {
      if (info[f] != 0 || !representable(kFamilies[f])) continue;
      expect_within(backward_error(a0.get(f), a.get(f), Exact::Identity(n, n)), this->limit(n, n),
                    this->name("inverse residual"), label(kFamilies[f], n, n));
    }
  }
}

TYPED_TEST(SmallLapack, SingularMatricesReportTheirPivot) {
  using T = typename TypeParam::Value;
  for (int n : kSides) {
    Items<T> a(2, n, n, 0), b(2, n, 1, 0);
    a.set(0, Exact::Zero(n, n));
    Exact last = Exact::Identity(n, n);
    last(n - 1, n - 1) = 0;
    a.set(1, last);
    b.set(0, Exact::Ones(n, 1));
    b.set(1, Exact::Ones(n, 1));
    Items<T> copy = a;
    std::vector<int32_t> info(2);
    small::solve<T>(2, n, 1, a.batch(), b.batch(), info.data());
    EXPECT_EQ(info, (std::vector<int32_t>{1, n}));
    small::inverse<T>(2, n, copy.batch(), info.data());
    EXPECT_EQ(info, (std::vector<int32_t>{1, n}));
  }
}

TYPED_TEST(SmallLapack, CholeskyReproducesTheMatrix) {
  using T = typename TypeParam::Value;
  const std::vector<std::string> families{"random", "cond 1e6", "graded", "huge", "tiny", "diagonal", "identity"};
  for (int n : kSides) {
    Random rng(n);
    const int count = families.size();
    Items<T> a(count, n, n, n % 3);
    std::vector<Exact> original;
    for (int f = 0; f < count; ++f) {
      Exact x =
          general<double>(families[f] == "huge" || families[f] == "tiny" ? "random" : families[f], n, n, rng);
      x = x * x.transpose() / norm1(x * x.transpose());
      x.diagonal() *= 1 + n * this->kEps * 8;
      x.diagonal().array() += families[f] == "graded" ? 0 : 1e-6L;
      if (families[f] == "graded") {
        for (int i = 0; i < n; ++i) x(i, i) += 1e-3L * x(i, i) + std::numeric_limits<T>::min() * 0x1p30L;
      }
      if (families[f] == "huge") x *= std::numeric_limits<T>::max() / 4;
      if (families[f] == "tiny") x *= std::numeric_limits<T>::min() * 0x1p40L;
      original.push_back(rounded<T>(x));
      // What lies above the diagonal is not read.
      Exact lower = original.back().template triangularView<Eigen::Lower>();
      for (int j = 0; j < n; ++j) {
        for (int i = 0; i < j; ++i) lower(i, j) = std::numeric_limits<T>::quiet_NaN();
      }
      a.set(f, lower);
    }
    std::vector<int32_t> info(count, -1);
    small::cholesky<T>(count, n, a.batch(), info.data());
    EXPECT_TRUE(a.untouched());
    for (int f = 0; f < count; ++f) {
      const Exact l = a.get(f);
      const Exact full(original[f].template selfadjointView<Eigen::Lower>());
      EXPECT_EQ(info[f], 0) << label(families[f], n, n);
      for (int j = 1; j < n; ++j) EXPECT_EQ(l.col(j).head(j).cwiseAbs().maxCoeff(), 0);
      expect_within(relative(full - l * l.transpose(), full), this->limit(n, n), this->name("cholesky residual"),
                    label(families[f], n, n));
    }
  }
}

TYPED_TEST(SmallLapack, CholeskyReportsTheFirstPivotThatIsNotPositive) {
  using T = typename TypeParam::Value;
  for (int n : kSides) {
    const T bad[] = {T(-1), T(0), std::numeric_limits<T>::quiet_NaN()};
    Items<T> a(n * 3, n, n, 0);
    for (int k = 0; k < n * 3; ++k) {
      Exact x = Exact::Identity(n, n) * (n + 1) + Exact::Ones(n, n);
      x(k / 3, k / 3) = bad[k % 3];
      a.set(k, x);
    }
    std::vector<int32_t> info(n * 3);
    small::cholesky<T>(n * 3, n, a.batch(), info.data());
    for (int k = 0; k < n * 3; ++k) EXPECT_EQ(info[k], k / 3 + 1);
  }
}

}  // namespace
}  // namespace nngpu::cpu::small_lapack_tests
#endif  // NNGPU_HAVE_EIGEN
