// What goes to a vendor's library of decompositions, and what becomes of its results: a library of the same
// conventions, made of the CPU backend's functions, stands behind the simulated device.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <random>

#include "backend/cpu/blas.h"
#include "backend/cpu/lapack.h"
#include "backend/gpu/launches/factor_vendor.h"
#include "backend/gpu/launches/spectral_vendor.h"
#include "backend/gpu/launches/vendor_entries.h"
#include "gpu/forwarding_runtime.h"

namespace nngpu::gpu {
namespace {

using Kind = Factorization::Kind;

class VendorRuntime : public ForwardingRuntime {
 public:
  bool factorize(const Factorization& f) override {
    ++calls;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(f.a) % 64, 0u);
    EXPECT_EQ(f.dtype, DType::F64);
    const cpu::Batch<double> a{static_cast<double*>(f.a), f.lda, 0};
    auto* values = static_cast<double*>(f.values);
    switch (f.kind) {
      case Kind::Lu:
        lu(f, a);
        break;
      case Kind::Cholesky:
        cpu::cholesky(1, f.rows, a, f.info);
        break;
      case Kind::Qr:
        qr(f, a);
        break;
      case Kind::FormQ:
        std::memcpy(f.a, q_.data(), static_cast<size_t>(f.rows * f.columns) * sizeof(double));
        break;
      case Kind::Eigh: {
        std::vector<double> copy(a.data, a.data + f.rows * f.rows);
        cpu::eigh<double>(1, f.rows, {copy.data(), f.rows, 0}, values, f.rows,
                          {f.vectors ? a.data : nullptr, f.rows, 0}, f.info);
        break;
      }
      case Kind::Svd:
        svd(f, a, values);
        break;
      case Kind::Triangular: {
        const bool upper = f.upper != f.transposed;
        cpu::trsm<double>(upper ? cpu::Triangle::Upper : cpu::Triangle::Lower,
                          f.unit ? cpu::Diagonal::Unit : cpu::Diagonal::NonUnit, f.rows, f.k,
                          {a.data, f.transposed ? f.lda : 1, f.transposed ? 1 : f.lda},
                          {static_cast<double*>(f.x), 1, f.ldx});
        break;
      }
    }
    return true;
  }
  int calls = 0;

 private:
  void lu(const Factorization& f, cpu::Batch<double> a) {
    std::vector<int32_t> pivots(static_cast<size_t>(std::min(f.rows, f.columns)));
    cpu::lu(1, f.rows, f.columns, a, pivots.data(), f.info);
    for (size_t i = 0; i < pivots.size(); ++i) f.pivots[i] = pivots[i] + 1;
  }
  void qr(const Factorization& f, cpu::Batch<double> a) {
    q_.resize(static_cast<size_t>(f.rows * f.rows));
    std::vector<double> r(static_cast<size_t>(f.rows * f.columns));
    cpu::qr<double>(1, f.rows, f.columns, true, a, {q_.data(), f.rows, 0}, {r.data(), f.rows, 0});
    std::memcpy(f.a, r.data(), r.size() * sizeof(double));
  }
  void svd(const Factorization& f, cpu::Batch<double> a, double* values) {
    ASSERT_GE(f.rows, f.columns);
    const int64_t n = f.columns;
    std::vector<double> vt(static_cast<size_t>(n * n));
    cpu::svd<double>(1, f.rows, n, f.k > n, a, {static_cast<double*>(f.x), f.rows, 0}, values, n,
                     {vt.data(), n, 0}, f.info);
    auto* v = static_cast<double*>(f.v);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) v[i + j * n] = vt[static_cast<size_t>(j + i * n)];
  }
  std::vector<double> q_;
};

class Vendor : public ::testing::Test {
 protected:
  Vendor() {
    auto owned = std::make_unique<VendorRuntime>();
    runtime_ = owned.get();
    gpu_ = std::make_unique<GpuBackend>(Device{DeviceType::Sim, 0}, std::move(owned));
  }
  Stack stack(int64_t entries, int64_t rows, int64_t columns, DType dtype = DType::F64) {
    Stack result;
    result.dtype = dtype;
    result.rows = rows;
    result.columns = columns;
    result.entries = result.item_entries = entries;
    result.holder = gpu_->pool().allocate(static_cast<size_t>(result.bytes()));
    result.data = result.holder->data;
    std::memset(result.data, 0, static_cast<size_t>(result.bytes()));
    return result;
  }
  Stack random_stack(int64_t entries, int64_t rows, int64_t columns) {
    Stack result = stack(entries, rows, columns);
    std::mt19937 generator(7);
    std::normal_distribution<double> normal;
    for (int64_t i = 0; i < entries * rows * columns; ++i) numbers(result)[i] = normal(generator);
    return result;
  }
  static double* numbers(const Stack& s) { return reinterpret_cast<double*>(s.data); }
  static std::vector<double> copy(const Stack& s) { return {numbers(s), numbers(s) + s.entries * s.entry_size()}; }
  static cpu::Batch<double> batch(std::vector<double>& v, int64_t rows, int64_t columns) {
    return {v.data(), rows, rows * columns};
  }
  // The largest element of u diag(s) vt - a of each entry.
  static double residual(const Stack& u, const Stack& s, const Stack& vt, const std::vector<double>& a) {
    double worst = 0;
    const int64_t m = u.rows, n = vt.columns;
    for (int64_t e = 0; e < u.entries; ++e)
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t k = 0; k < s.rows; ++k)
            sum += numbers(u)[e * u.entry_size() + k * m + i] * numbers(s)[e * s.rows + k] *
                   numbers(vt)[e * vt.entry_size() + j * vt.rows + k];
          worst = std::max(worst, std::abs(sum - a[static_cast<size_t>(e * m * n + j * m + i)]));
        }
    return worst;
  }
  VendorRuntime* runtime_;
  std::unique_ptr<GpuBackend> gpu_;
};

TEST_F(Vendor, GetsFewLargeMatrices) {
  const Stack small = random_stack(1, 128, 128), many = random_stack(3, 129, 129);
  for (const Stack& a : {small, many}) {
    const Stack pivots = stack(a.entries, 128, 1, DType::I32), status = stack(a.entries, 1, 1, DType::I32);
    EXPECT_FALSE(factor_lu_by_vendor(*gpu_, a, pivots, status));
  }
  EXPECT_EQ(runtime_->calls, 0);
}

// Entries of 195 x 205 doubles lie at addresses that are not aligned.
TEST_F(Vendor, FactorsLu) {
  constexpr int64_t m = 195, n = 205;
  const Stack a = random_stack(3, m, n);
  for (int64_t i = 0; i < m; ++i) numbers(a)[m * n + 70 * m + i] = 0;
  const Stack pivots = stack(3, m, 1, DType::I32), status = stack(3, 1, 1, DType::I32);
  auto* words = reinterpret_cast<int32_t*>(status.data);
  words[2] = n + 1;
  std::vector<double> expected = copy(a);
  std::vector<int32_t> rows(3 * m), info(3);
  cpu::lu(3, m, n, batch(expected, m, n), rows.data(), info.data());
  ASSERT_TRUE(factor_lu_by_vendor(*gpu_, a, pivots, status));
  EXPECT_EQ(copy(a), expected);
  EXPECT_EQ(std::memcmp(pivots.data, rows.data(), rows.size() * sizeof(int32_t)), 0);
  EXPECT_EQ(words[0], 0);
  EXPECT_EQ(words[1], 71);
  EXPECT_EQ(words[2], n + 1);  // that of NaN or infinity
}

TEST_F(Vendor, FactorsCholeskyAndSolves) {
  const Stack a = random_stack(2, 135, 135), x = random_stack(2, 135, 3);
  for (int64_t e = 0; e < 2; ++e)
    for (int64_t i = 0; i < 135; ++i) numbers(a)[e * 135 * 135 + i * 136] = 400;
  const Stack status = stack(2, 1, 1, DType::I32);
  std::vector<double> factor = copy(a), solution = copy(x);
  std::vector<int32_t> info(2);
  cpu::cholesky(2, 135, batch(factor, 135, 135), info.data());
  ASSERT_TRUE(factor_cholesky_by_vendor(*gpu_, matrices_of(a), status));
  EXPECT_EQ(copy(a), factor);
  for (size_t e = 0; e < 2; ++e) {
    const double* l = factor.data() + e * 135 * 135;
    double* to = solution.data() + e * 135 * 3;
    cpu::trsm<double>(cpu::Triangle::Lower, cpu::Diagonal::NonUnit, 135, 3, {l, 1, 135}, {to, 1, 135});
    cpu::trsm<double>(cpu::Triangle::Upper, cpu::Diagonal::NonUnit, 135, 3, {l, 135, 1}, {to, 1, 135});
  }
  ASSERT_TRUE(solve_triangles_by_vendor(*gpu_, a, x, {{false, false, false}, {true, false, false}}));
  EXPECT_EQ(copy(x), solution);
}

TEST_F(Vendor, FactorsQr) {
  for (const auto& [rows, columns, kept] :
       {std::array<int64_t, 3>{151, 133, 133}, {151, 133, 151}, {133, 151, 133}}) {
    const Stack a = random_stack(2, rows, columns), q = stack(2, rows, kept);
    std::vector<double> work = copy(a), qs(copy(q)), rs(static_cast<size_t>(2 * kept * columns));
    cpu::qr<double>(2, rows, columns, kept == rows, batch(work, rows, columns), batch(qs, rows, kept),
                    batch(rs, kept, columns));
    ASSERT_TRUE(factor_qr_by_vendor(*gpu_, a, q));
    for (size_t i = 0; i < qs.size(); ++i) ASSERT_NEAR(numbers(q)[i], qs[i], 1e-12);
    EXPECT_NEAR(numbers(a)[0], rs[0], 1e-12);
  }
}

TEST_F(Vendor, FindsEigenvalues) {
  const Stack a = random_stack(3, 133, 133), values = stack(3, 133, 1), vectors = stack(3, 133, 133);
  const Stack status = stack(3, 1, 1, DType::I32);
  reinterpret_cast<int32_t*>(status.data)[1] = 134;
  std::vector<double> work = copy(a), w(3 * 133), v(3 * 133 * 133);
  std::vector<int32_t> info(3);
  cpu::eigh<double>(3, 133, batch(work, 133, 133), w.data(), 133, batch(v, 133, 133), info.data());
  ASSERT_TRUE(eigh_by_vendor(*gpu_, a, values, vectors, status));
  for (int64_t e = 0; e < 3; ++e) {
    const bool bad = e == 1;
    EXPECT_EQ(std::isnan(numbers(values)[e * 133 + 5]), bad);
    EXPECT_EQ(std::isnan(numbers(vectors)[e * 133 * 133 + 5]), bad);
    if (bad) continue;
    EXPECT_EQ(std::memcmp(numbers(values) + e * 133, w.data() + e * 133, 133 * sizeof(double)), 0);
    EXPECT_EQ(std::memcmp(numbers(vectors) + e * 133 * 133, v.data() + e * 133 * 133, 133 * 133 * 8), 0);
  }
}

TEST_F(Vendor, FindsSingularValues) {
  for (const bool full : {false, true})
    for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{141, 133}, {133, 141}, {131, 131}}) {
      const int64_t least = std::min(rows, columns);
      const Stack a = random_stack(2, rows, columns), values = stack(2, least, 1);
      const Stack u = stack(2, rows, full ? rows : least), vt = stack(2, full ? columns : least, columns);
      const Stack status = stack(2, 1, 1, DType::I32);
      const std::vector<double> given = copy(a);
      ASSERT_TRUE(svd_by_vendor(*gpu_, a, u, values, vt, status));
      EXPECT_LT(residual(u, values, vt, given), 1e-11);
      const std::vector<double> first = copy(values);
      Stack none;
      std::memcpy(a.data, given.data(), given.size() * sizeof(double));
      ASSERT_TRUE(svd_by_vendor(*gpu_, a, none, values, none, status));
      for (size_t i = 0; i < first.size(); ++i) ASSERT_NEAR(numbers(values)[i], first[i], 1e-11);
    }
}

// In f32 they are found in f64.
TEST_F(Vendor, FindsSingularValuesOfFloats) {
  const Stack source = random_stack(2, 141, 133), wide_values = stack(2, 133, 1), none;
  const Stack a = stack(2, 141, 133, DType::F32), values = stack(2, 133, 1, DType::F32);
  const Stack u = stack(2, 141, 133, DType::F32), vt = stack(2, 133, 133, DType::F32);
  const Stack status = stack(2, 1, 1, DType::I32);
  convert(*gpu_, source, a);
  ASSERT_TRUE(svd_by_vendor(*gpu_, a, u, values, vt, status));
  ASSERT_TRUE(svd_by_vendor(*gpu_, source, none, wide_values, none, status));
  const Stack wide_u = in_double(*gpu_, u), wide_vt = in_double(*gpu_, vt), back = in_double(*gpu_, values);
  convert(*gpu_, u, wide_u);
  convert(*gpu_, vt, wide_vt);
  convert(*gpu_, values, back);
  EXPECT_LT(residual(wide_u, back, wide_vt, copy(source)), 1e-4);
  for (size_t i = 0; i < 2 * 133; ++i) ASSERT_NEAR(numbers(back)[i], numbers(wide_values)[i], 1e-4);
}

}  // namespace
}  // namespace nngpu::gpu
