// Where the value of a matrix is: copies that share, writes that detach, concurrent use, and how fast writes are.
#ifdef NNGPU_HAVE_EIGEN
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "dense_support.h"
#include "nngpu/compile.h"

namespace dense_test {
namespace {

TEST(DenseStorage, CopiesShareUntilWritten) {
  ng::GPUDense<float> a(EigenMatrix<float>(EigenMatrix<float>::Random(50, 50)));
  const ng::GPUDense<float> b = a;
  EXPECT_EQ(std::as_const(a).data(), b.data());
  a(0, 0) = 5;
  EXPECT_NE(std::as_const(a).data(), b.data());
  EXPECT_NE(b(0, 0), 5);
  const float* before = std::as_const(a).data();
  a(1, 1) = 6;
  EXPECT_EQ(std::as_const(a).data(), before);
}

TEST(DenseStorage, MovesDoNotCopy) {
  ng::GPUDense<float> a(10, 10);
  a(3, 3) = 1;
  const float* data = std::as_const(a).data();
  ng::GPUDense<float> b = std::move(a);
  EXPECT_EQ(std::as_const(b).data(), data);
  EXPECT_EQ(a.size(), 0);  // NOLINT: documented state
  a = std::move(b);
  EXPECT_EQ(std::as_const(a).data(), data);
  EXPECT_EQ(a(3, 3), 1);
}

// On the CPU an operation uses the host elements where they are, and a write after it does not copy once the
// result is computed and nothing else holds them.
TEST(DenseStorage, OperationsAndWritesDoNotCopy) {
  ng::GPUDense<float> a(64, 64);
  a(0, 0) = 1;
  const float* data = std::as_const(a).data();
  for (int k = 1; k < 5; ++k) {
    const float sum = (a + a).sum();
    EXPECT_EQ(sum, 2 * k);
    a(0, 0) += 1;
    EXPECT_EQ(std::as_const(a).data(), data);
    a.row(1) = a.row(2);
    a.col(3) = a.col(4) * 2.0F;
    EXPECT_EQ(std::as_const(a).data(), data);
  }
  // A pending operation keeps the old elements.
  const ng::GPUDense<float> twice = a + a;
  const float first = a(0, 0);
  a(0, 0) = 100;
  EXPECT_EQ(twice(0, 0), 2 * first);
}

// Inverses assigned to blocks in a loop are computed together.
TEST(DenseStorage, AssignedBlocksAreBatched) {
  const int n = 20;
  const EigenMatrix<double> e = EigenMatrix<double>::Random(4 * n, 4);
  const ng::GPUDense<double> a(e);
  ng::GPUDense<double> result(4 * n, 4);
  a.tensor().eval();
  const auto before = ng::engine_stats();
  for (int k = 0; k < n; ++k) result.middleRows(4 * k, 4) = a.middleRows(4 * k, 4).inverse();
  result.data();
  EXPECT_EQ(ng::engine_stats().plans_run - before.plans_run, 1);
  for (int k = 0; k < n; ++k)
    EXPECT_TRUE(near<double>(result.middleRows(4 * k, 4), e.middleRows(4 * k, 4).inverse(), 1e5));
}

TEST(DenseStorage, ConcurrentReadsAndWritesOfDifferentElements) {
  const int n = 200, threads = 4;
  ng::GPUDense<float> a(n, n);
  const ng::GPUDense<float> b = ng::GPUDense<float>::Ones(n, n) * 3.0F;
  std::vector<std::thread> team;
  std::vector<double> sums(threads);
  for (int t = 0; t < threads; ++t)
    team.emplace_back([&, t] {
      for (int j = t; j < n; j += threads)
        for (int i = 0; i < n; ++i) a(i, j) = b(i, j) * static_cast<float>(j);
      sums[static_cast<size_t>(t)] = (b * 2.0F).sum() + b.col(t).sum();
    });
  for (std::thread& thread : team) thread.join();
  EXPECT_EQ(a.sum(), 3.0F * n * n * (n - 1) / 2);
  for (double sum : sums) EXPECT_EQ(sum, 6.0 * n * n + 3.0 * n);
  // Whole-matrix use of one host-written matrix by several threads.
  team.clear();
  a(0, 0) = 1;
  std::vector<float> totals(threads);
  for (int t = 0; t < threads; ++t)
    team.emplace_back([&, t] {
      const ng::GPUDense<float>& c = a;
      totals[static_cast<size_t>(t)] = (c + c).sum() + c(0, 0);
    });
  for (std::thread& thread : team) thread.join();
  for (float total : totals) EXPECT_EQ(total, totals[0]);
}

template <class F>
double nanoseconds_each(int count, F f) {
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    f();
    const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count() / count);
  }
  return best;
}

TEST(DenseStorage, AMillionElementWrites) {
  const int n = 1000;
  ng::GPUDense<float> a(n, n);
  const double fill = nanoseconds_each(n * n, [&] {
    a = ng::GPUDense<float>(n, n);
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < n; ++i) a(i, j) = static_cast<float>(i + j);
  });
  EXPECT_EQ(a(999, 998), 1997);
  const double add = nanoseconds_each(n * n, [&] {
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < n; ++i) a(i, j) += 1;
  });
  double sum = 0;
  const ng::GPUDense<float>& c = a;
  const double read = nanoseconds_each(n * n, [&] {
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < n; ++i) sum += c(i, j);
  });
  EXPECT_GT(sum, 0);
  RecordProperty("write_ns", std::to_string(fill));
  RecordProperty("add_ns", std::to_string(add));
  RecordProperty("read_ns", std::to_string(read));
  std::cout << "nanoseconds an element: write " << fill << ", += " << add << ", read " << read << "\n";
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NNGPU_TEST_SLOW 1
#endif
#endif
#ifndef NNGPU_TEST_SLOW
  EXPECT_LE(fill, 20);
#endif
#endif
}

}  // namespace
}  // namespace dense_test
#endif  // NNGPU_HAVE_EIGEN
