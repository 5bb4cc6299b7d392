// What the machine can do, and whether it is idle.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <thread>

#include "backend/cpu/elementwise/kernels.h"
#include "harness.h"
#include "nngpu/ops.h"
#include "nngpu/random.h"
#include "peers.h"

namespace nngpu::bench {
namespace {

using Clock = std::chrono::steady_clock;

double best_of(int rounds, const std::function<void()>& work) {
  double best = 1e30;
  for (int i = 0; i < rounds; ++i) {
    const auto start = Clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

// Processor time spent by everything, in ticks: busy and total.
std::pair<double, double> processor_ticks() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  file >> cpu;
  double total = 0, idle = 0;
  for (int i = 0; i < 8; ++i) {
    double ticks = 0;
    file >> ticks;
    total += ticks;
    if (i == 3 || i == 4) idle += ticks;
  }
  return {total - idle, total};
}

template <class Copy>
double bandwidth(const Copy& copy, size_t bytes, double moved) {
  const int threads = omp_get_max_threads();
  const auto work = [&] {
#pragma omp parallel for num_threads(threads)
    for (int t = 0; t < threads; ++t) {
      const size_t piece = bytes / static_cast<size_t>(threads);
      copy(static_cast<size_t>(t) * piece, piece);
    }
  };
  work();
  return moved / best_of(9, work);
}

}  // namespace

Machine measure_machine() {
  Machine machine;
  const size_t bytes = size_t{256} << 20;
  std::unique_ptr<char, decltype(&std::free)> a(static_cast<char*>(std::aligned_alloc(64, bytes)), std::free);
  std::unique_ptr<char, decltype(&std::free)> b(static_cast<char*>(std::aligned_alloc(64, bytes)), std::free);
  std::memset(a.get(), 1, bytes);
  std::memset(b.get(), 2, bytes);
  const double both = 2.0 * static_cast<double>(bytes);
  const double plain =
      bandwidth([&](size_t at, size_t n) { std::memcpy(b.get() + at, a.get() + at, n); }, bytes, both);
  const double streaming =
      bandwidth([&](size_t at, size_t n) { cpu::stream_copy(b.get() + at, a.get() + at, n); }, bytes, both);
  machine.copy_bandwidth = std::max(plain, streaming);
  machine.read_bandwidth = bandwidth(
      [&](size_t at, size_t n) {
        const auto* x = reinterpret_cast<const float*>(a.get() + at);
        float sums[64] = {};
        for (size_t i = 0; i + 64 <= n / 4; i += 64) {
          for (size_t k = 0; k < 64; ++k) sums[k] += x[i + k];
        }
        for (float& part : sums) benchmark::DoNotOptimize(part);
      },
      bytes, static_cast<double>(bytes));
  machine.peak_f32 = peak_flops<float>();
  machine.peak_f64 = peak_flops<double>();
  return machine;
}

void refuse_if_loaded() {
  const auto [busy0, total0] = processor_ticks();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const auto [busy1, total1] = processor_ticks();
  const double load = (busy1 - busy0) / std::max(1.0, total1 - total0);
  if (load > 0.15) {
    throw std::runtime_error(
        "the machine is busy (" + std::to_string(static_cast<int>(load * 100)) +
        "% of its processor time): a benchmark here would mean nothing; --force runs it all the same");
  }
}

}  // namespace nngpu::bench
