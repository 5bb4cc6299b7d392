// Small batched decompositions: residuals in long double over families of difficult matrices, values against Eigen
// in long double, and bitwise independence of the batch.
#ifdef NNGPU_HAVE_EIGEN
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/lapack/small.h"
#include "backend/cpu/parallel.h"
#include "backend/cpu/targets.h"
// After targets.h, which says what the library is compiled for.
#include <hwy/highway.h>

namespace nngpu::cpu {
namespace {

using Exact = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
using Random = std::mt19937_64;

// The largest value / limit met for each quantity, printed at the end of a program run with NNGPU_TEST_REPORT=1.
struct Report {
  std::map<std::string, double> worst;
  ~Report() {
    if (std::getenv("NNGPU_TEST_REPORT") == nullptr) return;
    for (const auto& [what, value] : worst) std::printf("%-40s %8.4f of its limit\n", what.c_str(), value);
  }
};

void expect_within(long double value, long double limit, const std::string& what, const std::string& where) {
  static Report report;
  const double ratio = limit > 0 ? static_cast<double>(value / limit) : (value > 0 ? 1e30 : 0);
  double& worst = report.worst[what];
  if (!(ratio <= worst)) worst = ratio;
  EXPECT_LE(ratio, 1.0) << what << " of " << where;
}

long double norm1(const Exact& a) { return a.size() == 0 ? 0 : a.cwiseAbs().colwise().sum().maxCoeff(); }

template <class T>
constexpr const char* type_name() {
  return sizeof(T) == 4 ? "f32" : "f64";
}

// --- matrices ---

double normal(Random& rng) { return std::normal_distribution<double>()(rng); }

Exact random_matrix(int m, int n, Random& rng) {
  Exact a(m, n);
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < m; ++i) a(i, j) = normal(rng);
  }
  return a;
}

Exact orthogonal(int n, Random& rng) {
  return Eigen::HouseholderQR<Exact>(random_matrix(n, n, rng)).householderQ() * Exact::Identity(n, n);
}

const std::vector<std::string> kFamilies{
    "random",        "cond 1e6", "cond 1e12",      "rank deficient", "clustered",   "graded",
    "graded up",     "huge",     "tiny",           "diagonal",       "upper",       "lower",
    "bidiagonal",    "zero",     "identity",       "ones",           "permutation", "zero column",
    "equal columns", "integers", "block diagonal", "one corner",     "one element", "mirrored"};

// min(m, n) values of a matrix of the family, of either sign where `sign`.
std::vector<double> spectrum(const std::string& family, int k, bool sign, Random& rng) {
  std::vector<double> s(k);
  for (int i = 0; i < k; ++i) {
    const double t = k > 1 ? double(i) / (k - 1) : 0;
    if (family == "cond 1e6") s[i] = std::pow(1e-6, t);
    if (family == "cond 1e12") s[i] = std::pow(1e-12, t);
    if (family == "rank deficient") s[i] = i < (k + 1) / 2 ? 1 + t : 0;
    if (family == "clustered") s[i] = 1 + 1e-7 * i * i + (i % 3 == 0 ? 3 : 0);
    if (sign && rng() % 2 == 0) s[i] = -s[i];
  }
  return s;
}

template <class T>
Exact structured(const std::string& family, int m, int n, Random& rng) {
  Exact a = random_matrix(m, n, rng);
  if (family == "huge") a *= std::numeric_limits<T>::max() / 1024;
  if (family == "tiny") a *= std::numeric_limits<T>::min() * 0x1p25;
  const long double e = family == "graded" ? -1 : 1;
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < m; ++i) {
      long double& x = a(i, j);
      if (family == "graded" || family == "graded up") x *= std::pow(10.0L, e * (16.0L * (i + j) / (m + n) - 8));
      if (family == "diagonal" && i != j) x = 0;
      if (family == "upper" && i > j) x = 0;
      if (family == "lower" && i < j) x = 0;
      if (family == "bidiagonal" && i != j && i + 1 != j) x = 0;
      if (family == "zero") x = 0;
      if (family == "identity") x = i == j;
      if (family == "ones") x = 1;
      if (family == "permutation") x = (i * 7 + 3) % std::max(m, 1) == j;
      if (family == "zero column" && j == n / 2) x = 0;
      if (family == "equal columns" && j == n - 1) x = a(i, 0);
      if (family == "integers") x = std::round(2 * x);
      if (family == "block diagonal" && i / 3 != j / 3) x = 0;
      if (family == "one corner") x = i == m - 1 && j == 0;
      if (family == "one element") x = i == j ? (i == m / 2 ? 1 : 1e-30L) : 0;
      if (family == "mirrored") x = i + j == std::max(m, n) - 1 ? j + 1 : 0;
    }
  }
  return a;
}

// Rounded to T, so that the oracle sees what the function sees.
template <class T>
Exact rounded(const Exact& a) {
  return a.cast<T>().template cast<long double>();
}

template <class T>
Exact general(const std::string& family, int m, int n, Random& rng) {
  const int k = std::min(m, n);
  if (family.starts_with("cond") || family == "rank deficient" || family == "clustered") {
    const std::vector<double> s = spectrum(family, k, false, rng);
    Exact d = Exact::Zero(m, n);
    for (int i = 0; i < k; ++i) d(i, i) = s[i];
    return rounded<T>(orthogonal(m, rng) * d * orthogonal(n, rng).transpose());
  }
  return rounded<T>(structured<T>(family, m, n, rng));
}

template <class T>
Exact symmetric(const std::string& family, int n, Random& rng) {
  Exact a;
  if (family.starts_with("cond") || family == "rank deficient" || family == "clustered") {
    const std::vector<double> s = spectrum(family, n, true, rng);
    const Exact q = orthogonal(n, rng);
    a = q * Eigen::Map<const Eigen::VectorXd>(s.data(), n).cast<long double>().asDiagonal() * q.transpose();
  } else {
    a = structured<T>(family, n, n, rng);
  }
  a = rounded<T>(a);
  return Exact(a.template selfadjointView<Eigen::Lower>());
}

// --- batches ---

// Matrices with room around each column and item that must stay untouched.
template <class T>
struct Items {
  int rows, columns;
  int64_t ld, step;
  std::vector<T> data;
  static constexpr T kUntouched = T(-12345.5);

  Items(int64_t count, int m, int n, int pad)
      : rows(m),
        columns(n),
        ld(m + pad),
        step(ld * n + pad),
        data(std::max<int64_t>(1, count * step), kUntouched) {}
  Batch<T> batch(int64_t first = 0) { return {data.data() + first * step, ld, step}; }
  void set(int64_t item, const Exact& a) {
    for (int j = 0; j < columns; ++j) {
      for (int i = 0; i < rows; ++i) data[item * step + j * ld + i] = static_cast<T>(a(i, j));
    }
  }
  Exact get(int64_t item) const {
    Exact a(rows, columns);
    for (int j = 0; j < columns; ++j) {
      for (int i = 0; i < rows; ++i) a(i, j) = data[item * step + j * ld + i];
    }
    return a;
  }
  // Everything outside the matrices still holds kUntouched.
  bool untouched() const {
    for (size_t k = 0; k < data.size(); ++k) {
      const int64_t in_item = static_cast<int64_t>(k) % step, i = in_item % ld, j = in_item / ld;
      if ((i >= rows || j >= columns) && data[k] != kUntouched) return false;
    }
    return true;
  }
};

struct Shape {
  int m, n;
};
const std::vector<int> kSides{1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32};
const std::vector<Shape> kRectangles{{1, 5},  {5, 1},  {3, 8},  {8, 3},  {7, 4},   {16, 15}, {15, 17},
                                     {32, 1}, {1, 32}, {32, 8}, {8, 32}, {31, 32}, {32, 17}, {20, 32}};
std::vector<Shape> all_shapes() {
  std::vector<Shape> shapes = kRectangles;
  for (int n : kSides) shapes.push_back({n, n});
  return shapes;
}

std::string label(const std::string& family, int m, int n) {
  return family + " " + std::to_string(m) + " x " + std::to_string(n);
}

// A type and an instruction set: the kRank-th best that the library and this machine have.
template <class T, int kRank>
struct Setting {
  using Value = T;
  static constexpr int kTarget = kRank;
};

template <class Setting>
class SmallLapack : public testing::Test {
 public:
  using T = typename Setting::Value;
  static constexpr long double kEps = std::numeric_limits<T>::epsilon();

  void SetUp() override {
    int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
    for (int i = 0; i < Setting::kTarget; ++i) targets &= targets - 1;  // the lowest bit is the best target
    if (targets == 0) GTEST_SKIP() << "no more instruction sets";
    hwy::SetSupportedTargetsForTest(targets & -targets);
  }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }

  // All families as one batch.
  static Items<T> general_batch(int m, int n, int pad) {
    Random rng(m * 100 + n);
    Items<T> items(kFamilies.size(), m, n, pad);
    for (size_t f = 0; f < kFamilies.size(); ++f) items.set(f, general<T>(kFamilies[f], m, n, rng));
    return items;
  }
  static Items<T> symmetric_batch(int n, int pad) {
    Random rng(n);
    Items<T> items(kFamilies.size(), n, n, pad);
    for (size_t f = 0; f < kFamilies.size(); ++f) items.set(f, symmetric<T>(kFamilies[f], n, rng));
    return items;
  }
  static std::string name(const char* what) { return std::string(what) + " " + type_name<T>(); }
  static long double limit(int m, int n) { return 30 * std::max(m, n) * kEps; }
};
using Types = testing::Types<Setting<float, 0>, Setting<double, 0>, Setting<float, 1>, Setting<double, 1>,
                             Setting<float, 2>, Setting<double, 2>>;
TYPED_TEST_SUITE(SmallLapack, Types);

// |Q^T Q - I| of the columns of q.
long double departure(const Exact& q) { return norm1(q.transpose() * q - Exact::Identity(q.cols(), q.cols())); }

// Residual over |A|, where both may be zero.
long double relative(const Exact& residual, const Exact& a) {
  const long double size = norm1(a), r = norm1(residual);
  return size == 0 ? r : r / size;
}

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

TYPED_TEST(SmallLapack, QrReproducesTheMatrix) {
  using T = typename TypeParam::Value;
  for (const auto [m, n] : all_shapes()) {
    for (const bool complete : {false, true}) {
      const int k = complete ? m : std::min(m, n), count = kFamilies.size();
      Items<T> a = this->general_batch(m, n, (m + n) % 3), q(count, m, k, m % 2), r(count, k, n, n % 2);
      const Items<T> original = a;
      Items<T> again = a, r_alone = r;
      small::qr<T>(count, m, n, complete, a.batch(), q.batch(), r.batch());
      EXPECT_TRUE(a.untouched() && q.untouched() && r.untouched());
      for (int f = 0; f < count; ++f) {
        const std::string where = label(kFamilies[f], m, n);
        const Exact x = original.get(f), qf = q.get(f), rf = r.get(f);
        expect_within(relative(x - qf * rf, x), this->limit(m, n), this->name("qr residual"), where);
        expect_within(departure(qf), this->limit(m, n), this->name("qr orthogonality"), where);
        for (int j = 0; j < n; ++j) {
          for (int i = j + 1; i < k; ++i) EXPECT_EQ(rf(i, j), 0);
        }
      }
      small::qr<T>(count, m, n, complete, again.batch(), {nullptr, 0, 0}, r_alone.batch());
      EXPECT_EQ(0, std::memcmp(r.data.data(), r_alone.data.data(), sizeof(T) * r.data.size()));
    }
  }
}

TYPED_TEST(SmallLapack, EighDiagonalises) {
  using T = typename TypeParam::Value;
  for (int n : kSides) {
    const int count = kFamilies.size();
    Items<T> a = this->symmetric_batch(n, n % 3), v(count, n, n, n % 2);
    const Items<T> original = a;
    for (int f = 0; f < count; ++f) {  // what lies above the diagonal is not read
      for (int j = 0; j < n; ++j) {
        for (int i = 0; i < j; ++i) a.data[f * a.step + j * a.ld + i] = T(777);
      }
    }
    Items<T> again = a;
    const int64_t w_step = n + 1;
    std::vector<T> w(count * w_step), w_alone(count * w_step);
    std::vector<int32_t> info(count, -1);
    small::eigh<T>(count, n, a.batch(), w.data(), w_step, v.batch(), info.data());
    EXPECT_TRUE(a.untouched() && v.untouched());
    for (int f = 0; f < count; ++f) {
      const std::string where = label(kFamilies[f], n, n);
      EXPECT_EQ(info[f], 0) << where;
      const Exact x = original.get(f), vf = v.get(f);
      const Exact wf =
          Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, 1>>(&w[f * w_step], n).template cast<long double>();
      expect_within(relative(x * vf - vf * wf.col(0).asDiagonal(), x), this->limit(n, n),
                    this->name("eigh residual"), where);
      expect_within(departure(vf), this->limit(n, n), this->name("eigh orthogonality"), where);
      const long double size = norm1(x);
      const Exact scaled = size > 0 ? Exact(x / size) : x;
      const Exact expected =
          Eigen::SelfAdjointEigenSolver<Exact>(scaled, Eigen::EigenvaluesOnly).eigenvalues() * size;
      expect_within((wf - expected).cwiseAbs().maxCoeff(), 10 * n * this->kEps * size, this->name("eigh values"),
                    where);
      for (int i = 1; i < n; ++i) EXPECT_LE(wf(i - 1), wf(i)) << where;
    }
    small::eigh<T>(count, n, again.batch(), w_alone.data(), w_step, {nullptr, 0, 0}, info.data());
    EXPECT_EQ(w, w_alone);
  }
}

TYPED_TEST(SmallLapack, SvdDecomposes) {
  using T = typename TypeParam::Value;
  for (const auto [m, n] : all_shapes()) {
    for (const bool full : {false, true}) {
      const int count = kFamilies.size(), least = std::min(m, n), ku = full ? m : least, kv = full ? n : least;
      Items<T> a = this->general_batch(m, n, (m + n) % 3), u(count, m, ku, m % 2), vt(count, kv, n, n % 2);
      const Items<T> original = a;
      Items<T> again = a;
      const int64_t s_step = least + 2;
      std::vector<T> s(count * s_step), s_alone(count * s_step);
      std::vector<int32_t> info(count, -1);
      small::svd<T>(count, m, n, full, a.batch(), u.batch(), s.data(), s_step, vt.batch(), info.data());
      EXPECT_TRUE(a.untouched() && u.untouched() && vt.untouched());
      for (int f = 0; f < count; ++f) {
        const std::string where = label(kFamilies[f], m, n);
        EXPECT_EQ(info[f], 0) << where;
        const Exact x = original.get(f), uf = u.get(f), vf = vt.get(f).transpose();
        const Exact sf =
            Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, 1>>(&s[f * s_step], least).template cast<long double>();
        const Exact product = uf.leftCols(least) * sf.col(0).asDiagonal() * vf.leftCols(least).transpose();
        expect_within(relative(x - product, x), this->limit(m, n), this->name("svd residual"), where);
        expect_within(departure(uf), this->limit(m, n), this->name("svd orthogonality of u"), where);
        expect_within(departure(vf), this->limit(m, n), this->name("svd orthogonality of v"), where);
        for (int i = 1; i < least; ++i) EXPECT_GE(sf(i - 1), sf(i)) << where;
        EXPECT_GE(sf(least - 1), 0) << where;
        if (full) continue;
        const long double size = norm1(x);
        const Exact scaled = size > 0 ? Exact(x / size) : x;
        const Exact expected = Eigen::JacobiSVD<Exact>(scaled).singularValues() * size;
        expect_within((sf - expected).cwiseAbs().maxCoeff(), 10 * std::max(m, n) * this->kEps * size,
                      this->name("svd values"), where);
      }
      small::svd<T>(count, m, n, full, again.batch(), {nullptr, 0, 0}, s_alone.data(), s_step, {nullptr, 0, 0},
                    info.data());
      EXPECT_EQ(s, s_alone);
    }
  }
}

// --- batch independence ---

// Everything the functions give for items [first, first + count) of the inputs, as bytes of one item after the
// other.
template <class T>
std::vector<std::vector<T>> everything(const Items<T>& general_items, const Items<T>& symmetric_items, int m,
                                       int n, int64_t first, int64_t count) {
  std::vector<std::vector<T>> out(count);
  const auto take = [&](const auto& data, int64_t step) {
    for (int64_t b = 0; b < count; ++b) {
      for (int64_t k = 0; k < step; ++k) out[b].push_back(static_cast<T>(data[b * step + k]));
    }
  };
  const auto part = [&](const Items<T>& items) {
    Items<T> copy(count, items.rows, items.columns, 0);
    std::copy_n(items.data.begin() + first * items.step, count * items.step, copy.data.begin());
    return copy;
  };
  const int k = std::min(m, n);
  std::vector<int32_t> info(count), pivots(count * k);
  Items<T> a = part(general_items), u(count, m, m, 0), vt(count, n, n, 0), r(count, m, n, 0), b = a;
  std::vector<T> s(count * std::max(m, n));
  small::lu<T>(count, m, n, a.batch(), pivots.data(), info.data());
  take(a.data, a.step), take(info, 1), take(pivots, k);
  a = part(general_items);
  small::qr<T>(count, m, n, true, a.batch(), u.batch(), r.batch());
  take(u.data, u.step), take(r.data, r.step);
  a = part(general_items);
  small::svd<T>(count, m, n, true, a.batch(), u.batch(), s.data(), k, vt.batch(), info.data());
  take(u.data, u.step), take(vt.data, vt.step), take(s, k), take(info, 1);
  Items<T> c = part(symmetric_items), v(count, n, n, 0);
  small::eigh<T>(count, n, c.batch(), s.data(), n, v.batch(), info.data());
  take(v.data, v.step), take(s, n), take(info, 1);
  c = part(symmetric_items);
  small::cholesky<T>(count, n, c.batch(), info.data());
  take(c.data, c.step), take(info, 1);
  c = part(symmetric_items);
  small::inverse<T>(count, n, c.batch(), info.data());
  take(c.data, c.step), take(info, 1);
  if (m == n) {
    c = part(symmetric_items);
    small::solve<T>(count, n, n, c.batch(), b.batch(), info.data());
    take(b.data, b.step), take(info, 1);
  }
  return out;
}

TYPED_TEST(SmallLapack, ItemsDoNotDependOnTheBatch) {
  using T = typename TypeParam::Value;
  const int threads = num_threads();
  for (const auto [m, n] : std::vector<Shape>{{1, 1}, {2, 2}, {5, 3}, {8, 8}, {13, 13}, {17, 20}, {32, 32}}) {
    const int64_t count = n <= 8 ? 1000 : 200;
    Random rng(7);
    Items<T> a(count, m, n, 0), c(count, n, n, 0);
    for (int64_t i = 0; i < count; ++i) {
      const std::string& family = kFamilies[rng() % kFamilies.size()];
      Exact x = general<T>(family, m, n, rng), y = symmetric<T>(family, n, rng);
      // Hopeless items among the others.
      if (i % 11 == 5) x(m / 2, n / 2) = std::numeric_limits<T>::quiet_NaN();
      if (i % 13 == 6) y(n - 1, 0) = std::numeric_limits<T>::infinity();
      a.set(i, x);
      c.set(i, y);
    }
    set_num_threads(2);
    const auto whole = everything(a, c, m, n, 0, count);
    for (const int team : {1, 2}) {
      set_num_threads(team);
      for (const int64_t part : {1, 3, 15, 16, 17, 100}) {
        for (const int64_t first : {int64_t{0}, int64_t{1}, int64_t{29}, count - part}) {
          const auto some = everything(a, c, m, n, first, part);
          for (int64_t b = 0; b < part; ++b) {
            ASSERT_EQ(some[b].size(), whole[first + b].size());
            ASSERT_EQ(0, std::memcmp(some[b].data(), whole[first + b].data(), sizeof(T) * some[b].size()))
                << label("item", m, n) << ' ' << first + b << " in a batch of " << part;
          }
        }
      }
    }
  }
  set_num_threads(threads);
}

TYPED_TEST(SmallLapack, HopelessMatricesEndAndSaySo) {
  using T = typename TypeParam::Value;
  for (int n : kSides) {
    for (const T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
      Items<T> a(1, n, n, 0), u(1, n, n, 0), vt(1, n, n, 0);
      Exact x = Exact::Identity(n, n);
      x(n - 1, 0) = bad;
      a.set(0, x);
      Items<T> b = a;
      std::vector<T> w(n);
      int32_t info = 0;
      small::eigh<T>(1, n, a.batch(), w.data(), n, u.batch(), &info);
      EXPECT_EQ(info, n);
      for (T value : w) EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(std::isnan(u.data[0]));
      small::svd<T>(1, n, n, true, b.batch(), u.batch(), w.data(), n, vt.batch(), &info);
      EXPECT_EQ(info, n);
      for (T value : w) EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(std::isnan(u.data[0]) && std::isnan(vt.data[0]));
    }
  }
}

TYPED_TEST(SmallLapack, EmptySides) {
  using T = typename TypeParam::Value;
  Items<T> a(2, 3, 0, 0), q(2, 3, 3, 0), vt(2, 3, 3, 0);
  std::vector<int32_t> info(2, -1);
  small::qr<T>(2, 3, 0, true, {a.data.data(), 3, 0}, q.batch(), {a.data.data(), 3, 0});
  EXPECT_EQ(q.get(1), Exact::Identity(3, 3));
  small::svd<T>(2, 3, 0, true, {a.data.data(), 3, 0}, q.batch(), a.data.data(), 0, {a.data.data(), 1, 0},
                info.data());
  EXPECT_EQ(q.get(1), Exact::Identity(3, 3));
  small::svd<T>(2, 0, 3, true, {a.data.data(), 1, 0}, {a.data.data(), 1, 0}, a.data.data(), 0, vt.batch(),
                info.data());
  EXPECT_EQ(vt.get(1), Exact::Identity(3, 3));
  EXPECT_EQ(info, (std::vector<int32_t>{0, 0}));
  info = {-1, -1};
  small::eigh<T>(2, 0, {a.data.data(), 1, 0}, a.data.data(), 0, {a.data.data(), 1, 0}, info.data());
  EXPECT_EQ(info, (std::vector<int32_t>{0, 0}));
  small::lu<T>(0, 3, 3, q.batch(), info.data(), info.data());  // no items
}

}  // namespace
}  // namespace nngpu::cpu
#endif  // NNGPU_HAVE_EIGEN
