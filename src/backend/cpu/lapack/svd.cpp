// Singular value decomposition. A matrix with an entry that is not finite gets NaN values and vectors and info
// n + 1.
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
void fill_matrix(int64_t m, int64_t n, T value, T diagonal, T* a, int64_t lda) {
  for (int64_t j = 0; j < n; ++j) {
    std::fill(a + j * lda, a + j * lda + m, value);
    if (j < m) a[j + j * lda] = diagonal;
  }
}

template <class T>
int32_t svd_item(int64_t m, int64_t n, bool full, T* a, int64_t lda, T* u, int64_t ldu, T* s, T* vt,
                 int64_t ldvt) {
  const int64_t k = std::min(m, n);
  const bool vectors = u != nullptr;
  const int64_t u_columns = full ? m : k, vt_rows = full ? n : k;
  if (k == 0) {
    if (vectors) {
      fill_matrix(m, u_columns, T(0), T(1), u, ldu);
      fill_matrix(vt_rows, n, T(0), T(1), vt, ldvt);
    }
    return 0;
  }
  const T largest = largest_magnitude(m, n, a, lda);
  if (!(largest <= std::numeric_limits<T>::max())) {
    constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
    std::fill(s, s + k, kNan);
    if (vectors) {
      fill_matrix(m, u_columns, kNan, kNan, u, ldu);
      fill_matrix(vt_rows, n, kNan, kNan, vt, ldvt);
    }
    return static_cast<int32_t>(n + 1);
  }
  const fortran::SerialBlas serial;
  const char job = !vectors ? 'N' : full ? 'A' : 'S';
  const int rows = static_cast<int>(m), columns = static_cast<int>(n);
  const int ld_u = vectors ? static_cast<int>(ldu) : 1, ld_vt = vectors ? static_cast<int>(ldvt) : 1;
  Workspace<int> iwork(8 * k);
  T size;
  int info;
  fortran::gesdd(job, rows, columns, a, static_cast<int>(lda), s, u, ld_u, vt, ld_vt, &size, -1, iwork.data(),
                 &info);
  const int lwork = static_cast<int>(size * T(1.01)) + 64;
  Workspace<T> work(lwork);
  fortran::gesdd(job, rows, columns, a, static_cast<int>(lda), s, u, ld_u, vt, ld_vt, work.data(), lwork,
                 iwork.data(), &info);
  return info;
}

}  // namespace

template <class T>
void svd(int64_t count, int64_t m, int64_t n, bool full, Batch<T> a, Batch<T> u, T* s, int64_t s_step, Batch<T> vt,
         int32_t* info) {
#if NNGPU_LAPACK_SMALL
  if (is_small(m, n)) return small::svd(count, m, n, full, a, u, s, s_step, vt, info);
#endif
  for_each_item(count, std::max(m, n), [&](int64_t i) {
    info[i] = svd_item(m, n, full, a.data + i * a.step, a.ld, u.data ? u.data + i * u.step : nullptr, u.ld,
                       s + i * s_step, vt.data ? vt.data + i * vt.step : nullptr, vt.ld);
  });
}

template void svd(int64_t, int64_t, int64_t, bool, Batch<float>, Batch<float>, float*, int64_t, Batch<float>,
                  int32_t*);
template void svd(int64_t, int64_t, int64_t, bool, Batch<double>, Batch<double>, double*, int64_t, Batch<double>,
                  int32_t*);

}  // namespace nngpu::cpu
