// Decompositions of the CPU backend: residuals and orthogonality in float64, values against float64 LAPACK, over
// matrix families that break careless code, and bitwise equality over batches, threads and leading dimensions.
#include "backend/cpu/lapack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/lapack/fortran.h"
#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

using Doubles = std::vector<double>;

template <class T>
constexpr double kEps = std::numeric_limits<T>::epsilon();

// A column-major matrix of T with its own leading dimension.
template <class T>
struct Dense {
  Dense() = default;
  Dense(int64_t rows, int64_t columns, int64_t padding = 0)
      : m(rows),
        n(columns),
        ld(std::max<int64_t>(1, rows) + padding),
        data(ld * std::max<int64_t>(1, columns), T(77)) {}
  T& operator()(int64_t i, int64_t j) { return data[i + j * ld]; }
  T operator()(int64_t i, int64_t j) const { return data[i + j * ld]; }
  Batch<T> batch() { return {data.data(), ld, static_cast<int64_t>(data.size())}; }
  int64_t m = 0, n = 0, ld = 1;
  std::vector<T> data;
};

template <class T>
Dense<double> wide(const Dense<T>& a) {
  Dense<double> out(a.m, a.n);
  for (int64_t j = 0; j < a.n; ++j)
    for (int64_t i = 0; i < a.m; ++i) out(i, j) = a(i, j);
  return out;
}

template <class T>
Dense<T> transpose(const Dense<T>& a) {
  Dense<T> out(a.n, a.m);
  for (int64_t j = 0; j < a.n; ++j)
    for (int64_t i = 0; i < a.m; ++i) out(j, i) = a(i, j);
  return out;
}

Dense<double> product(const Dense<double>& a, const Dense<double>& b) {
  Dense<double> c(a.m, b.n);
  for (int64_t j = 0; j < b.n; ++j) {
    for (int64_t i = 0; i < a.m; ++i) c(i, j) = 0;
    for (int64_t p = 0; p < a.n; ++p)
      for (int64_t i = 0; i < a.m; ++i) c(i, j) += a(i, p) * b(p, j);
  }
  return c;
}

double largest(const Dense<double>& a) {
  double out = 0;
  for (int64_t j = 0; j < a.n; ++j)
    for (int64_t i = 0; i < a.m; ++i) out = std::isnan(a(i, j)) ? INFINITY : std::max(out, std::abs(a(i, j)));
  return out;
}

// Frobenius norm, scaled against overflow.
double norm(const Dense<double>& a) {
  const double top = largest(a);
  if (top == 0 || !std::isfinite(top)) return top;
  double sum = 0;
  for (int64_t j = 0; j < a.n; ++j)
    for (int64_t i = 0; i < a.m; ++i) sum += (a(i, j) / top) * (a(i, j) / top);
  return top * std::sqrt(sum);
}

Dense<double> minus(Dense<double> a, const Dense<double>& b) {
  for (int64_t j = 0; j < a.n; ++j)
    for (int64_t i = 0; i < a.m; ++i) a(i, j) -= b(i, j);
  return a;
}

double residual(const Dense<double>& a, const Dense<double>& b) { return norm(minus(a, b)); }

// | Q^T Q - I |
double departure(const Dense<double>& q) {
  Dense<double> gram = product(transpose(q), q);
  for (int64_t i = 0; i < gram.n; ++i) gram(i, i) -= 1;
  return norm(gram);
}

// ---- families ----

enum class Family { Random, IllConditioned, RankDeficient, Clustered, Graded, UpperTriangular, Zero, Huge, Tiny };
constexpr Family kFamilies[] = {Family::Random,    Family::IllConditioned, Family::RankDeficient,
                                Family::Clustered, Family::Graded,         Family::UpperTriangular,
                                Family::Zero,      Family::Huge,           Family::Tiny};
const char* const kNames[] = {"random", "ill-conditioned",  "rank-deficient", "clustered",
                              "graded", "upper-triangular", "zero",           "huge",
                              "tiny"};

// random orthogonal-ish factors are not needed: a product of a few random reflectors mixes enough
template <class T>
Dense<T> spectrum_matrix(int64_t m, int64_t n, bool symmetric, std::mt19937& rng, const Doubles& values) {
  std::normal_distribution<double> normal;
  Dense<double> a(m, n);
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = 0; i < m; ++i) a(i, j) = i == j ? values[i] : 0;
  for (int reflector = 0; reflector < 3; ++reflector) {
    Doubles left(m), right(n);
    double l2 = 0, r2 = 0;
    for (double& x : left) x = normal(rng), l2 += x * x;
    for (double& x : right) x = normal(rng), r2 += x * x;
    if (symmetric) right = left, r2 = l2;
    for (int64_t j = 0; j < n; ++j) {
      double dot = 0;
      for (int64_t i = 0; i < m; ++i) dot += left[i] * a(i, j);
      for (int64_t i = 0; i < m; ++i) a(i, j) -= 2 * dot / l2 * left[i];
    }
    for (int64_t i = 0; i < m; ++i) {
      double dot = 0;
      for (int64_t j = 0; j < n; ++j) dot += right[j] * a(i, j);
      for (int64_t j = 0; j < n; ++j) a(i, j) -= 2 * dot / r2 * right[j];
    }
  }
  Dense<T> out(m, n);
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = 0; i < m; ++i) out(i, j) = static_cast<T>(symmetric && i < j ? a(j, i) : a(i, j));
  return out;
}

template <class T>
Dense<T> make(Family family, int64_t m, int64_t n, bool symmetric, unsigned seed = 1) {
  std::mt19937 rng(seed * 7919 + static_cast<unsigned>(m * 31 + n));
  std::normal_distribution<double> normal;
  const int64_t k = std::min(m, n);
  Doubles values(k);
  const double span = std::log10(1.0 / kEps<T>);
  for (int64_t i = 0; i < k; ++i) {
    const double t = k > 1 ? static_cast<double>(i) / static_cast<double>(k - 1) : 0;
    if (family == Family::IllConditioned) values[i] = std::pow(10.0, -span * t);
    if (family == Family::RankDeficient) values[i] = i < k / 3 ? 1.0 + t : 0;
    if (family == Family::Clustered) values[i] = i % 3 == 0 ? 1.0 : 2.0 + 1e-3 * kEps<T> * t;
  }
  if (family == Family::IllConditioned || family == Family::RankDeficient || family == Family::Clustered)
    return spectrum_matrix<T>(m, n, symmetric, rng, values);
  Dense<T> a(m, n);
  const double scale = family == Family::Huge   ? std::numeric_limits<T>::max() / 64.0 / std::max<double>(1, m + n)
                       : family == Family::Tiny ? std::numeric_limits<T>::min() * 4.0
                                                : 1.0;
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = 0; i < m; ++i) {
      double x = std::clamp(normal(rng), -4.0, 4.0) / 4.0 * scale;
      if (family == Family::Zero) x = 0;
      if (family == Family::Graded) x *= std::pow(10.0, -span * 0.7 * (i + j) / static_cast<double>(m + n));
      if (family == Family::UpperTriangular && i > j) x = 0;
      a(i, j) = static_cast<T>(x);
    }
  }
  if (symmetric)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t i = 0; i < j; ++i) a(i, j) = a(j, i) = family == Family::UpperTriangular ? T(0) : a(j, i);
  return a;
}

const int64_t kSizes[] = {0, 1, 2, 31, 32, 33, 64, 97, 130, 257};
const std::pair<int64_t, int64_t> kShapes[] = {
    {0, 0},   {0, 3},   {3, 0},   {1, 1},   {1, 40},  {40, 1},   {2, 2},    {31, 7},    {32, 33},  {33, 32},
    {64, 64}, {70, 35}, {35, 70}, {97, 97}, {8, 130}, {130, 65}, {65, 130}, {257, 257}, {300, 40}, {40, 300}};

template <class T>
class Lapack : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Lapack, Types);

std::string label(Family family, int64_t m, int64_t n) {
  return std::string(kNames[static_cast<int>(family)]) + " " + std::to_string(m) + " x " + std::to_string(n);
}

template <class T>
Dense<T> padded(const Dense<T>& a, int64_t padding) {
  Dense<T> out(a.m, a.n, padding);
  for (int64_t j = 0; j < a.n; ++j)
    for (int64_t i = 0; i < a.m; ++i) out(i, j) = a(i, j);
  return out;
}

template <class T>
double unit(int64_t m, int64_t n) {
  return 30.0 * std::max<double>(1, std::max(m, n)) * kEps<T>;
}

// The largest error a norm of `size` may show; entries below the normal range are only absolutely accurate.
template <class T>
double tolerance(int64_t m, int64_t n, double size) {
  return unit<T>(m, n) * size + std::numeric_limits<T>::min() * kEps<T> * 16 * static_cast<double>(m + n);
}

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

// ---- all of them ----

TYPED_TEST(Lapack, EntriesThatAreNotFiniteTerminateWithAnError) {
  using T = TypeParam;
  for (T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
    for (int64_t n : {5, 40, 130}) {
      Dense<T> a = make<T>(Family::Random, n, n, true), q(n, n), r(n, n), b = make<T>(Family::Random, n, 2, false);
      a(n / 2, n / 3) = bad;
      std::vector<T> s(n);
      std::vector<int32_t> pivots(n);
      int32_t info = 0;
      eigh(1, n, padded(a, 0).batch(), s.data(), n, q.batch(), &info);
      EXPECT_GE(info, n);
      EXPECT_TRUE(std::isnan(s[0]));
      svd(1, n, n, false, padded(a, 0).batch(), q.batch(), s.data(), n, r.batch(), &info);
      EXPECT_GE(info, n);
      EXPECT_TRUE(std::isnan(s[0]));
      lu(1, n, n, padded(a, 0).batch(), pivots.data(), &info);
      for (int32_t pivot : pivots) EXPECT_TRUE(pivot >= 0 && pivot < n);
      qr(1, n, n, false, padded(a, 0).batch(), q.batch(), r.batch());
      inverse(1, n, padded(a, 0).batch(), &info);
      solve(1, n, 2, padded(a, 0).batch(), b.batch(), &info);
      cholesky(1, n, padded(a, 0).batch(), &info);
      EXPECT_GT(info, 0);
    }
  }
}

// A batch of equal items and all results of each item as bytes.
template <class T>
class BatchRun {
 public:
  BatchRun(int64_t count, int64_t m, int64_t n, int64_t padding)
      : count_(count),
        m_(m),
        n_(n),
        k_(std::min(m, n)),
        ld_(m + padding),
        ldn_(n + padding),
        bytes_(count),
        a_(count * ld_ * n),
        b_(count * ld_ * n),
        vt_(count * ldn_ * n),
        s_(count * k_),
        info_(count),
        pivots_(count * k_) {}

  std::vector<std::string> run() {
    const Batch<T> a{a_.data(), ld_, ld_ * n_}, b{b_.data(), ld_, ld_ * n_}, vt{vt_.data(), ldn_, ldn_ * n_};
    fill(a_, false);
    lu(count_, m_, n_, a, pivots_.data(), info_.data());
    record(a, m_, n_);
    for (int64_t i = 0; i < count_; ++i)
      bytes_[i].append(reinterpret_cast<const char*>(pivots_.data() + i * k_), k_ * sizeof(int32_t));
    fill(a_, false);
    qr(count_, m_, n_, false, a, b, vt);
    record(b, m_, k_);
    record(vt, k_, n_);
    fill(a_, false);
    svd(count_, m_, n_, false, a, b, s_.data(), k_, vt, info_.data());
    record(b, m_, k_);
    record(vt, k_, n_);
    record({s_.data(), k_, k_}, k_, 1);
    if (m_ != n_) return bytes_;
    fill(a_, true);
    eigh(count_, n_, a, s_.data(), n_, b, info_.data());
    record(b, n_, n_);
    record({s_.data(), k_, k_}, k_, 1);
    fill(a_, true);
    cholesky(count_, n_, a, info_.data());
    record(a, n_, n_);
    fill(a_, false);
    inverse(count_, n_, a, info_.data());
    record(a, n_, n_);
    fill(a_, false);
    fill(b_, true);
    solve(count_, n_, n_, a, b, info_.data());
    record(b, n_, n_);
    return bytes_;
  }

 private:
  void fill(std::vector<T>& x, bool symmetric) {
    Dense<T> a = make<T>(Family::Random, m_, n_, symmetric, 3);
    for (int64_t i = 0; symmetric && i < n_; ++i) a(i, i) += static_cast<T>(n_);
    for (int64_t b = 0; b < count_; ++b)
      for (int64_t j = 0; j < n_; ++j)
        for (int64_t i = 0; i < m_; ++i) x[(b * n_ + j) * ld_ + i] = a(i, j);
  }
  void record(Batch<T> x, int64_t rows, int64_t columns) {
    for (int64_t b = 0; b < count_; ++b)
      for (int64_t j = 0; j < columns; ++j)
        bytes_[b].append(reinterpret_cast<const char*>(x.data + b * x.step + j * x.ld), rows * sizeof(T));
  }

  int64_t count_, m_, n_, k_, ld_, ldn_;
  std::vector<std::string> bytes_;
  std::vector<T> a_, b_, vt_, s_;
  std::vector<int32_t> info_, pivots_;
};

TYPED_TEST(Lapack, BatchesThreadsAndLeadingDimensionsDoNotChangeABit) {
  using T = TypeParam;
  const int threads = num_threads();
  for (const auto& [m, n] : std::initializer_list<std::pair<int64_t, int64_t>>{
           {20, 20}, {33, 33}, {64, 64}, {150, 150}, {90, 41}, {41, 90}, {300, 300}, {450, 450}}) {
    SCOPED_TRACE(label(Family::Random, m, n));
    set_num_threads(1);
    const std::string one = BatchRun<T>(1, m, n, 0).run()[0];
    for (int team : {1, 2, 3}) {
      set_num_threads(team);
      EXPECT_TRUE((BatchRun<T>(1, m, n, 3).run()[0] == one)) << team << " threads";
      if (m > 300) continue;
      for (const std::string& item : BatchRun<T>(3, m, n, 0).run())
        EXPECT_TRUE((item == one)) << "batch, " << team << " threads";
    }
  }
  set_num_threads(threads);
}

}  // namespace
}  // namespace nngpu::cpu
