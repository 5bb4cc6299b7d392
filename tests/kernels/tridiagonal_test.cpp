// Implicit QR of tridiagonal matrices, on those that slow or spoil it: equal and clustered values, grading either
// way, zeros and next to zeros beside the diagonal. Residuals and orthogonality in float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/lapack/tridiagonal_qr.h"

namespace nngpu::cpu {
namespace {

enum class Family { Random, Diagonal, Laplace, Wilkinson, GradedDown, GradedUp, Glued, Tiny, Equal, ZeroDiagonal };
constexpr Family kFamilies[] = {Family::Random,     Family::Diagonal,    Family::Laplace, Family::Wilkinson,
                                Family::GradedDown, Family::GradedUp,    Family::Glued,   Family::Tiny,
                                Family::Equal,      Family::ZeroDiagonal};

template <class T>
struct Matrix {
  std::vector<T> d, e;
};

// Entry i of the diagonal and the entry beside it, before scaling.
template <class T>
std::pair<double, double> entries(Family family, int64_t i, int64_t n, std::mt19937& rng) {
  std::uniform_real_distribution<double> uniform(-1, 1);
  const double x = uniform(rng), y = uniform(rng), half = 0.5 * static_cast<double>(n - 1);
  const double tiny = std::numeric_limits<T>::min(), at = static_cast<double>(i) / static_cast<double>(n);
  switch (family) {
    case Family::Random:
      return {x, y};
    case Family::Diagonal:
      return {x, 0};
    case Family::Laplace:
      return {2, -1};
    case Family::Wilkinson:
      return {std::abs(static_cast<double>(i) - half), 1};
    case Family::GradedDown:
      return {std::pow(tiny, at), 0.5 * std::pow(tiny, at)};
    case Family::GradedUp:
      return {std::pow(tiny, 1 - at), 0.5 * std::pow(tiny, 1 - at)};
    case Family::Glued:
      return {std::abs(static_cast<double>(i % 11) - 5), i % 11 == 10 ? 1e-5 : 1};
    case Family::Tiny:
      return {i % 7 == 0 ? x : 0.0, tiny};
    case Family::Equal:
      return {1, std::numeric_limits<T>::epsilon()};
    case Family::ZeroDiagonal:
      return {0, y};
  }
  return {};
}

template <class T>
Matrix<T> make(Family family, int64_t n) {
  std::mt19937 rng(static_cast<unsigned>(n));
  Matrix<T> a;
  double largest = 0;
  std::vector<std::pair<double, double>> raw;
  for (int64_t i = 0; i < n; ++i) {
    raw.push_back(entries<T>(family, i, n, rng));
    largest = std::max({largest, std::abs(raw.back().first), std::abs(raw.back().second)});
  }
  for (const auto& [d, e] : raw) {
    a.d.push_back(static_cast<T>(d / largest));
    a.e.push_back(static_cast<T>(e / largest));
  }
  return a;
}

// | A Z - Z diag(w) |_F
template <class T>
double residual(int64_t n, const Matrix<T>& a, const std::vector<T>& w, const std::vector<T>& z, int64_t ld) {
  double sum = 0;
  for (int64_t j = 0; j < n; ++j) {
    const auto at = [&](int64_t i) { return static_cast<double>(z[i + j * ld]); };
    for (int64_t i = 0; i < n; ++i) {
      double r = (double(a.d[i]) - double(w[j])) * at(i);
      if (i > 0) r += double(a.e[i - 1]) * at(i - 1);
      if (i + 1 < n) r += double(a.e[i]) * at(i + 1);
      sum += r * r;
    }
  }
  return std::sqrt(sum);
}

// | Z^T Z - I |_F
template <class T>
double departure(int64_t n, const std::vector<T>& z, int64_t ld) {
  double sum = 0;
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t k = 0; k < n; ++k) {
      double dot = j == k ? -1 : 0;
      for (int64_t i = 0; i < n; ++i) dot += double(z[i + j * ld]) * double(z[i + k * ld]);
      sum += dot * dot;
    }
  }
  return std::sqrt(sum);
}

template <class T>
class TridiagonalQr : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(TridiagonalQr, Types);

TYPED_TEST(TridiagonalQr, Diagonalises) {
  using T = TypeParam;
  for (int64_t n : {1, 2, 3, 5, 16, 17, 33, 48, 64, 65, 96, 128}) {
    for (Family family : kFamilies) {
      SCOPED_TRACE("family " + std::to_string(static_cast<int>(family)) + " n " + std::to_string(n));
      const Matrix<T> a = make<T>(family, n);
      Matrix<T> work = a;
      const int64_t ld = n + 3;
      std::vector<T> z(ld * n, T(77));
      ASSERT_EQ(tridiagonal_qr(n, work.d.data(), work.e.data(), z.data(), ld), 0);
      const double bound = 10 * static_cast<double>(n) * std::numeric_limits<T>::epsilon();
      EXPECT_LE(residual(n, a, work.d, z, ld), bound);
      EXPECT_LE(departure(n, z, ld), bound);
      for (int64_t j = 0; j < n; ++j)
        for (int64_t i = n; i < ld; ++i) ASSERT_EQ(z[i + j * ld], T(77));  // beyond the matrix
    }
  }
}

TYPED_TEST(TridiagonalQr, ReportsWhatDoesNotConverge) {
  using T = TypeParam;
  constexpr int64_t kN = 40;
  Matrix<T> a = make<T>(Family::Random, kN);
  a.d[20] = std::numeric_limits<T>::quiet_NaN();
  std::vector<T> z(kN * kN);
  EXPECT_GT(tridiagonal_qr(kN, a.d.data(), a.e.data(), z.data(), kN), 0);
}

}  // namespace
}  // namespace nngpu::cpu
