// Cholesky by recursive halving: solves and symmetric updates of balanced shape down to blocks that stay in L1.
#include "backend/cpu/blas.h"
#include "backend/cpu/lapack.h"
#include "backend/cpu/lapack/dispatch.h"
#include "backend/cpu/lapack/panel.h"
#include "backend/cpu/lapack/small.h"

namespace nngpu::cpu {
namespace {

template <class T>
int64_t recursive_cholesky(int64_t n, T* a, int64_t lda) {
  constexpr int64_t kUnblocked = 64;
  if (n <= kUnblocked) return factor_kernels<T>().cholesky_leaf(n, a, lda);
  const int64_t n1 = (n / 2 + kLeafColumns - 1) / kLeafColumns * kLeafColumns, n2 = n - n1;
  T* below = a + n1;
  T* right = below + n1 * lda;
  int64_t info = recursive_cholesky(n1, a, lda);
  if (info != 0) return info;
  // L21 = A21 L11^-T, that is L11 L21^T = A21^T
  trsm<T>(Triangle::Lower, Diagonal::NonUnit, n1, n2, {a, 1, lda}, {below, lda, 1});
  syrk<T>(Triangle::Lower, n2, n1, T(-1), {below, 1, lda}, T(1), {right, 1, lda});
  info = recursive_cholesky(n2, right, lda);
  return info == 0 ? 0 : info + n1;
}

template <class T>
int32_t cholesky_item(int64_t n, T* a, int64_t lda) {
  const int64_t info = recursive_cholesky(n, a, lda);
  for (int64_t j = 1; j < n; ++j) std::fill(a + j * lda, a + j * lda + j, T(0));
  return static_cast<int32_t>(info);
}

}  // namespace

template <class T>
void cholesky(int64_t count, int64_t n, Batch<T> a, int32_t* info) {
  if (small::fits(n, n)) return small::cholesky(count, n, a, info);
  for_each_item(count, n, [&](int64_t i) { info[i] = cholesky_item(n, a.data + i * a.step, a.ld); });
}

template void cholesky(int64_t, int64_t, Batch<float>, int32_t*);
template void cholesky(int64_t, int64_t, Batch<double>, int32_t*);

}  // namespace nngpu::cpu
