// Our threads, the caller's threads and OpenBLAS's in one process. Checks the results, and under the thread
// sanitizer that the set-up reports nothing false: whatever the tests of this library report is then theirs.
#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <thread>
#include <vector>

#include "backend/cpu/parallel.h"

#ifndef NNGPU_USE_ACCELERATE
extern "C" void dgemm_(const char*, const char*, const int*, const int*, const int*, const double*, const double*,
                       const int*, const double*, const int*, const double*, double*, const int*);
extern "C" void dpotrf_(const char*, const int*, double*, const int*, int*);
#endif

namespace {

int64_t sum_of_squares(int64_t count) {
  std::vector<int64_t> values(count);
  nngpu::cpu::parallel_for(count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) values[i] = i;
  });
  // Each thread reads what another one wrote.
  nngpu::cpu::parallel_for(count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t& value = values[count - 1 - i];
      value *= value;
    }
  });
  int64_t total = 0;
#pragma omp parallel for reduction(+ : total)
  for (int64_t i = 0; i < count; ++i) total += values[i];
  return total;
}

TEST(Threads, ParallelLoopsFollowEachOther) {
  for (int round = 0; round < 50; ++round) EXPECT_EQ(sum_of_squares(1000), 332833500);
}

TEST(Threads, LoopsRunFromSeveralThreads) {
  std::vector<int64_t> sums(4);
  std::vector<std::thread> threads;
  for (int64_t& sum : sums) {
    threads.emplace_back([&sum] {
      for (int round = 0; round < 20; ++round) sum = sum_of_squares(1000);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int64_t sum : sums) EXPECT_EQ(sum, 332833500);
}

#ifndef NNGPU_USE_ACCELERATE
// The diagonal of the Cholesky factor of b b^T + n I for b all ones, by OpenBLAS on the OpenMP threads.
double last_pivot(int n) {
  std::vector<double> b(n * n, 1.0), a(n * n, 0.0);
  nngpu::cpu::parallel_for(n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) a[i * n + i] = n;
  });
  const double one = 1;
  dgemm_("N", "T", &n, &n, &n, &one, b.data(), &n, b.data(), &n, &one, a.data(), &n);
  int info = -1;
  dpotrf_("L", &n, a.data(), &n, &info);
  return info == 0 ? a[n * n - 1] : -1;
}

TEST(Threads, OpenBlasBetweenOurLoops) {
  for (int n : {8, 300, 600}) {
    // a = n (11^T + I), whose last pivot is n (1 + 1/n).
    EXPECT_NEAR(last_pivot(n), std::sqrt(n + 1.0), 1e-9 * n) << n;
  }
}

TEST(Threads, OpenBlasFromSeveralThreads) {
  std::vector<double> pivots(3);
  std::vector<std::thread> threads;
  for (double& pivot : pivots) threads.emplace_back([&pivot] { pivot = last_pivot(300); });
  for (std::thread& thread : threads) thread.join();
  for (double pivot : pivots) EXPECT_NEAR(pivot, std::sqrt(301.0), 1e-9);
}
#endif

}  // namespace
