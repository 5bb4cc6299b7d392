// Spectral decompositions, failures of decompositions, and random numbers as launches.
#include "kernels/launch_fixture.h"
#include "ops/philox.h"

namespace nngpu::cpu {
namespace {

using graph::LinalgParams;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

LinalgParams with_check(int64_t check) {
  LinalgParams params;
  params.check = check;
  return params;
}

// sum over p of a[i, p] * s[p] * b[p, j] for one matrix.
Array product(const Array& a, const Array& b, const std::vector<double>* scale = nullptr) {
  const int64_t m = a.shape[0], k = a.shape[1], n = b.shape[1];
  Array out{{m, n}, std::vector<double>(m * n)};
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t p = 0; p < std::min(k, b.shape[0]); ++p) {
        if (scale && p >= static_cast<int64_t>(scale->size())) continue;
        out.values[i * n + j] += a.values[i * k + p] * b.values[p * n + j] * (scale ? (*scale)[p] : 1);
      }
  return out;
}

TEST(SpectralLaunches, QrAndSvd) {
  std::mt19937 random(1);
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{4, 4}, {7, 3}, {3, 7}, {40, 36}, {5, 0}, {0, 5}})
    for (Layout layout : kLayouts)
      for (Layout out : {Layout::ColumnMajor, Layout::RowMajor})
        for (int64_t full : {0, 1}) {
          SCOPED_TRACE(to_string({m, n, full}));
          const Array a = random_array({m, n}, DType::F64, random);
          const int64_t k = std::min(m, n);
          LinalgParams params;
          params.full = full;
          Runner qr(params), svd(params);
          qr.input(DType::F64, a, layout);
          qr.output(DType::F64, {m, full ? m : k}, out);
          qr.output(DType::F64, {full ? m : k, n}, out);
          qr.run(run_qr);
          ASSERT_NO_FATAL_FAILURE(expect_near(product(qr.result(0), qr.result(1)), a, 1e-12));
          svd.input(DType::F64, a, layout);
          svd.output(DType::F64, {m, full ? m : k}, out);
          svd.output(DType::F64, {k});
          svd.output(DType::F64, {full ? n : k, n}, out);
          svd.output(DType::I32, {});
          svd.run(run_svd);
          const Array s = svd.result(1);
          ASSERT_NO_FATAL_FAILURE(expect_near(product(svd.result(0), svd.result(2), &s.values), a, 1e-12));
          params.vectors = 0;
          Runner values(params);
          values.input(DType::F64, a, layout);
          values.output(DType::F64, {0});
          values.output(DType::F64, {k});
          values.output(DType::F64, {0});
          values.output(DType::I32, {});
          values.run(run_svd);
          ASSERT_NO_FATAL_FAILURE(expect_near(values.result(1), s, 1e-12));
        }
}

TEST(SpectralLaunches, EighReadsTheLowerTriangle) {
  std::mt19937 random(2);
  for (int64_t n : {1, 4, 40})
    for (Layout layout : kLayouts) {
      Array a = random_array({n, n}, DType::F64, random), lower = a;
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = i + 1; j < n; ++j) {
          a.values[i * n + j] = a.values[j * n + i];
          lower.values[i * n + j] = kNan;
        }
      Runner eigh{LinalgParams{}}, values{LinalgParams{.vectors = 0}};
      for (Runner* runner : {&eigh, &values}) {
        runner->input(DType::F64, lower, layout);
        runner->output(DType::F64, {n});
        runner->output(DType::F64, runner == &eigh ? Shape{n, n} : Shape{0}, Layout::RowMajor);
        runner->output(DType::I32, {});
        runner->run(run_eigh);
        ASSERT_TRUE(runner->failures.empty());
      }
      const Array w = eigh.result(0), v = eigh.result(1);
      Array vt{{n, n}, v.values};
      for (int64_t i = 0; i < n * n; ++i) vt.values[i % n * n + i / n] = v.values[i];
      ASSERT_NO_FATAL_FAILURE(expect_near(product(v, vt, &w.values), a, 1e-12));
      ASSERT_NO_FATAL_FAILURE(expect_near(values.result(0), w, 1e-12));
    }
}

// A batch of identities of which matrix 3 has one element replaced, in item 1 of 2.
Runner run_spoiled(Kernel kernel, const LinalgParams& params, double value, int outputs, int64_t row = 2) {
  Runner runner(params);
  for (int item = 0; item < 2; ++item) {
    Array a{{5, 4, 4}, std::vector<double>(80, 0)};
    for (int64_t i = 0; i < 20; ++i) a.values[i * 4 + i % 4] = 1;
    if (item == 1) a.values[3 * 16 + row * 4 + row] = value;
    runner.input(DType::F32, a);
  }
  for (int item = 0; item < 2; ++item) {
    runner.output(DType::F32, {5, 4, 4}, Layout::ColumnMajor);
    if (outputs == 3) runner.output(DType::I32, {5, 4});
    runner.output(DType::I32, {5});
  }
  runner.run(kernel, 2);
  return runner;
}

TEST(CheckedLaunches, FailuresNameItemAndPivot) {
  Runner inverse = run_spoiled(run_inverse, LinalgParams{}, 0, 2);
  ASSERT_EQ(inverse.failures.size(), 1u);
  EXPECT_EQ(inverse.failures[0].item, 1);
  const auto singular = inverse.failure<SingularMatrixError>();
  EXPECT_STREQ(singular.what(), "[inverse] matrix 3 of the batch is singular: pivot 2 is zero");
  EXPECT_EQ(singular.item(), 3);
  EXPECT_EQ(singular.pivot(), 2);
  EXPECT_EQ(inverse.result(3).values, (std::vector<double>{0, 0, 0, 3, 0}));

  Runner lu = run_spoiled(run_lu_factor, LinalgParams{}, 0, 3);
  EXPECT_EQ(lu.failure<SingularMatrixError>().pivot(), 2);
  Runner cholesky = run_spoiled(run_cholesky, LinalgParams{}, -1, 2);
  EXPECT_STREQ(cholesky.failure<NotPositiveDefiniteError>().what(),
               "[cholesky] matrix 3 of the batch is not positive definite: pivot 2 is not positive");
  EXPECT_TRUE(run_spoiled(run_inverse, with_check(0), 0, 2).failures.empty());
  EXPECT_TRUE(run_spoiled(run_lu_factor, with_check(2), 0, 3).failures.empty());
}

TEST(CheckedLaunches, NonFiniteMatricesAreSetAside) {
  for (double bad : {kNan, double(INFINITY), -double(INFINITY)})
    for (int64_t check : {0, 1, 2})
      for (Kernel kernel : {run_inverse, run_lu_factor, run_cholesky}) {
        const bool is_lu = kernel == run_lu_factor;
        Runner runner = run_spoiled(kernel, with_check(check), bad, is_lu ? 3 : 2);
        if (check == 0) {
          EXPECT_TRUE(runner.failures.empty());
        } else {
          ASSERT_EQ(runner.failures.size(), 1u);
          const auto error = runner.failure<NonFiniteError>();
          EXPECT_EQ(error.item(), 3);
          EXPECT_EQ(error.pivot(), -1);
          EXPECT_NE(std::string(error.what()).find("] matrix 3 of the batch holds NaN or infinity"),
                    std::string::npos);
        }
        const Array out = runner.result(is_lu ? 3 : 2), info = runner.result(is_lu ? 5 : 3);
        EXPECT_EQ(info.values, (std::vector<double>{0, 0, 0, 5, 0}));
        for (int64_t i = 0; i < 80; ++i)
          EXPECT_TRUE(i / 16 == 3 ? std::isnan(out.values[i]) : out.values[i] == (i % 16 / 4 == i % 4));
      }
}

TEST(CheckedLaunches, SingleMatrix) {
  Runner runner{LinalgParams{}};
  runner.input(DType::F64, {{2, 2}, {1, kNan, 0, 1}});
  runner.output(DType::F64, {2, 2}, Layout::ColumnMajor);
  runner.output(DType::I32, {});
  runner.run(run_inverse);
  EXPECT_STREQ(runner.failure<NonFiniteError>().what(), "[inverse] the matrix holds NaN or infinity");
}

TEST(CheckedLaunches, PivotsOutOfRange) {
  Runner runner;
  runner.input(DType::F32, {{2, 2}, {1, 0, 0, 1}});
  runner.input(DType::I32, {{2}, {0, 7}});
  runner.input(DType::F32, {{2, 1}, {1, 1}});
  runner.output(DType::F32, {2, 1});
  runner.run(run_lu_solve);
  EXPECT_STREQ(runner.failure<IndexError>().what(), "[lu_solve] pivot 7 is out of range for a matrix of size 2");
}

// Test vectors of the Random123 library (kat_vectors, philox4x32 10).
TEST(Random, PhiloxTestVectors) {
  const auto zero = philox::generate(0, philox::Words{{0, 0, 0, 0}});
  EXPECT_EQ(zero.word[0], 0x6627e8d5u);
  EXPECT_EQ(zero.word[1], 0xe169c58du);
  EXPECT_EQ(zero.word[2], 0xbc57ac4cu);
  EXPECT_EQ(zero.word[3], 0x9b00dbd8u);
  const auto pi =
      philox::generate(0x299f31d0a4093822u, philox::Words{{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}});
  EXPECT_EQ(pi.word[0], 0xd16cfe09u);
  EXPECT_EQ(pi.word[1], 0x94fdccebu);
  EXPECT_EQ(pi.word[2], 0x5001e420u);
  EXPECT_EQ(pi.word[3], 0x24126ea1u);
}

Array draw(graph::Distribution distribution, DType dtype, int64_t count, double p0, double p1,
           int64_t offset = 0) {
  Runner runner(graph::RandomParams{distribution, static_cast<int64_t>(dtype), Shape{count}});
  runner.input(DType::I64, {{}, {42}});
  runner.input(DType::I64, {{}, {static_cast<double>(offset)}});
  runner.input(DType::F64, {{}, {p0}});
  runner.input(DType::F64, {{}, {p1}});
  runner.output(dtype, {count});
  runner.run(run_random);
  return runner.result();
}

TEST(Random, MomentsAndRanges) {
  constexpr int64_t kCount = 200'001;
  for (DType dtype : {DType::F16, DType::BF16, DType::F32, DType::F64}) {
    for (const auto& [low, high] : {std::pair<double, double>{0, 1}, {-3, -1}, {100, 100.5}}) {
      const Array u = draw(graph::Distribution::Uniform, dtype, kCount, low, high);
      double sum = 0;
      for (double x : u.values) {
        ASSERT_GE(x, low);
        ASSERT_LT(x, high);
        sum += x;
      }
      if (low < 10) {
        EXPECT_NEAR(sum / kCount, (low + high) / 2, 0.01);
      }
    }
    double sum = 0, squares = 0, fourth = 0, neighbours = 0, last = 0;
    for (double x : draw(graph::Distribution::Normal, dtype, kCount, 0, 1).values) {
      sum += x, squares += x * x, fourth += x * x * x * x, neighbours += x * last, last = x;
      ASSERT_TRUE(std::isfinite(x));
    }
    EXPECT_NEAR(sum / kCount, 0, 0.01);
    EXPECT_NEAR(squares / kCount, 1, 0.015);
    EXPECT_NEAR(fourth / kCount, 3, 0.1);
    EXPECT_NEAR(neighbours / kCount, 0, 0.01);
  }
  for (DType dtype : {DType::U8, DType::I32, DType::I64}) {
    std::vector<int> counts(7);
    for (double x : draw(graph::Distribution::Integer, dtype, 70'000, 3, 10).values) {
      ASSERT_TRUE(x >= 3 && x < 10);
      ++counts[static_cast<int>(x) - 3];
    }
    for (int count : counts) EXPECT_NEAR(count, 10'000, 500);
  }
  double ones = 0;
  for (double x : draw(graph::Distribution::Bernoulli, DType::Bool, kCount, 0.3, 0).values) ones += x;
  EXPECT_NEAR(ones / kCount, 0.3, 0.01);
  for (double x : draw(graph::Distribution::Bits, DType::I64, 100, 0, 0).values) EXPECT_GE(x, 0);
}

TEST(Random, ElementsDependOnTheirNumberAlone) {
  const int before = num_threads();
  for (DType dtype : {DType::F32, DType::F64})
    for (auto distribution : {graph::Distribution::Uniform, graph::Distribution::Normal}) {
      set_num_threads(2);
      const Array all = draw(distribution, dtype, 100'003, 0, 1);
      set_num_threads(1);
      EXPECT_EQ(draw(distribution, dtype, 100'003, 0, 1).values, all.values);
      const Array few = draw(distribution, dtype, 9, 0, 1);
      EXPECT_EQ(few.values, std::vector<double>(all.values.begin(), all.values.begin() + 9));
      const int64_t skip = dtype == DType::F32 ? 12 : 6;
      const Array later = draw(distribution, dtype, 50, 0, 1, 3);
      EXPECT_EQ(later.values, std::vector<double>(all.values.begin() + skip, all.values.begin() + skip + 50));
    }
  set_num_threads(before);
}

}  // namespace
}  // namespace nngpu::cpu
