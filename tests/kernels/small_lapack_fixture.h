// Families of difficult small matrices in long double, batches of them, and the fixture that picks an instruction
// set: for the tests of the small batched decompositions.
#ifndef NNGPU_TESTS_KERNELS_SMALL_LAPACK_FIXTURE_H_
#define NNGPU_TESTS_KERNELS_SMALL_LAPACK_FIXTURE_H_

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/lapack/small.h"
#include "backend/cpu/targets.h"
// After targets.h, which says what the library is compiled for.
#include <hwy/highway.h>

namespace nngpu::cpu::small_lapack_tests {

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

inline void expect_within(long double value, long double limit, const std::string& what,
                          const std::string& where) {
  static Report report;
  const double ratio = limit > 0 ? static_cast<double>(value / limit) : (value > 0 ? 1e30 : 0);
  double& worst = report.worst[what];
  if (!(ratio <= worst)) worst = ratio;
  EXPECT_LE(ratio, 1.0) << what << " of " << where;
}

inline long double norm1(const Exact& a) { return a.size() == 0 ? 0 : a.cwiseAbs().colwise().sum().maxCoeff(); }

template <class T>
constexpr const char* type_name() {
  return sizeof(T) == 4 ? "f32" : "f64";
}

// --- matrices ---

inline double normal(Random& rng) { return std::normal_distribution<double>()(rng); }

inline Exact random_matrix(int m, int n, Random& rng) {
  Exact a(m, n);
  for (int j = 0; j < n; ++j) {
    for (int i = 0; i < m; ++i) a(i, j) = normal(rng);
  }
  return a;
}

inline Exact orthogonal(int n, Random& rng) {
  return Eigen::HouseholderQR<Exact>(random_matrix(n, n, rng)).householderQ() * Exact::Identity(n, n);
}

inline const std::vector<std::string> kFamilies{
    "random",        "cond 1e6", "cond 1e12",      "rank deficient", "clustered",   "graded",
    "graded up",     "huge",     "tiny",           "diagonal",       "upper",       "lower",
    "bidiagonal",    "zero",     "identity",       "ones",           "permutation", "zero column",
    "equal columns", "integers", "block diagonal", "one corner",     "one element", "mirrored"};

// min(m, n) values of a matrix of the family, of either sign where `sign`.
inline std::vector<double> spectrum(const std::string& family, int k, bool sign, Random& rng) {
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
inline Exact structured(const std::string& family, int m, int n, Random& rng) {
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
inline Exact rounded(const Exact& a) {
  return a.cast<T>().template cast<long double>();
}

template <class T>
inline Exact general(const std::string& family, int m, int n, Random& rng) {
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
inline Exact symmetric(const std::string& family, int n, Random& rng) {
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
inline const std::vector<int> kSides{1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32};
inline const std::vector<Shape> kRectangles{{1, 5},  {5, 1},  {3, 8},  {8, 3},  {7, 4},   {16, 15}, {15, 17},
                                            {32, 1}, {1, 32}, {32, 8}, {8, 32}, {31, 32}, {32, 17}, {20, 32}};
inline std::vector<Shape> all_shapes() {
  std::vector<Shape> shapes = kRectangles;
  for (int n : kSides) shapes.push_back({n, n});
  return shapes;
}

inline std::string label(const std::string& family, int m, int n) {
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

// |Q^T Q - I| of the columns of q.
inline long double departure(const Exact& q) {
  return norm1(q.transpose() * q - Exact::Identity(q.cols(), q.cols()));
}

// Residual over |A|, where both may be zero.
inline long double relative(const Exact& residual, const Exact& a) {
  const long double size = norm1(a), r = norm1(residual);
  return size == 0 ? r : r / size;
}

}  // namespace nngpu::cpu::small_lapack_tests

#endif  // NNGPU_TESTS_KERNELS_SMALL_LAPACK_FIXTURE_H_
