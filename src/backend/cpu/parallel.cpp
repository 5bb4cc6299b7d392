#include "backend/cpu/parallel.h"

#include <atomic>
#include <cstdlib>

namespace nngpu::cpu {
namespace {

int initial_threads() {
  if (const char* text = std::getenv("NNGPU_NUM_THREADS")) {
    const int threads = std::atoi(text);
    if (threads >= 1) return threads;
  }
  return std::max(1, omp_get_max_threads());
}

std::atomic<int>& setting() {
  static std::atomic<int> threads{initial_threads()};
  return threads;
}

}  // namespace

int num_threads() { return omp_in_parallel() ? 1 : setting().load(std::memory_order_relaxed); }

void set_num_threads(int threads) { setting().store(std::max(1, threads), std::memory_order_relaxed); }

}  // namespace nngpu::cpu
