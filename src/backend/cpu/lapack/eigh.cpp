// Symmetric eigenproblem. A matrix with an entry that is not finite gets NaN values and vectors and info n + 1.
#include <algorithm>
#include <limits>

#include "backend/cpu/lapack.h"
#include "backend/cpu/lapack/dispatch.h"
#include "backend/cpu/lapack/fortran.h"
#include "backend/cpu/lapack/scaling.h"
#include "backend/cpu/lapack/workspace.h"

namespace nngpu::cpu {
namespace {

template <class T>
int32_t fail(int64_t n, T* w, T* v, int64_t ldv) {
  constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
  std::fill(w, w + n, kNan);
  if (v != nullptr)
    for (int64_t j = 0; j < n; ++j) std::fill(v + j * ldv, v + j * ldv + n, kNan);
  return static_cast<int32_t>(n + 1);
}

template <class T>
int32_t eigh_item(int64_t n, T* a, int64_t lda, T* w, T* v, int64_t ldv) {
  if (n == 0) return 0;
  const T largest = largest_magnitude(n, n, a, lda, true);
  if (!(largest <= std::numeric_limits<T>::max())) return fail(n, w, v, ldv);
  const fortran::SerialBlas serial;
  const char job = v != nullptr ? 'V' : 'N';
  T size;
  int integers, info;
  fortran::syevd(job, static_cast<int>(n), a, static_cast<int>(lda), w, &size, -1, &integers, -1, &info);
  Workspace<T> work(static_cast<int64_t>(size) + n);
  Workspace<int> iwork(integers);
  fortran::syevd(job, static_cast<int>(n), a, static_cast<int>(lda), w, work.data(), static_cast<int>(size),
                 iwork.data(), integers, &info);
  if (v != nullptr)
    for (int64_t j = 0; j < n; ++j) std::copy(a + j * lda, a + j * lda + n, v + j * ldv);
  return info;
}

}  // namespace

template <class T>
void eigh(int64_t count, int64_t n, Batch<T> a, T* w, int64_t w_step, Batch<T> v, int32_t* info) {
#if NNGPU_LAPACK_SMALL
  if (is_small(n, n)) return small::eigh(count, n, a, w, w_step, v, info);
#endif
  for_each_item(count, n, [&](int64_t i) {
    info[i] =
        eigh_item(n, a.data + i * a.step, a.ld, w + i * w_step, v.data ? v.data + i * v.step : nullptr, v.ld);
  });
}

template void eigh(int64_t, int64_t, Batch<float>, float*, int64_t, Batch<float>, int32_t*);
template void eigh(int64_t, int64_t, Batch<double>, double*, int64_t, Batch<double>, int32_t*);

}  // namespace nngpu::cpu
