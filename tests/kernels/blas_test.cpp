// Dense level-3 kernels against naive loops in long double.
#include "backend/cpu/blas.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "backend/cpu/parallel.h"

namespace nngpu::cpu {
namespace {

enum class Layout { Columns, Rows, PaddedColumns, PaddedRows, Spread, Reversed };
constexpr Layout kLayouts[] = {Layout::Columns,    Layout::Rows,   Layout::PaddedColumns,
                               Layout::PaddedRows, Layout::Spread, Layout::Reversed};

// A matrix of random values inside a larger buffer; the elements around it must survive every kernel.
template <class T>
struct Sample {
  Sample(int64_t m, int64_t n, Layout layout, std::mt19937& random) : rows(m), cols(n) {
    rs = 1, cs = m;
    if (layout == Layout::Rows) rs = n, cs = 1;
    if (layout == Layout::PaddedColumns) cs = m + 3;
    if (layout == Layout::PaddedRows) rs = n + 5, cs = 1;
    if (layout == Layout::Spread) rs = 2, cs = 2 * m + 7;
    if (layout == Layout::Reversed) rs = -1, cs = m;
    const int64_t size = 64 + std::abs(rs) * (m + 1) + std::abs(cs) * (n + 1);
    std::uniform_real_distribution<double> values(-1, 1);
    buffer.resize(size);
    for (T& value : buffer) value = static_cast<T>(values(random));
    offset = 32 + (rs < 0 ? -rs * std::max<int64_t>(0, m - 1) : 0);
  }

  T& at(int64_t i, int64_t j) { return buffer[offset + i * rs + j * cs]; }
  const T& at(int64_t i, int64_t j) const { return buffer[offset + i * rs + j * cs]; }
  Matrix<T> matrix() { return {buffer.data() + offset, rs, cs}; }
  ConstMatrix<T> view() const { return {buffer.data() + offset, rs, cs}; }
  Sample transposed() const {
    Sample out = *this;
    std::swap(out.rows, out.cols);
    std::swap(out.rs, out.cs);
    return out;
  }

  int64_t rows, cols, rs, cs, offset = 0;
  std::vector<T> buffer;
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// |got - wanted| within the rounding of `terms` terms, and nothing written outside the matrix.
template <class T>
void expect_close(const Sample<T>& got, const Sample<T>& wanted, int64_t terms, double scale = 4) {
  double tolerance = scale * (double(terms) + 4) * std::numeric_limits<T>::epsilon();
  Sample<T> rest = got;
  for (int64_t j = 0; j < got.cols; ++j) {
    for (int64_t i = 0; i < got.rows; ++i) {
      const double error = std::abs(double(got.at(i, j)) - double(wanted.at(i, j)));
      ASSERT_LE(error, tolerance * std::max(1.0, std::abs(double(wanted.at(i, j))))) << "at " << i << ", " << j;
      rest.at(i, j) = wanted.at(i, j);
    }
  }
  ASSERT_TRUE(same_bits(rest.buffer, wanted.buffer)) << "wrote outside the matrix";
}

template <class T>
void naive_gemm(T alpha, const Sample<T>& a, const Sample<T>& b, T beta, Sample<T>& c) {
  for (int64_t j = 0; j < c.cols; ++j) {
    for (int64_t i = 0; i < c.rows; ++i) {
      long double sum = 0;
      for (int64_t p = 0; p < a.cols; ++p) sum += (long double)(a.at(i, p)) * b.at(p, j);
      c.at(i, j) = static_cast<T>(alpha * sum + (beta == T{0} ? 0 : (long double)(beta)*c.at(i, j)));
    }
  }
}

template <class T>
void check_gemm(int64_t m, int64_t n, int64_t k, Layout la, Layout lb, Layout lc, T alpha, T beta) {
  std::mt19937 random(static_cast<unsigned>(m * 10007 + n * 101 + k));
  Sample<T> a(m, k, la, random), b(k, n, lb, random), c(m, n, lc, random);
  Sample<T> wanted = c;
  naive_gemm(alpha, a, b, beta, wanted);
  if (beta == T{0}) {
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t i = 0; i < m; ++i) c.at(i, j) = std::numeric_limits<T>::quiet_NaN();
    }
  }
  SCOPED_TRACE(testing::Message() << m << "x" << n << "x" << k << " layouts " << int(la) << int(lb) << int(lc)
                                  << " alpha " << alpha << " beta " << beta);
  gemm<T>(m, n, k, alpha, a.view(), b.view(), beta, c.matrix());
  expect_close(c, wanted, k);
}

template <class T>
class Blas : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Blas, Types);

TYPED_TEST(Blas, GemmShapes) {
  const int64_t sizes[] = {0, 1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 49, 67};
  int turn = 0;
  for (int64_t m : sizes) {
    for (int64_t n : sizes) {
      for (int64_t k : {0, 1, 5, 16, 33, 65}) {
        const Layout la = kLayouts[turn % 6], lb = kLayouts[turn / 6 % 6], lc = kLayouts[turn / 36 % 6];
        check_gemm<TypeParam>(m, n, k, la, lb, lc, turn % 3 == 0 ? TypeParam(1) : TypeParam(-0.75),
                              turn % 4 == 0   ? TypeParam(0)
                              : turn % 4 == 1 ? TypeParam(1)
                                              : TypeParam(0.5));
        ++turn;
      }
    }
  }
}

TYPED_TEST(Blas, GemmLayouts) {
  for (Layout la : kLayouts) {
    for (Layout lb : kLayouts) {
      for (Layout lc : kLayouts) {
        check_gemm<TypeParam>(53, 41, 37, la, lb, lc, 1, 0);
        check_gemm<TypeParam>(131, 149, 29, la, lb, lc, TypeParam(0.5), TypeParam(-2));
      }
    }
  }
}

TYPED_TEST(Blas, GemmBlocks) {
  // Beyond one block in each direction, so that panels, passes and teams all occur.
  check_gemm<TypeParam>(257, 263, 1201, Layout::Columns, Layout::Columns, Layout::Columns, 1, TypeParam(0.5));
  check_gemm<TypeParam>(257, 263, 601, Layout::Rows, Layout::Rows, Layout::Rows, 1, 0);
  check_gemm<TypeParam>(2309, 11, 97, Layout::Rows, Layout::Columns, Layout::Columns, 1, 1);
  check_gemm<TypeParam>(3, 2311, 1033, Layout::Columns, Layout::Rows, Layout::Columns, -1, 1);
  check_gemm<TypeParam>(1, 517, 1031, Layout::Rows, Layout::Rows, Layout::Columns, 2, 0);
  check_gemm<TypeParam>(517, 1, 1031, Layout::Rows, Layout::Columns, Layout::PaddedRows, 2, 1);
  check_gemm<TypeParam>(1, 1, 5003, Layout::Rows, Layout::Columns, Layout::Columns, 1, 0);
  check_gemm<TypeParam>(9000, 64, 70, Layout::Columns, Layout::Columns, Layout::Columns, 1, 0);
}

TYPED_TEST(Blas, GemmWithoutTermsOnlyScales) {
  std::mt19937 random(1);
  Sample<TypeParam> a(5, 3, Layout::Columns, random), b(3, 4, Layout::Columns, random);
  Sample<TypeParam> c(5, 4, Layout::Rows, random), wanted = c;
  a.at(1, 1) = std::numeric_limits<TypeParam>::quiet_NaN();
  for (int64_t i = 0; i < 5; ++i) {
    for (int64_t j = 0; j < 4; ++j) wanted.at(i, j) *= 2;
  }
  gemm<TypeParam>(5, 4, 3, 0, a.view(), b.view(), 2, c.matrix());
  expect_close(c, wanted, 1);
}

TYPED_TEST(Blas, BatchesAreGemm) {
  using T = TypeParam;
  const int saved = num_threads();
  for (int64_t m : {1, 3, 8, 16, 17, 27, 32, 61, 70}) {
    for (int64_t n : {1, 8, 13, 32}) {
      for (Layout layout : {Layout::Columns, Layout::Rows, Layout::Spread}) {
        const int64_t count = 9, k = m + n;
        std::mt19937 random(static_cast<unsigned>(m + n));
        std::vector<Sample<T>> a, b, c;
        std::vector<const T*> pa, pb;
        std::vector<T*> pc;
        for (int64_t i = 0; i < count; ++i) {
          a.emplace_back(m, k, layout, random), b.emplace_back(k, n, layout, random);
          c.emplace_back(m, n, layout, random);
        }
        std::vector<Sample<T>> single = c;
        std::vector<T> flat_a, flat_b, flat_c;
        for (int64_t i = 0; i < count; ++i) {
          pa.push_back(a[i].view().data), pb.push_back(b[i].view().data), pc.push_back(c[i].matrix().data);
          flat_a.insert(flat_a.end(), a[i].buffer.begin(), a[i].buffer.end());
          flat_b.insert(flat_b.end(), b[i].buffer.begin(), b[i].buffer.end());
          flat_c.insert(flat_c.end(), c[i].buffer.begin(), c[i].buffer.end());
          set_num_threads(1);
          gemm<T>(m, n, k, T(0.5), a[i].view(), b[i].view(), T(2), single[i].matrix());
        }
        set_num_threads(3);
        gemm_pointers<T>(count, m, n, k, T(0.5), pa.data(), a[0].rs, a[0].cs, pb.data(), b[0].rs, b[0].cs, T(2),
                         pc.data(), c[0].rs, c[0].cs);
        const auto step = [](const std::vector<Sample<T>>& s) { return static_cast<int64_t>(s[0].buffer.size()); };
        gemm_batch<T>(count, m, n, k, T(0.5), {flat_a.data() + a[0].offset, a[0].rs, a[0].cs}, step(a),
                      {flat_b.data() + b[0].offset, b[0].rs, b[0].cs}, step(b), T(2),
                      {flat_c.data() + c[0].offset, c[0].rs, c[0].cs}, step(c));
        for (int64_t i = 0; i < count; ++i) {
          ASSERT_TRUE(same_bits(c[i].buffer, single[i].buffer)) << m << " " << n << " item " << i;
          const auto begin = flat_c.begin() + i * step(c);
          ASSERT_TRUE(same_bits(std::vector<T>(begin, begin + step(c)), single[i].buffer)) << m << " " << n;
        }
      }
    }
  }
  set_num_threads(saved);
}

TYPED_TEST(Blas, BatchMayShareAnOperand) {
  using T = TypeParam;
  std::mt19937 random(3);
  Sample<T> a(8, 8, Layout::Columns, random), b(8, 8 * 5, Layout::Columns, random);
  Sample<T> c(8, 8 * 5, Layout::Columns, random), wanted = c;
  naive_gemm(T(1), a, b, T(0), wanted);
  gemm_batch<T>(5, 8, 8, 8, T(1), a.view(), 0, b.view(), 64, T(0), c.matrix(), 64);
  expect_close(c, wanted, 8);
}

// Every kernel gives the same bits on any number of threads.
TYPED_TEST(Blas, ThreadsDoNotShow) {
  using T = TypeParam;
  const int saved = num_threads();
  for (int64_t n : {63, 129, 300, 517}) {
    std::mt19937 random(static_cast<unsigned>(n));
    Sample<T> a(n, n, Layout::Columns, random), b(n, n + 5, Layout::Columns, random);
    Sample<T> c(n, n + 5, Layout::Columns, random);
    for (int64_t i = 0; i < n; ++i) a.at(i, i) += T(n);
    std::vector<std::vector<T>> results;
    for (int threads : {1, 2, 3, 7}) {
      set_num_threads(threads);
      Sample<T> product = c, square = a, solved = b, scaled = b, vector = c;
      gemm<T>(n, n + 5, n, T(1), a.view(), b.view(), T(1), product.matrix());
      syrk<T>(Triangle::Lower, n, n, T(1), b.view(), T(1), square.matrix());
      trsm<T>(Triangle::Lower, Diagonal::NonUnit, n, n + 5, a.view(), solved.matrix());
      trmm<T>(Triangle::Upper, Diagonal::NonUnit, n, n + 5, a.view(), scaled.matrix());
      gemv<T>(n, n, T(1), a.view(), &b.at(0, 0), 1, T(1), &vector.at(0, 0), 1);
      std::vector<T> all = product.buffer;
      for (const auto* part : {&square, &solved, &scaled, &vector}) {
        all.insert(all.end(), part->buffer.begin(), part->buffer.end());
      }
      results.push_back(all);
      ASSERT_TRUE(same_bits(results.front(), results.back())) << n << " on " << threads;
    }
  }
  set_num_threads(saved);
}

TYPED_TEST(Blas, Syrk) {
  using T = TypeParam;
  for (int64_t n : {0, 1, 5, 31, 32, 33, 97, 131, 260}) {
    for (int64_t k : {0, 1, 17, 64, 300}) {
      for (Layout layout : kLayouts) {
        for (Triangle triangle : {Triangle::Lower, Triangle::Upper}) {
          std::mt19937 random(static_cast<unsigned>(n * 31 + k));
          Sample<T> a(n, k, layout, random), c(n, n, layout, random), full = c;
          naive_gemm(T(-0.5), a, a.transposed(), T(k % 2), full);
          Sample<T> wanted = c;
          for (int64_t j = 0; j < n; ++j) {
            for (int64_t i = 0; i < n; ++i) {
              if (triangle == Triangle::Lower ? i >= j : i <= j) wanted.at(i, j) = full.at(i, j);
            }
          }
          Sample<T> got = c;
          syrk<T>(triangle, n, k, T(-0.5), a.view(), T(k % 2), got.matrix());
          SCOPED_TRACE(testing::Message() << n << " " << k << " layout " << int(layout));
          expect_close(got, wanted, k);
          for (int64_t j = 0; j < n; ++j) {
            for (int64_t i = 0; i < n; ++i) {
              const bool other = triangle == Triangle::Lower ? i < j : i > j;
              if (other) {
                ASSERT_EQ(got.at(i, j), c.at(i, j));
              }
            }
          }
        }
      }
    }
  }
}

// A well conditioned triangle; the other triangle and an implied diagonal hold NaN, which must not be read.
template <class T>
Sample<T> triangle_sample(int64_t m, Triangle triangle, Diagonal diagonal, Layout layout, std::mt19937& random) {
  Sample<T> a(m, m, layout, random);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < m; ++j) {
      const bool stored = triangle == Triangle::Lower ? i > j : i < j;
      if (stored) a.at(i, j) /= T(m);
      if (!stored && i != j) a.at(i, j) = std::numeric_limits<T>::quiet_NaN();
    }
    a.at(i, i) = diagonal == Diagonal::Unit ? std::numeric_limits<T>::quiet_NaN() : T(1.5) + a.at(i, i) / 2;
  }
  return a;
}

template <class T>
Sample<T> dense_triangle(const Sample<T>& a, Triangle triangle, Diagonal diagonal) {
  Sample<T> out = a;
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t j = 0; j < a.cols; ++j) {
      if (triangle == Triangle::Lower ? i < j : i > j) out.at(i, j) = T(0);
    }
    if (diagonal == Diagonal::Unit) out.at(i, i) = T(1);
  }
  return out;
}

template <class T, class Check>
void for_each_triangle(const Check& check) {
  for (int64_t m : {0, 1, 2, 7, 8, 9, 31, 32, 33, 67, 131, 200}) {
    for (int64_t n : {0, 1, 5, 16, 33, 70, 149}) {
      for (int turn = 0; turn < 12; ++turn) {
        const Layout la = kLayouts[turn % 6], lb = kLayouts[(turn + turn / 6 * 3 + m + n) % 6];
        for (Triangle triangle : {Triangle::Lower, Triangle::Upper}) {
          const Diagonal diagonal = turn % 2 == 0 ? Diagonal::Unit : Diagonal::NonUnit;
          std::mt19937 random(static_cast<unsigned>(m * 1009 + n * 17 + turn));
          const Sample<T> a = triangle_sample<T>(m, triangle, diagonal, la, random);
          Sample<T> b(m, n, lb, random);
          SCOPED_TRACE(testing::Message() << m << "x" << n << " layouts " << int(la) << int(lb) << " triangle "
                                          << int(triangle) << " diagonal " << int(diagonal));
          check(triangle, diagonal, a, dense_triangle(a, triangle, diagonal), b);
          if (testing::Test::HasFatalFailure()) return;
        }
      }
    }
  }
}

TYPED_TEST(Blas, Trsm) {
  using T = TypeParam;
  for_each_triangle<T>([](Triangle triangle, Diagonal diagonal, const auto& a, const auto& dense, const auto& x) {
    Sample<T> b = x;
    naive_gemm(T(1), dense, x, T(0), b);
    trsm<T>(triangle, diagonal, b.rows, b.cols, a.view(), b.matrix());
    expect_close(b, x, b.rows, 8);
  });
}

TYPED_TEST(Blas, Trmm) {
  using T = TypeParam;
  for_each_triangle<T>([](Triangle triangle, Diagonal diagonal, const auto& a, const auto& dense, const auto& x) {
    Sample<T> b = x, wanted = x;
    naive_gemm(T(1), dense, x, T(0), wanted);
    trmm<T>(triangle, diagonal, b.rows, b.cols, a.view(), b.matrix());
    expect_close(b, wanted, b.rows);
  });
}

TYPED_TEST(Blas, Gemv) {
  using T = TypeParam;
  for (int64_t m : {0, 1, 7, 16, 33, 131, 1031}) {
    for (int64_t n : {0, 1, 8, 31, 67, 517}) {
      for (Layout layout : kLayouts) {
        for (int64_t inc : {1, 3, -2}) {
          std::mt19937 random(static_cast<unsigned>(m + n));
          Sample<T> a(m, n, layout, random), x(n, 1, Layout::Columns, random), y(m, 1, Layout::Columns, random);
          std::vector<T> spread_x(3 * n + 1), spread_y(3 * m + 1);
          T* px = spread_x.data() + (inc < 0 ? -inc * std::max<int64_t>(0, n - 1) : 0);
          T* py = spread_y.data() + (inc < 0 ? -inc * std::max<int64_t>(0, m - 1) : 0);
          for (int64_t j = 0; j < n; ++j) px[j * inc] = x.at(j, 0);
          const T beta = inc == 3 ? T(0) : T(0.5);
          for (int64_t i = 0; i < m; ++i) {
            py[i * inc] = beta == T(0) ? std::numeric_limits<T>::quiet_NaN() : y.at(i, 0);
          }
          Sample<T> wanted = y;
          naive_gemm(T(2), a, x, beta, wanted);
          gemv<T>(m, n, T(2), a.view(), px, inc, beta, py, inc);
          for (int64_t i = 0; i < m; ++i) y.at(i, 0) = py[i * inc];
          SCOPED_TRACE(testing::Message() << m << "x" << n << " layout " << int(layout) << " inc " << inc);
          expect_close(y, wanted, n);
        }
      }
    }
  }
}

}  // namespace
}  // namespace nngpu::cpu
