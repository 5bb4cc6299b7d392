#include "backend/cpu/parallel.h"

#include <atomic>
#include <cstdlib>
#include <string>

#if !defined(NNGPU_USE_ACCELERATE)
extern "C" {
void openblas_set_num_threads(int threads);
char* openblas_get_config();
}
#endif

namespace nngpu::cpu {
namespace {

// Accelerate schedules its own threads.
void set_blas_threads([[maybe_unused]] int threads) {
#if !defined(NNGPU_USE_ACCELERATE)
  openblas_set_num_threads(threads);
#endif
}

int initial_threads() {
  int threads = std::max(1, omp_get_max_threads());
  if (const char* text = std::getenv("NNGPU_NUM_THREADS")) {
    if (const int wanted = std::atoi(text); wanted >= 1) threads = wanted;
  }
  set_blas_threads(threads);
  return threads;
}

std::atomic<int>& setting() {
  static std::atomic<int> threads{initial_threads()};
  return threads;
}

}  // namespace

int num_threads() { return omp_in_parallel() ? 1 : setting().load(std::memory_order_relaxed); }

void set_num_threads(int threads) {
  threads = std::max(1, threads);
  setting().store(threads, std::memory_order_relaxed);
  set_blas_threads(threads);
}

std::string blas_name() {
#if defined(NNGPU_USE_ACCELERATE)
  return "Accelerate";
#else
  const std::string config =
      openblas_get_config();  // "OpenBLAS 0.3.21 NO_AFFINITY USE_OPENMP Haswell MAX_THREADS=64"
  const size_t second = config.find(' ', config.find(' ') + 1);
  return config.substr(0, second);
#endif
}

}  // namespace nngpu::cpu
