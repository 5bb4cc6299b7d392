// Decompositions of the CPU backend: bitwise equality over batches, threads and leading dimensions, and an end
// with entries that are not finite.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "backend/cpu/lapack.h"
#include "backend/cpu/parallel.h"
#include "kernels/lapack_matrices.h"

namespace nngpu::cpu::lapack_tests {
namespace {

template <class T>
class LapackBatch : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(LapackBatch, Types);

TYPED_TEST(LapackBatch, EntriesThatAreNotFiniteTerminateWithAnError) {
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

TYPED_TEST(LapackBatch, BatchesThreadsAndLeadingDimensionsDoNotChangeABit) {
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
}  // namespace nngpu::cpu::lapack_tests
