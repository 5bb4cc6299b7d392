// Blocked Householder QR. Panels are factored in a compact copy (a panel of a matrix whose columns are a multiple
// of the page size apart would fight over a few cache sets), and stay there as explicit V for the trailing update
// and Q.
#include <algorithm>

#include "backend/cpu/blas.h"
#include "backend/cpu/lapack.h"
#include "backend/cpu/lapack/dispatch.h"
#include "backend/cpu/lapack/householder.h"
#include "backend/cpu/lapack/scaling.h"
#include "backend/cpu/lapack/small.h"
#include "backend/cpu/lapack/workspace.h"

namespace nngpu::cpu {
namespace {

template <class T>
void copy_matrix(int64_t m, int64_t n, const T* from, int64_t ld_from, T* to, int64_t ld_to) {
  for (int64_t j = 0; j < n; ++j) std::copy(from + j * ld_from, from + j * ld_from + m, to + j * ld_to);
}

// q (m x columns) = H_1 ... H_k applied to the leading columns of the identity, last block first, so that block j0
// only touches rows and columns from j0 on.
template <class T>
void form_q(int64_t m, int64_t columns, int64_t k, const T* v, int64_t ldv, const T* tt, T* q, int64_t ldq,
            T* work) {
  for (int64_t j = 0; j < columns; ++j) {
    std::fill(q + j * ldq, q + j * ldq + m, T(0));
    q[j + j * ldq] = 1;
  }
  const int64_t last = (k - 1) / kReflectorBlock * kReflectorBlock;
  for (int64_t j0 = last; j0 >= 0; j0 -= kReflectorBlock) {
    const int64_t width = std::min(kReflectorBlock, k - j0);
    apply_reflectors<T>(false, m - j0, columns - j0, width, v + j0 + j0 * ldv, ldv, tt + j0 * kReflectorBlock,
                        kReflectorBlock, {q + j0 + j0 * ldq, 1, ldq}, work);
  }
}

template <class T>
void write_r(int64_t rows, int64_t n, T factor, const T* a, int64_t lda, T* r, int64_t ldr) {
  for (int64_t j = 0; j < n; ++j) {
    const int64_t filled = std::min(j + 1, rows);
    for (int64_t i = 0; i < filled; ++i) r[i + j * ldr] = a[i + j * lda] * factor;
    std::fill(r + j * ldr + filled, r + j * ldr + std::max(filled, rows), T(0));
  }
}

template <class T>
void qr_item(int64_t m, int64_t n, bool complete, T* a, int64_t lda, T* q, int64_t ldq, T* r, int64_t ldr) {
  const int64_t k = std::min(m, n);
  const int64_t columns = complete ? m : k;
  const T scale = range_scale(largest_magnitude(m, n, a, lda));
  scale_matrix(m, n, scale, a, lda);
  const int64_t ldv = padded_ld<T>(m);
  Workspace<T> v(ldv * k), tt(kReflectorBlock * (k + kReflectorBlock)),
      work(2 * kReflectorBlock * std::max(n, columns));
  for (int64_t j0 = 0; j0 < k; j0 += kReflectorBlock) {
    const int64_t width = std::min(kReflectorBlock, k - j0);
    T* panel = v.data() + j0 + j0 * ldv;
    T* corner = a + j0 + j0 * lda;
    T* factor = tt.data() + j0 * kReflectorBlock;
    copy_matrix(m - j0, width, corner, lda, panel, ldv);
    panel_qr(m - j0, width, panel, ldv, factor, kReflectorBlock);
    copy_matrix(width, width, panel, ldv, corner, lda);
    clean_reflectors(width, panel, ldv);
    apply_reflectors<T>(true, m - j0, n - j0 - width, width, panel, ldv, factor, kReflectorBlock,
                        {corner + width * lda, 1, lda}, work.data());
  }
  write_r(complete ? m : k, n, T(1) / scale, a, lda, r, ldr);
  if (q != nullptr) form_q(m, columns, k, v.data(), ldv, tt.data(), q, ldq, work.data());
}

}  // namespace

template <class T>
void qr(int64_t count, int64_t m, int64_t n, bool complete, Batch<T> a, Batch<T> q, Batch<T> r) {
  if (small::fits(m, n)) return small::qr(count, m, n, complete, a, q, r);
  for_each_item(count, std::max(m, n), [&](int64_t i) {
    qr_item(m, n, complete, a.data + i * a.step, a.ld, q.data ? q.data + i * q.step : nullptr, q.ld,
            r.data + i * r.step, r.ld);
  });
}

template void qr(int64_t, int64_t, int64_t, bool, Batch<float>, Batch<float>, Batch<float>);
template void qr(int64_t, int64_t, int64_t, bool, Batch<double>, Batch<double>, Batch<double>);

}  // namespace nngpu::cpu
