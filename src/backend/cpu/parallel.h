// Threads of the CPU backend: one OpenMP team, shared with OpenBLAS.
#ifndef NNGPU_BACKEND_CPU_PARALLEL_H_
#define NNGPU_BACKEND_CPU_PARALLEL_H_

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <string>

namespace nngpu::cpu {

// The number of threads a kernel may use here: the library-wide setting (nngpu::set_num_threads,
// NNGPU_NUM_THREADS), and 1 inside a parallel region, so that kernels called from a batch loop never nest.
int num_threads();

// Sets the library-wide number of threads (>= 1) for this backend and for the BLAS it calls.
void set_num_threads(int threads);

// The BLAS and LAPACK library in use, for people.
std::string blas_name();

// Calls body(begin, end) over [0, count) in contiguous chunks, one a thread, of at least `grain` items; inline
// on the caller where one chunk is enough. `body` must not throw.
template <class Body>
void parallel_for(int64_t count, int64_t grain, const Body& body) {
  if (count <= 0) return;
  const int64_t wanted = std::max<int64_t>(1, count / std::max<int64_t>(1, grain));
  const int threads = static_cast<int>(std::min<int64_t>(num_threads(), wanted));
  if (threads <= 1) {
    body(int64_t{0}, count);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    const int64_t team = omp_get_num_threads();
    const int64_t rank = omp_get_thread_num();
    const int64_t begin = count * rank / team;
    const int64_t end = count * (rank + 1) / team;
    if (begin < end) body(begin, end);
  }
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_PARALLEL_H_
