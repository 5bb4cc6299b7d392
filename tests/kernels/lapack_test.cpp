// Decompositions of the CPU backend: residuals and orthogonality in float64, and values against float64 LAPACK,
// over matrix families that break careless code.
#include "backend/cpu/lapack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "backend/cpu/lapack/fortran.h"
#include "kernels/lapack_matrices.h"

namespace nngpu::cpu::lapack_tests {
namespace {

template <class T>
class Lapack : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Lapack, Types);

// ---- LU, solve, inverse ----

template <class T>
Dense<double> permuted(const Dense<double>& a, const std::vector<int32_t>& pivots) {
  Dense<double> out = a;
  for (size_t i = 0; i < pivots.size(); ++i)
    for (int64_t j = 0; j < a.n; ++j) std::swap(out(i, j), out(pivots[i], j));
  return out;
}

TYPED_TEST(Lapack, LuReproducesThePermutedMatrix) {
  using T = TypeParam;
  for (const auto& [m, n] : kShapes) {
    for (Family family : kFamilies) {
      SCOPED_TRACE(label(family, m, n));
      const Dense<T> a = make<T>(family, m, n, false);
      const int64_t k = std::min(m, n);
      Dense<T> f = padded(a, 3);
      std::vector<int32_t> pivots(k);
      int32_t info = -1;
      lu(1, m, n, f.batch(), pivots.data(), &info);
      ASSERT_GE(info, 0);
      Dense<double> l(m, k), u(k, n);
      for (int64_t j = 0; j < k; ++j)
        for (int64_t i = 0; i < m; ++i) l(i, j) = i == j ? 1.0 : i > j ? f(i, j) : 0.0;
      for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i < k; ++i) u(i, j) = i <= j ? f(i, j) : 0.0;
      for (int64_t i = 0; i < k; ++i) {
        ASSERT_GE(pivots[i], i);
        ASSERT_LT(pivots[i], m);
      }
      EXPECT_LE(largest(l), 1.0 + 4 * kEps<T>);
      EXPECT_LE(residual(product(l, u), permuted<T>(wide(a), pivots)),
                tolerance<T>(m, n, norm(wide(a)) + norm(u)));
      if (family == Family::Zero && k > 0) {
        EXPECT_EQ(info, 1);
      } else if (family == Family::Random) {
        EXPECT_EQ(info, 0);
      }
    }
  }
}

TYPED_TEST(Lapack, LuReportsTheFirstZeroPivot) {
  using T = TypeParam;
  for (int64_t n : {20, 70, 140}) {
    Dense<T> a = make<T>(Family::Random, n, n, false);
    for (int64_t i = 0; i < n; ++i) a(i, n / 2) = 0;
    std::vector<int32_t> pivots(n);
    int32_t info = -1;
    lu(1, n, n, a.batch(), pivots.data(), &info);
    EXPECT_EQ(info, n / 2 + 1);
  }
}

TYPED_TEST(Lapack, SolveAndInverseHaveSmallResiduals) {
  using T = TypeParam;
  for (int64_t n : kSizes) {
    for (Family family : {Family::Random, Family::IllConditioned, Family::Clustered}) {
      for (int64_t nrhs : {int64_t{1}, int64_t{5}, n}) {
        SCOPED_TRACE(label(family, n, nrhs));
        const Dense<T> a = make<T>(family, n, n, false), b = make<T>(Family::Random, n, nrhs, false, 5);
        Dense<T> f = padded(a, 2), x = padded(b, 1), y = padded(b, 4);
        std::vector<int32_t> pivots(n);
        int32_t info = -1;
        solve(1, n, nrhs, f.batch(), x.batch(), &info);
        ASSERT_EQ(info, 0);
        const double size = norm(wide(a)) * norm(wide(x)) + norm(wide(b));
        EXPECT_LE(residual(product(wide(a), wide(x)), wide(b)), tolerance<T>(n, n, size));
        Dense<T> g = padded(a, 0);
        lu(1, n, n, g.batch(), pivots.data(), &info);
        lu_solve<T>(1, n, nrhs, {g.data.data(), g.ld, 0}, pivots.data(), y.batch());
        EXPECT_LE(residual(product(wide(a), wide(y)), wide(b)), tolerance<T>(n, n, size));
      }
      SCOPED_TRACE(label(family, n, n));
      const Dense<T> a = make<T>(family, n, n, false);
      Dense<T> x = padded(a, 2);
      int32_t info = -1;
      inverse(1, n, x.batch(), &info);
      ASSERT_EQ(info, 0);
      Dense<double> identity(n, n);
      for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i < n; ++i) identity(i, j) = i == j;
      // The left residual is the one that is small for every matrix; the right one carries the growth of X's
      // error.
      EXPECT_LE(residual(product(wide(x), wide(a)), identity),
                tolerance<T>(n, n, norm(wide(a)) * norm(wide(x)) + 1));
    }
  }
}

TYPED_TEST(Lapack, SingularSystemsReportThePivot) {
  using T = TypeParam;
  for (int64_t n : {2, 40, 100}) {
    Dense<T> a = make<T>(Family::Zero, n, n, false), b = make<T>(Family::Random, n, 1, false);
    int32_t info = 0;
    solve(1, n, 1, padded(a, 0).batch(), b.batch(), &info);
    EXPECT_EQ(info, 1);
    inverse(1, n, a.batch(), &info);
    EXPECT_EQ(info, 1);
  }
}

// ---- Cholesky ----

TYPED_TEST(Lapack, CholeskyReproducesTheMatrix) {
  using T = TypeParam;
  for (int64_t n : kSizes) {
    for (Family family : {Family::Random, Family::Clustered, Family::Graded}) {
      SCOPED_TRACE(label(family, n, n));
      const Dense<double> g = wide(make<T>(family, n, n, false));
      Dense<double> s = product(g, transpose(g));
      Dense<T> a(n, n);
      for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i < n; ++i)
          a(i, j) = static_cast<T>(s(i, j) + (i == j ? 64 * unit<T>(n, n) * norm(s) : 0.0));
      Dense<T> l = padded(a, 5);
      for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i < j; ++i) l(i, j) = std::numeric_limits<T>::quiet_NaN();  // must not be read
      int32_t info = -1;
      cholesky(1, n, l.batch(), &info);
      ASSERT_EQ(info, 0);
      for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i < j; ++i) ASSERT_EQ(l(i, j), T(0));
      EXPECT_LE(residual(product(wide(l), transpose(wide(l))), wide(a)), tolerance<T>(n, n, norm(wide(a))));
    }
  }
}

TYPED_TEST(Lapack, CholeskyReportsTheFailingPivot) {
  using T = TypeParam;
  for (int64_t n : {3, 40, 97, 200}) {
    for (T bad : {T(-1), T(0), std::numeric_limits<T>::quiet_NaN()}) {
      Dense<T> a = make<T>(Family::Zero, n, n, false);
      for (int64_t i = 0; i < n; ++i) a(i, i) = i == 2 * n / 3 ? bad : T(2);
      int32_t info = -1;
      cholesky(1, n, a.batch(), &info);
      EXPECT_EQ(info, 2 * n / 3 + 1);
    }
  }
}

// ---- QR ----

TYPED_TEST(Lapack, QrIsOrthogonalTimesTriangular) {
  using T = TypeParam;
  for (const auto& [m, n] : kShapes) {
    for (Family family : kFamilies) {
      for (bool complete : {false, true}) {
        SCOPED_TRACE(label(family, m, n) + (complete ? " complete" : ""));
        const Dense<T> a = make<T>(family, m, n, false);
        const int64_t k = complete ? m : std::min(m, n);
        Dense<T> f = padded(a, 1), q(m, k, 2), r(k, n, 3), r_alone(k, n);
        qr(1, m, n, complete, f.batch(), q.batch(), r.batch());
        for (int64_t j = 0; j < n; ++j)
          for (int64_t i = j + 1; i < k; ++i) ASSERT_EQ(r(i, j), T(0));
        EXPECT_LE(departure(wide(q)), unit<T>(m, n));
        EXPECT_LE(residual(product(wide(q), wide(r)), wide(a)), tolerance<T>(m, n, norm(wide(a))));
        f = padded(a, 1);
        qr(1, m, n, complete, f.batch(), Batch<T>{nullptr, 1, 0}, r_alone.batch());
        EXPECT_EQ(largest(minus(wide(r), wide(r_alone))), 0.0);
      }
    }
  }
}

// ---- eigenvalues ----

TYPED_TEST(Lapack, EighDiagonalises) {
  using T = TypeParam;
  for (int64_t n : kSizes) {
    for (Family family : kFamilies) {
      SCOPED_TRACE(label(family, n, n));
      const Dense<T> a = make<T>(family, n, n, true);
      Dense<T> f = padded(a, 1), v(n, n, 2);
      for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i < j; ++i) f(i, j) = std::numeric_limits<T>::quiet_NaN();  // must not be read
      std::vector<T> w(n), alone(n);
      int32_t info = -1;
      eigh(1, n, f.batch(), w.data(), n, v.batch(), &info);
      ASSERT_EQ(info, 0);
      EXPECT_TRUE(std::is_sorted(w.begin(), w.end()));
      EXPECT_LE(departure(wide(v)), unit<T>(n, n));
      Dense<double> scaled = wide(v);
      for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i < n; ++i) scaled(i, j) *= w[j];
      const double size = norm(wide(a));
      EXPECT_LE(residual(product(wide(a), wide(v)), scaled), tolerance<T>(n, n, size));
      f = padded(a, 1);
      eigh(1, n, f.batch(), alone.data(), n, Batch<T>{nullptr, 1, 0}, &info);
      ASSERT_EQ(info, 0);

      const fortran::SerialBlas serial;
      Dense<double> oracle = wide(a);
      Doubles expected(n), work(1 + 6 * n + 2 * n * n);
      std::vector<int> iwork(3 + 5 * n);
      const int size32 = static_cast<int>(n);
      if (n > 0)
        fortran::syevd('N', size32, oracle.data.data(), size32, expected.data(), work.data(),
                       static_cast<int>(work.size()), iwork.data(), static_cast<int>(iwork.size()), &info);
      for (int64_t i = 0; i < n; ++i) {
        EXPECT_LE(std::abs(w[i] - expected[i]), tolerance<T>(n, n, size) / 3) << i;
        EXPECT_LE(std::abs(alone[i] - expected[i]), tolerance<T>(n, n, size) / 3) << i;
      }
    }
  }
}

// ---- singular values ----

TYPED_TEST(Lapack, SvdReproducesTheMatrix) {
  using T = TypeParam;
  for (const auto& [m, n] : kShapes) {
    for (Family family : kFamilies) {
      for (bool full : {false, true}) {
        SCOPED_TRACE(label(family, m, n) + (full ? " full" : ""));
        const Dense<T> a = make<T>(family, m, n, false);
        const int64_t k = std::min(m, n);
        Dense<T> f = padded(a, 1), u(m, full ? m : k, 2), vt(full ? n : k, n, 3);
        std::vector<T> s(k), alone(k);
        int32_t info = -1;
        svd(1, m, n, full, f.batch(), u.batch(), s.data(), k, vt.batch(), &info);
        ASSERT_EQ(info, 0);
        EXPECT_TRUE(std::is_sorted(s.rbegin(), s.rend()));
        if (k > 0) {
          EXPECT_GE(s[k - 1], T(0));
        }
        EXPECT_LE(departure(wide(u)), unit<T>(m, n));
        EXPECT_LE(departure(transpose(wide(vt))), unit<T>(m, n));
        Dense<double> us(m, k), v_k(k, n);
        for (int64_t j = 0; j < k; ++j)
          for (int64_t i = 0; i < m; ++i) us(i, j) = static_cast<double>(u(i, j)) * s[j];
        for (int64_t j = 0; j < n; ++j)
          for (int64_t i = 0; i < k; ++i) v_k(i, j) = vt(i, j);
        const double size = norm(wide(a));
        EXPECT_LE(residual(product(us, v_k), wide(a)), tolerance<T>(m, n, size));
        f = padded(a, 1);
        svd(1, m, n, full, f.batch(), Batch<T>{nullptr, 1, 0}, alone.data(), k, Batch<T>{nullptr, 1, 0}, &info);
        ASSERT_EQ(info, 0);

        const fortran::SerialBlas serial;
        Dense<double> oracle = wide(a);
        Doubles expected(k), work(64 * (m + n) + 8 * k * k + 256);
        std::vector<int> iwork(8 * k + 1);
        if (k > 0)
          fortran::gesdd('N', static_cast<int>(m), static_cast<int>(n), oracle.data.data(), static_cast<int>(m),
                         expected.data(), nullptr, 1, nullptr, 1, work.data(), static_cast<int>(work.size()),
                         iwork.data(), &info);
        for (int64_t i = 0; i < k; ++i) {
          EXPECT_LE(std::abs(s[i] - expected[i]), tolerance<T>(m, n, size) / 3) << i;
          EXPECT_LE(std::abs(alone[i] - expected[i]), tolerance<T>(m, n, size) / 3) << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace nngpu::cpu::lapack_tests
