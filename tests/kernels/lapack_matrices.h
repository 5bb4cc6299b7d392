// Families of difficult matrices, and norms in float64, for the tests of the decompositions of one matrix.
#ifndef NNGPU_TESTS_KERNELS_LAPACK_MATRICES_H_
#define NNGPU_TESTS_KERNELS_LAPACK_MATRICES_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "backend/cpu/lapack.h"

namespace nngpu::cpu::lapack_tests {

using Doubles = std::vector<double>;

template <class T>
inline constexpr double kEps = std::numeric_limits<T>::epsilon();

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
inline Dense<double> wide(const Dense<T>& a) {
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

inline Dense<double> product(const Dense<double>& a, const Dense<double>& b) {
  Dense<double> c(a.m, b.n);
  for (int64_t j = 0; j < b.n; ++j) {
    for (int64_t i = 0; i < a.m; ++i) c(i, j) = 0;
    for (int64_t p = 0; p < a.n; ++p)
      for (int64_t i = 0; i < a.m; ++i) c(i, j) += a(i, p) * b(p, j);
  }
  return c;
}

inline double largest(const Dense<double>& a) {
  double out = 0;
  for (int64_t j = 0; j < a.n; ++j)
    for (int64_t i = 0; i < a.m; ++i) out = std::isnan(a(i, j)) ? INFINITY : std::max(out, std::abs(a(i, j)));
  return out;
}

// Frobenius norm, scaled against overflow.
inline double norm(const Dense<double>& a) {
  const double top = largest(a);
  if (top == 0 || !std::isfinite(top)) return top;
  double sum = 0;
  for (int64_t j = 0; j < a.n; ++j)
    for (int64_t i = 0; i < a.m; ++i) sum += (a(i, j) / top) * (a(i, j) / top);
  return top * std::sqrt(sum);
}

inline Dense<double> minus(Dense<double> a, const Dense<double>& b) {
  for (int64_t j = 0; j < a.n; ++j)
    for (int64_t i = 0; i < a.m; ++i) a(i, j) -= b(i, j);
  return a;
}

inline double residual(const Dense<double>& a, const Dense<double>& b) { return norm(minus(a, b)); }

// | Q^T Q - I |
inline double departure(const Dense<double>& q) {
  Dense<double> gram = product(transpose(q), q);
  for (int64_t i = 0; i < gram.n; ++i) gram(i, i) -= 1;
  return norm(gram);
}

// ---- families ----

enum class Family { Random, IllConditioned, RankDeficient, Clustered, Graded, UpperTriangular, Zero, Huge, Tiny };
inline constexpr Family kFamilies[] = {Family::Random,    Family::IllConditioned, Family::RankDeficient,
                                       Family::Clustered, Family::Graded,         Family::UpperTriangular,
                                       Family::Zero,      Family::Huge,           Family::Tiny};
inline const char* const kNames[] = {"random", "ill-conditioned",  "rank-deficient", "clustered",
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

inline const int64_t kSizes[] = {0, 1, 2, 31, 32, 33, 64, 97, 130, 257};
inline const std::pair<int64_t, int64_t> kShapes[] = {
    {0, 0},   {0, 3},   {3, 0},   {1, 1},   {1, 40},  {40, 1},   {2, 2},    {31, 7},    {32, 33},  {33, 32},
    {64, 64}, {70, 35}, {35, 70}, {97, 97}, {8, 130}, {130, 65}, {65, 130}, {257, 257}, {300, 40}, {40, 300}};

inline std::string label(Family family, int64_t m, int64_t n) {
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
inline double unit(int64_t m, int64_t n) {
  return 30.0 * std::max<double>(1, std::max(m, n)) * kEps<T>;
}

// The largest error a norm of `size` may show; entries below the normal range are only absolutely accurate.
template <class T>
inline double tolerance(int64_t m, int64_t n, double size) {
  return unit<T>(m, n) * size + std::numeric_limits<T>::min() * kEps<T> * 16 * static_cast<double>(m + n);
}

}  // namespace nngpu::cpu::lapack_tests

#endif  // NNGPU_TESTS_KERNELS_LAPACK_MATRICES_H_
