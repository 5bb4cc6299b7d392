// Products and factorisations as launches.
#include <array>

#include "kernels/launch_fixture.h"

namespace nngpu::cpu {
namespace {

using graph::LinalgParams;

Array naive_product(const Array& a, const Array& b, DType dtype) {
  Shape shape = a.shape;
  const int rank = shape.size();
  const int64_t m = a.shape[rank - 2], k = a.shape[rank - 1], n = b.shape[rank - 1];
  shape[rank - 1] = n;
  Array out{shape, std::vector<double>(numel(shape))};
  for (int64_t item = 0; m * n != 0 && item < numel(shape) / (m * n); ++item)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t p = 0; p < k; ++p) sum += a.values[(item * m + i) * k + p] * b.values[(item * k + p) * n + j];
        if (dtype == DType::Bool) sum = sum != 0;
        if (dtype == DType::U8) sum = static_cast<uint8_t>(static_cast<int64_t>(sum));
        out.values[(item * m + i) * n + j] = sum;
      }
  return out;
}

double product_tolerance(DType dtype, int64_t k) {
  return dtype == DType::F32 ? 2e-6 * static_cast<double>(k + 4) : 20 * tolerance(dtype);
}

TEST(LinalgLaunches, Matmul) {
  std::mt19937 random(1);
  const int64_t sizes[][3] = {{4, 4, 4}, {1, 7, 5}, {6, 1, 9}, {3, 2, 1}, {5, 3, 0}, {0, 3, 2}, {33, 130, 40}};
  for (const Shape& batch : {Shape{}, Shape{3}, Shape{2, 3}, Shape{0}})
    for (const auto& [m, n, k] : sizes)
      for (DType dtype : kAllDTypes)
        for (Layout layout : kLayouts)
          for (Layout to : {Layout::RowMajor, Layout::ColumnMajor}) {
            Shape as = batch, bs = batch, cs = batch;
            as.push_back(m), as.push_back(k), bs.push_back(k), bs.push_back(n), cs.push_back(m), cs.push_back(n);
            const Array a = random_array(as, dtype, random), b = random_array(bs, dtype, random);
            Runner runner;
            runner.input(dtype, a, layout);
            runner.input(dtype, b, Layout::RowMajor);
            runner.output(dtype, cs, to);
            runner.run(run_matmul);
            ASSERT_NO_FATAL_FAILURE(
                expect_near(runner.result(), naive_product(a, b, dtype), product_tolerance(dtype, k)))
                << to_string(as) << to_string(bs) << dtype_name(dtype) << static_cast<int>(layout);
          }
}

TEST(LinalgLaunches, MatmulWithSharedFactor) {
  std::mt19937 random(2);
  for (DType dtype : {DType::F32, DType::F64, DType::BF16, DType::I32})
    for (bool left : {false, true})
      for (int64_t rows : {1, 4}) {
        const int64_t m = left ? 4 : rows, n = left ? rows : 3, k = 6, count = 5;
        const Array one = random_array(left ? Shape{m, k} : Shape{k, n}, dtype, random);
        const Array many = random_array(left ? Shape{count, k, n} : Shape{count, m, k}, dtype, random);
        Array repeated{left ? Shape{count, m, k} : Shape{count, k, n}, {}};
        for (int64_t i = 0; i < count; ++i)
          repeated.values.insert(repeated.values.end(), one.values.begin(), one.values.end());
        Runner runner;
        if (left) runner.input(dtype, repeated, Dims{0, k, 1});
        runner.input(dtype, many, left ? Dims{n, count * n, 1} : row_major_strides(many.shape));
        if (!left) runner.input(dtype, repeated, Dims{0, n, 1});
        runner.output(dtype, {count, m, n});
        runner.run(run_matmul);
        ASSERT_NO_FATAL_FAILURE(expect_near(runner.result(),
                                            naive_product(left ? repeated : many, left ? many : repeated, dtype),
                                            product_tolerance(dtype, k)));
      }
}

TEST(LinalgLaunches, MatmulItemsGiveTheBitsOfSingleOnes) {
  std::mt19937 random(3);
  for (const auto& [m, n, k] : {std::array<int64_t, 3>{4, 4, 4}, {1, 9, 30}, {20, 1, 7}, {70, 70, 70}}) {
    Runner together;
    std::vector<Array> single;
    for (int item = 0; item < 5; ++item) {
      const Array a = random_array({m, k}, DType::F32, random), b = random_array({k, n}, DType::F32, random);
      together.input(DType::F32, a);
      together.input(DType::F32, b);
      together.output(DType::F32, {m, n});
      Runner runner;
      runner.input(DType::F32, a);
      runner.input(DType::F32, b);
      runner.output(DType::F32, {m, n});
      runner.run(run_matmul);
      single.push_back(runner.result());
    }
    together.run(run_matmul, 5);
    for (int item = 0; item < 5; ++item) EXPECT_EQ(together.result(item).values, single[item].values);
  }
}

TEST(LinalgLaunches, IntegersWrap) {
  Runner runner;
  runner.input(DType::I32, {{1, 1}, {65536}});
  runner.input(DType::I32, {{1, 1}, {65536 + 3}});
  runner.output(DType::I32, {1, 1});
  runner.run(run_matmul);
  EXPECT_EQ(runner.result().values[0], 3 * 65536);
}

// A well-conditioned stack of matrices.
Array matrices(const Shape& shape, DType dtype, std::mt19937& random, bool symmetric = false) {
  Array out = random_array(shape, dtype, random, 1);
  const int rank = shape.size();
  const int64_t m = shape[rank - 2], n = shape[rank - 1];
  for (int64_t item = 0; m * n > 0 && item < numel(shape) / (m * n); ++item)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double& value = out.values[(item * m + i) * n + j];
        if (symmetric && i < j && j < m) value = out.values[(item * m + i) * n + j];
        if (symmetric && i > j) value = out.values[(item * m + j) * n + i];
        if (i == j) value += static_cast<double>(n) + 1;
      }
  return out;
}

struct Case {
  Shape shape;
  DType dtype;
  Layout in, out;
};
template <class Body>
void for_cases(const Body& body) {
  for (const Shape& shape : {Shape{4, 4}, {1, 1}, {0, 0}, {3, 7, 7}, {2, 2, 33, 33}, {0, 3, 3}})
    for (DType dtype : {DType::F32, DType::F64})
      for (Layout in : kLayouts)
        for (Layout out : {Layout::ColumnMajor, Layout::RowMajor, Layout::Spread}) {
          SCOPED_TRACE(to_string(shape) + dtype_name(dtype) + std::to_string(static_cast<int>(in)));
          body(Case{shape, dtype, in, out});
          if (testing::Test::HasFatalFailure()) return;
        }
}
Shape batch_of(const Shape& shape) { return Shape(shape.begin(), shape.end() - 2); }
Shape with(Shape shape, std::initializer_list<int64_t> tail) {
  for (int64_t size : tail) shape.push_back(size);
  return shape;
}
Array transposed(const Array& x) {
  Array out = x;
  const int rank = x.shape.size();
  const int64_t m = x.shape[rank - 2], n = x.shape[rank - 1];
  std::swap(out.shape[rank - 2], out.shape[rank - 1]);
  for (size_t i = 0; i < x.values.size(); ++i) {
    const int64_t item = i / (m * n), r = i / n % m, c = i % n;
    out.values[item * m * n + c * m + r] = x.values[i];
  }
  return out;
}
double bound(DType dtype) { return dtype == DType::F32 ? 2e-4 : 1e-12; }

TEST(LinalgLaunches, LuFactorAndSolve) {
  std::mt19937 random(4);
  for_cases([&](const Case& c) {
    const Array a = matrices(c.shape, c.dtype, random);
    const int64_t n = c.shape.back();
    const Shape batch = batch_of(c.shape), b_shape = with(batch, {n, 3});
    Runner factor{LinalgParams{}};
    factor.input(c.dtype, a, c.in);
    factor.output(c.dtype, c.shape, c.out);
    factor.output(DType::I32, with(batch, {n}));
    factor.output(DType::I32, batch);
    factor.output(DType::I64, with(batch, {n}));
    factor.run(run_lu_factor);
    ASSERT_TRUE(factor.failures.empty());
    const Array lu = factor.result(), permutation = factor.result(3);
    Array l = lu, u = lu, rows = a;
    for (size_t i = 0; i < lu.values.size(); ++i) {
      const int64_t item = i / (n * n), r = i / n % n, k = i % n;
      (r <= k ? l : u).values[i] = 0;
      if (r == k) l.values[i] = 1;
      const int64_t source = static_cast<int64_t>(permutation.values[item * n + r]);
      rows.values[i] = a.values[(item * n + source) * n + k];
    }
    ASSERT_NO_FATAL_FAILURE(expect_near(naive_product(l, u, c.dtype), rows, bound(c.dtype)));
    const Array b = random_array(b_shape, c.dtype, random);
    Runner solve;
    solve.input(c.dtype, lu, c.in);
    solve.input(DType::I32, factor.result(1));
    solve.input(c.dtype, b, c.in);
    solve.output(c.dtype, b_shape, c.out);
    solve.run(run_lu_solve);
    ASSERT_NO_FATAL_FAILURE(expect_near(naive_product(a, solve.result(), c.dtype), b, bound(c.dtype)));
  });
}

TEST(LinalgLaunches, CholeskyInverseSolveTriangular) {
  std::mt19937 random(5);
  for_cases([&](const Case& c) {
    const Array a = matrices(c.shape, c.dtype, random, true);
    const int64_t n = c.shape.back();
    const Shape batch = batch_of(c.shape), b_shape = with(batch, {n, 2});
    const Array b = random_array(b_shape, c.dtype, random);
    for (int64_t upper : {0, 1}) {
      LinalgParams params;
      params.upper = upper;
      Runner cholesky(params);
      cholesky.input(c.dtype, a, c.in);
      cholesky.output(c.dtype, c.shape, c.out);
      cholesky.output(DType::I32, batch);
      cholesky.run(run_cholesky);
      const Array factor = cholesky.result(), other = transposed(factor);
      ASSERT_NO_FATAL_FAILURE(
          expect_near(naive_product(upper ? other : factor, upper ? factor : other, c.dtype), a, bound(c.dtype)));
      Runner triangular(graph::TriangularParams{upper, 1, 0});
      triangular.input(c.dtype, factor, c.in);
      triangular.input(c.dtype, b, c.in);
      triangular.output(c.dtype, b_shape, c.out);
      triangular.run(run_triangular_solve);
      ASSERT_NO_FATAL_FAILURE(expect_near(naive_product(other, triangular.result(), c.dtype), b, bound(c.dtype)));
    }
    Runner inverse{LinalgParams{}}, solve{LinalgParams{}};
    inverse.input(c.dtype, a, c.in);
    inverse.output(c.dtype, c.shape, c.out);
    inverse.output(DType::I32, batch);
    inverse.run(run_inverse);
    solve.input(c.dtype, a, c.in);
    solve.input(c.dtype, b, c.in);
    solve.output(c.dtype, b_shape, c.out);
    solve.output(DType::I32, batch);
    solve.run(run_solve);
    ASSERT_NO_FATAL_FAILURE(expect_near(naive_product(a, solve.result(), c.dtype), b, bound(c.dtype)));
    ASSERT_NO_FATAL_FAILURE(
        expect_near(naive_product(inverse.result(), b, c.dtype), solve.result(), bound(c.dtype)));
  });
}

}  // namespace
}  // namespace nngpu::cpu
