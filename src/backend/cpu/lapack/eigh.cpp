// Symmetric eigenproblem. A matrix with an entry that is not finite gets NaN values and vectors and info n + 1.
#include <algorithm>
#include <limits>

#include "backend/cpu/lapack.h"
#include "backend/cpu/lapack/dispatch.h"
#include "backend/cpu/lapack/divide.h"
#include "backend/cpu/lapack/fortran.h"
#include "backend/cpu/lapack/householder.h"
#include "backend/cpu/lapack/reduction.h"
#include "backend/cpu/lapack/scaling.h"
#include "backend/cpu/lapack/small.h"
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
int32_t tridiagonal_values(int64_t n, T* d, T* e) {
  int info;
  fortran::sterf(static_cast<int>(n), d, e, &info);
  return info;
}

// Values ascending in d, vectors in z.
template <class T>
int32_t tridiagonal_vectors(int64_t n, T* d, T* e, T* z, int64_t ldz) {
  const int64_t ld = padded_ld<T>(n);
  Workspace<T> vectors(ld * n), values(n);
  Workspace<int> order(n);
  const int32_t info = tridiagonal_divide(n, d, e, vectors.data(), ld);
  if (info != 0) return info;
  std::copy(d, d + n, values.data());
  sorting_order(n, d, 0, order.data());
  for (int64_t j = 0; j < n; ++j) {
    const T* column = vectors.data() + order[j] * ld;
    d[j] = values[order[j]];
    std::copy(column, column + n, z + j * ldz);
  }
  return 0;
}

template <class T>
int32_t eigh_item(int64_t n, T* a, int64_t lda, T* w, T* v, int64_t ldv) {
  if (n == 0) return 0;
  const T largest = largest_magnitude(n, n, a, lda, true);
  if (!(largest <= std::numeric_limits<T>::max())) return fail(n, w, v, ldv);
  const T scale = range_scale(largest);
  if (scale != T(1))
    for (int64_t j = 0; j < n; ++j) scale_matrix(n - j, 1, scale, a + j + j * lda, lda);
  const bool vectors = v != nullptr;
  const int64_t ldh = padded_ld<T>(n);
  Workspace<T> e(n), tau(n), reflectors(vectors ? ldh * n : 0);
  tridiagonalise(n, a, lda, w, e.data(), tau.data(), vectors ? reflectors.data() : nullptr, ldh);
  const int32_t info = vectors ? tridiagonal_vectors(n, w, e.data(), v, ldv) : tridiagonal_values(n, w, e.data());
  if (info != 0) return fail(n, w, v, ldv), info;
  scale_matrix(n, 1, T(1) / scale, w, n);
  if (vectors) apply_reflector_blocks<T>(n - 1, n - 1, n, reflectors.data() + 1, ldh, tau.data(), {v + 1, 1, ldv});
  return info;
}

}  // namespace

template <class T>
void eigh(int64_t count, int64_t n, Batch<T> a, T* w, int64_t w_step, Batch<T> v, int32_t* info) {
  if (small::fits(n, n)) return small::eigh(count, n, a, w, w_step, v, info);
  for_each_item(count, n, [&](int64_t i) {
    info[i] =
        eigh_item(n, a.data + i * a.step, a.ld, w + i * w_step, v.data ? v.data + i * v.step : nullptr, v.ld);
  });
}

template void eigh(int64_t, int64_t, Batch<float>, float*, int64_t, Batch<float>, int32_t*);
template void eigh(int64_t, int64_t, Batch<double>, double*, int64_t, Batch<double>, int32_t*);

}  // namespace nngpu::cpu
