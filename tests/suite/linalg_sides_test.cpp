// Systems and factors of the sides around which the kernels of GPUs differ, 17 to 129: residuals by the oracle,
// pivots known by hand, bad matrices beside good ones.
#include <cmath>

#include "nngpu/linalg.h"
#include "nngpu/ops.h"
#include "suite/shapes.h"

namespace nngpu::suite {
namespace {

using oracle::Array;

double norm_of(const Array& a) {
  double s = 0;
  for (double v : a.data) s += v * v;
  return std::sqrt(s);
}

Array minus(const Array& a, const Array& b) {
  return oracle::map(a, b, [](double x, double y) { return x - y; });
}

Array transposed(const Array& a) {
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < a.rank(); ++i) axes.push_back(i);
  std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  return oracle::permute(a, axes);
}

// The first `count` columns (from_end 1) or rows (from_end 2).
Array first_of(const Array& a, int64_t from_end, int64_t count) {
  Array result;
  result.shape = a.shape;
  result.shape[a.shape.size() - size_t(from_end)] = count;
  oracle::for_each_index(result.shape, [&](const std::vector<int64_t>& i) { result.data.push_back(a.at(i)); });
  return result;
}

class LinalgSides : public ::testing::TestWithParam<DType> {
 protected:
  double bound(int64_t side) const { return 30.0 * double(side) * (GetParam() == DType::F32 ? 0x1p-23 : 0x1p-52); }
  Tensor tensor(const Array& a) const {
    return oracle::with_layout(a, GetParam(), oracle::kLayouts[oracle::generator()() % 4]);
  }
  Array random(const Dimensions& shape) const { return oracle::random_array(shape, GetParam(), -1, 1); }
  void check_orthonormal(const Array& q, const Dimensions& shape) const {
    const Array gram = oracle::matmul(transposed(q), q);
    double wrong = 0;
    oracle::for_each_index(gram.shape, [&](const std::vector<int64_t>& i) {
      const double x = gram.at(i) - (i.back() == i[i.size() - 2] ? 1 : 0);
      wrong += x * x;
    });
    const auto n = double(std::max(shape.back(), shape[shape.size() - 2]));
    EXPECT_LE(std::sqrt(wrong), bound(int64_t(n)) * std::sqrt(n)) << to_string(Shape(shape));
  }
  // |a x - b| is small beside |a| |x|.
  void check_solution(const Array& a, const Array& x, const Array& b, const char* what) const {
    EXPECT_LE(norm_of(minus(oracle::matmul(a, x), b)), bound(a.shape.back()) * norm_of(a) * norm_of(x))
        << what << " " << to_string(Shape(a.shape)) << to_string(Shape(b.shape));
  }
};

TEST_P(LinalgSides, LuPivotsByTheLargest) {
  for (const Dimensions& shape : {Dimensions{3, 17, 17},
                                  {2, 32, 31},
                                  {2, 31, 33},
                                  {64, 63},
                                  {2, 65, 64},
                                  {20, 100},
                                  {127, 50},
                                  {96, 96},
                                  {2, 97, 97},
                                  {128, 128},
                                  {129, 128}}) {
    for (const double scale : {1.0, 0x1p-130}) {
      // Large single matrices may go to a vendor's library, which need not divide by numbers that small.
      if (scale < 1 && GetParam() == DType::F32 && shape[shape.size() - 2] * shape.back() > 128 * 128) continue;
      const Array a = oracle::rounded(oracle::map(random(shape), [&](double x) { return x * scale; }), GetParam());
      const linalg::Lu f = linalg::lu(tensor(a));
      const Array l = oracle::from_tensor(f.l), u = oracle::from_tensor(f.u);
      for (const double x : l.data) ASSERT_LE(std::abs(x), 1.0 + 0x1p-22) << to_string(Shape(shape)) << scale;
      const int64_t side = std::max(shape.back(), shape[shape.size() - 2]);
      const double rounding =
          GetParam() == DType::F32 ? double(side * side) * 0x1p-149 : 0;  // of numbers that small
      EXPECT_LE(norm_of(minus(a, oracle::matmul(oracle::from_tensor(f.p), oracle::matmul(l, u)))),
                bound(side) * norm_of(a) + rounding)
          << to_string(Shape(shape));
    }
  }
}

TEST_P(LinalgSides, SystemsAndInverses) {
  for (const int64_t n : {17, 32, 33, 64, 95, 128, 129}) {
    const Array a = random({2, n, n});
    const Tensor x = tensor(a);
    for (const int64_t columns : {int64_t{1}, int64_t{5}, n + 1}) {
      const Array b = random({2, n, columns});
      check_solution(a, oracle::from_tensor(linalg::solve(x, tensor(b))), b, "solve");
    }
    const Array identity = oracle::from_tensor(broadcast_to(eye(n, -1, 0, GetParam()), {2, n, n}));
    const Array inverse = oracle::from_tensor(linalg::inverse(x));
    const double size = norm_of(a) * norm_of(inverse);
    EXPECT_LE(norm_of(minus(oracle::matmul(a, inverse), identity)), bound(n) * size) << n;
    EXPECT_LE(norm_of(minus(oracle::matmul(inverse, a), identity)), bound(n) * size) << n;
  }
}

TEST_P(LinalgSides, OfEqualPivotsTheFirst) {
  for (const int64_t n : {20, 40, 70, 128}) {
    // The rows in reverse: every step has one candidate.
    const Tensor reversed = flip(eye(n, -1, 0, GetParam()), {0});
    std::vector<int32_t> expected;
    for (int64_t k = 0; k < n; ++k) expected.push_back(static_cast<int32_t>(std::max(k, n - 1 - k)));
    EXPECT_EQ(linalg::lu_factor(reversed).pivots.to_vector<int32_t>(), expected) << n;
    EXPECT_EQ(oracle::from_tensor(linalg::inverse(reversed)).data, oracle::from_tensor(reversed).data) << n;
    // Rows that are all the same, and none.
    const linalg::LuFactor same = linalg::lu_factor(ones({n, n}, GetParam()), false);
    EXPECT_EQ(same.pivots.to_vector<int32_t>()[0], 0);
    EXPECT_EQ(same.info.item<int32_t>(), 2);
    EXPECT_EQ(linalg::lu_factor(zeros({n, n}, GetParam()), false).info.item<int32_t>(), 1);
    EXPECT_THROW(linalg::inverse(ones({n, n}, GetParam())).eval(), SingularMatrixError);
    EXPECT_THROW(linalg::solve(ones({n, n}, GetParam()), ones({n, 1}, GetParam())).eval(), SingularMatrixError);
  }
}

TEST_P(LinalgSides, CholeskyReadsOneTriangle) {
  for (const int64_t n : {17, 32, 33, 64, 90, 128, 130}) {
    const Array x = random({2, n, n}), product = oracle::matmul(x, transposed(x));
    Array a = product, above = product;
    for (int64_t e = 0; e < 2; ++e)
      for (int64_t i = 0; i < n; ++i) {
        a.ref({e, i, i}) = above.ref({e, i, i}) = product.at({e, i, i}) + 1;
        for (int64_t j = 0; j < i; ++j) a.ref({e, j, i}) = above.ref({e, i, j}) = NAN;
      }
    a = oracle::rounded(a, GetParam()), above = oracle::rounded(above, GetParam());
    Array full = a;
    for (int64_t e = 0; e < 2; ++e)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < i; ++j) full.ref({e, j, i}) = full.at({e, i, j});
    const Array l = oracle::from_tensor(linalg::cholesky(tensor(a)));
    const Array u = oracle::from_tensor(linalg::cholesky(tensor(above), true));
    EXPECT_LE(norm_of(minus(full, oracle::matmul(l, transposed(l)))), bound(n) * norm_of(full)) << n;
    EXPECT_LE(norm_of(minus(full, oracle::matmul(transposed(u), u))), bound(n) * norm_of(full)) << n;
    EXPECT_EQ(l.at({1, 0, n - 1}), 0.0);
    EXPECT_EQ(u.at({1, n - 1, 0}), 0.0);
    a.ref({1, n / 2, n / 2}) = -1;
    const std::vector<int32_t> info = linalg::cholesky_ex(tensor(a)).info.to_vector<int32_t>();
    EXPECT_EQ(info, (std::vector<int32_t>{0, int32_t(n / 2) + 1}));
  }
}

TEST_P(LinalgSides, BadMatricesBesideGoodOnes) {
  for (const int64_t n : {18, 50, 128}) {
    Array a = random({3, n, n});
    a.ref({1, n - 1, 2}) = INFINITY;
    const Array b = random({3, n, 2});
    const linalg::Checked solution = linalg::solve_ex(tensor(a), tensor(b)),
                          inverse = linalg::inverse_ex(tensor(a));
    const linalg::LuFactor factor = linalg::lu_factor(tensor(a), false);
    for (const Tensor& info : {solution.info, inverse.info, factor.info})
      EXPECT_EQ(info.to_vector<int32_t>(), (std::vector<int32_t>{0, int32_t(n) + 1, 0}));
    for (const int64_t e : {0, 1, 2}) {
      const Array x = oracle::from_tensor(take(solution.value, Tensor(e), 0));
      if (e == 1) {
        EXPECT_TRUE(std::isnan(x.data[0]) && std::isnan(x.data.back()));
        EXPECT_TRUE(std::isnan(oracle::from_tensor(inverse.value).at({e, 0, n - 1})));
        continue;
      }
      const Array good = oracle::from_tensor(take(tensor(a), Tensor(e), 0));
      check_solution(good, x, oracle::from_tensor(take(tensor(b), Tensor(e), 0)), "beside");
    }
  }
}

TEST_P(LinalgSides, EigenvectorsReadOneTriangle) {
  for (const int64_t n : {9, 16, 17, 32, 33, 64, 65, 100, 128, 129}) {
    Array a = random({2, n, n}), full = a;
    for (int64_t e = 0; e < 2; ++e)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < i; ++j) a.ref({e, j, i}) = NAN, full.ref({e, j, i}) = full.at({e, i, j});
    const linalg::Eigh f = linalg::eigh(tensor(a));
    const Array v = oracle::from_tensor(f.v), w = oracle::from_tensor(f.w), wrong = [&] {
      Array scaled = v;
      for (int64_t e = 0; e < 2; ++e)
        for (int64_t i = 0; i < n; ++i)
          for (int64_t j = 0; j < n; ++j) scaled.ref({e, i, j}) *= w.at({e, j});
      return minus(oracle::matmul(full, v), scaled);
    }();
    EXPECT_LE(norm_of(wrong), bound(n) * norm_of(full)) << n;
    const Array gram = oracle::matmul(transposed(v), v);
    const Array identity = oracle::from_tensor(broadcast_to(eye(n, -1, 0, GetParam()), {2, n, n}));
    EXPECT_LE(norm_of(minus(gram, identity)), bound(n) * std::sqrt(double(n))) << n;
    for (int64_t j = 1; j < n; ++j) EXPECT_LE(w.at({1, j - 1}), w.at({1, j}));
    EXPECT_LE(norm_of(minus(oracle::from_tensor(linalg::eigvalsh(tensor(a))), w)), bound(n) * norm_of(full)) << n;
  }
}

TEST_P(LinalgSides, EigenvaluesKnownByHand) {
  for (const int64_t n : {12, 31, 60, 128}) {
    // -1, 2, -1: 2 - 2 cos(k pi / (n + 1)). Ones with c on the diagonal: c - 1, and once c - 1 + n. No elements.
    Array second{{n, n}, {}}, ones{{n, n}, {}}, mixed{{n, n}, {}};
    for (int64_t i = 0; i < n * n; ++i) {
      const int64_t row = i / n, column = i % n;
      second.data.push_back(row == column ? 2 : std::abs(row - column) == 1 ? -1 : 0);
      ones.data.push_back(row == column ? 3 : 1);
      mixed.data.push_back(row != column ? 0 : row % 2 == 0 ? double(row) : -0x1p-40 * double(row));
    }
    const auto values = [&](const Array& a) { return oracle::from_tensor(linalg::eigh(tensor(a)).w).data; };
    const double near = bound(n);
    const std::vector<double> w = values(second), v = values(ones), diagonal = values(mixed);
    for (int64_t k = 0; k < n; ++k) {
      EXPECT_NEAR(w[size_t(k)], 2 - 2 * std::cos(double(k + 1) * M_PI / double(n + 1)), 4 * near);
      EXPECT_NEAR(v[size_t(k)], k == n - 1 ? 2 + double(n) : 2, near * double(n));
    }
    const double least = -0x1p-40 * double((n - 2) / 2 * 2 + 1);
    EXPECT_NEAR(diagonal.front(), least, -0x1p-20 * least);
    EXPECT_EQ(diagonal.back(), double((n - 1) / 2 * 2));
    for (const double x : values(oracle::filled({n, n}, 0))) EXPECT_EQ(x, 0);
    Array bad = oracle::filled({2, n, n}, 1);
    bad.ref({0, n - 1, 0}) = INFINITY;
    const linalg::EighEx f = linalg::eigh_ex(tensor(bad));
    EXPECT_EQ(f.info.to_vector<int32_t>(), (std::vector<int32_t>{int32_t(n) + 1, 0}));
    EXPECT_TRUE(std::isnan(oracle::from_tensor(f.v).at({0, 0, n - 1})));
    EXPECT_NEAR(oracle::from_tensor(f.w).at({1, n - 1}), double(n), near * double(n));
  }
}

TEST_P(LinalgSides, SingularVectors) {
  for (const Dimensions& shape : {Dimensions{2, 9, 9},
                                  {2, 16, 16},
                                  {2, 17, 9},
                                  {3, 32, 32},
                                  {20, 31},
                                  {2, 33, 40},
                                  {64, 64},
                                  {2, 96, 1},
                                  {1, 70},
                                  {100, 128},
                                  {128, 128},
                                  {128, 37},
                                  {129, 20}}) {
    for (const int64_t rank : {int64_t{0}, int64_t{3}}) {
      const int64_t m = shape[shape.size() - 2], n = shape.back(), k = std::min(m, n);
      Dimensions one = shape, other = shape;
      one.back() = rank, other[other.size() - 2] = rank;
      // Of full rank, or a product of narrow matrices.
      const Array a =
          oracle::rounded(rank == 0 ? random(shape) : oracle::matmul(random(one), random(other)), GetParam());
      for (const bool full : {false, true}) {
        const linalg::Svd f = linalg::svd(tensor(a), full);
        Array scaled = oracle::from_tensor(f.u);
        const Array left = scaled, s = oracle::from_tensor(f.s), right = oracle::from_tensor(f.vt);
        oracle::for_each_index(left.shape, [&](const std::vector<int64_t>& i) {
          std::vector<int64_t> at(i.begin(), i.end() - 1);
          at.back() = i.back();
          scaled.ref(i) *= i.back() < k ? s.at(at) : 0;
        });
        Array product =
            oracle::matmul(full ? first_of(scaled, 1, k) : scaled, full ? first_of(right, 2, k) : right);
        EXPECT_LE(norm_of(minus(a, product)), bound(std::max(m, n)) * norm_of(a))
            << to_string(Shape(shape)) << rank;
        check_orthonormal(left, shape);
        check_orthonormal(transposed(right), shape);
        EXPECT_LE(norm_of(minus(oracle::from_tensor(linalg::svdvals(tensor(a))), s)),
                  bound(std::max(m, n)) * norm_of(a));
        for (int64_t j = 1; j < k; ++j) EXPECT_GE(s.data[size_t(j - 1)], s.data[size_t(j)]);
        EXPECT_GE(s.data.back(), 0);
      }
    }
  }
}

TEST_P(LinalgSides, SingularValuesKnownByHand) {
  for (const int64_t n : {20, 32, 64, 128}) {
    // Ones; ones above the diagonal, of which the rank is n - 1; powers of two with signs; nothing.
    Array ones = oracle::filled({n, n}, 1), shifted = oracle::filled({n, n}, 0), powers = shifted;
    for (int64_t i = 0; i < n; ++i) {
      if (i + 1 < n) shifted.ref({i, i + 1}) = 1;
      powers.ref({i, (i + 3) % n}) = std::ldexp(i % 2 == 0 ? 1 : -1, int(-i / 4));
    }
    const auto values = [&](const Array& a) { return oracle::from_tensor(linalg::svd(tensor(a)).s).data; };
    const std::vector<double> one = values(ones), up = values(shifted), graded = values(powers);
    for (int64_t k = 0; k < n; ++k) {
      EXPECT_NEAR(one[size_t(k)], k == 0 ? double(n) : 0, bound(n) * double(n));
      EXPECT_NEAR(up[size_t(k)], k == n - 1 ? 0 : 1, bound(n));
      EXPECT_NEAR(graded[size_t(k)], std::ldexp(1.0, int(-k / 4)), bound(n));
    }
    for (const double x : values(oracle::filled({n, n}, 0))) EXPECT_EQ(x, 0);
    Array bad = oracle::filled({2, n, n}, 1);
    bad.ref({0, 0, n - 1}) = NAN;
    const linalg::SvdEx f = linalg::svd_ex(tensor(bad));
    EXPECT_EQ(f.info.to_vector<int32_t>(), (std::vector<int32_t>{int32_t(n) + 1, 0}));
    EXPECT_TRUE(std::isnan(oracle::from_tensor(f.vt).at({0, 0, n - 1})));
    EXPECT_NEAR(oracle::from_tensor(f.s).at({1, 0}), double(n), bound(n) * double(n));
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, LinalgSides, ::testing::Values(DType::F32, DType::F64),
                         [](const auto& info) { return std::string(dtype_name(info.param)); });

}  // namespace
}  // namespace nngpu::suite
