// Linear systems and inverses of single matrices on top of LU.
#include "backend/cpu/blas.h"
#include "backend/cpu/lapack.h"
#include "backend/cpu/lapack/dispatch.h"
#include "backend/cpu/lapack/lu_factor.h"
#include "backend/cpu/lapack/small.h"
#include "backend/cpu/lapack/workspace.h"

namespace nngpu::cpu {
namespace {

// The upper triangle replaced by its inverse, recursively: [U11 U12; 0 U22]^-1 has -U11^-1 U12 U22^-1 on the
// right.
template <class T>
void invert_upper(int64_t n, T* u, int64_t ldu) {
  constexpr int64_t kUnblocked = 16;
  if (n <= kUnblocked) {
    for (int64_t j = 0; j < n; ++j) {  // column j = -(inverse of the leading block) * u(:, j) / u(j, j)
      T* column = u + j * ldu;
      const T diagonal = T(1) / column[j];
      for (int64_t t = 0; t < j; ++t) {
        const T factor = column[t];
        for (int64_t i = 0; i < t; ++i) column[i] += u[i + t * ldu] * factor;
        column[t] = u[t + t * ldu] * factor;
      }
      for (int64_t i = 0; i < j; ++i) column[i] *= -diagonal;
      column[j] = diagonal;
    }
    return;
  }
  const int64_t n1 = n / 2, n2 = n - n1;
  T* corner = u + n1 * ldu;
  T* right = corner + n1;
  // corner = -U11^-1 corner U22^-1; the solve from the right is one from the left on the transpose.
  trsm<T>(Triangle::Upper, Diagonal::NonUnit, n1, n2, {u, 1, ldu}, {corner, 1, ldu});
  trsm<T>(Triangle::Lower, Diagonal::NonUnit, n2, n1, {right, ldu, 1}, {corner, ldu, 1});
  for (int64_t j = 0; j < n2; ++j)
    for (int64_t i = 0; i < n1; ++i) corner[i + j * ldu] = -corner[i + j * ldu];
  invert_upper(n1, u, ldu);
  invert_upper(n2, right, ldu);
}

// A^-1 = U^-1 L^-1 P in place of the factors: columns of L are moved out block by block, from the right
// (LAPACK's getri).
template <class T>
void invert_from_factors(int64_t n, T* a, int64_t lda, const int32_t* pivots) {
  constexpr int64_t kBlock = 128;
  invert_upper(n, a, lda);
  Workspace<T> block(n * kBlock);
  for (int64_t j0 = (n - 1) / kBlock * kBlock; j0 >= 0; j0 -= kBlock) {
    const int64_t width = std::min(kBlock, n - j0), below = n - j0 - width;
    T* columns = a + j0 * lda;
    for (int64_t j = 0; j < width; ++j) {
      for (int64_t i = j0 + j + 1; i < n; ++i) {
        block[i + j * n] = columns[i + j * lda];
        columns[i + j * lda] = 0;
      }
    }
    if (below > 0)
      gemm<T>(n, width, below, T(-1), {columns + width * lda, 1, lda}, {block.data() + j0 + width, 1, n}, T(1),
              {columns, 1, lda});
    // columns = columns * L_jj^-1, on transposes
    trsm<T>(Triangle::Upper, Diagonal::Unit, width, n, {block.data() + j0, n, 1}, {columns, lda, 1});
  }
  for (int64_t j = n - 1; j >= 0; --j)
    if (pivots[j] != j) std::swap_ranges(a + j * lda, a + j * lda + n, a + pivots[j] * lda);
}

template <class T>
int32_t inverse_item(int64_t n, T* a, int64_t lda) {
  Workspace<int32_t> pivots(n);
  const int32_t info = lu_factor(n, n, a, lda, pivots.data());
  if (info == 0 && n > 0) invert_from_factors(n, a, lda, pivots.data());
  return info;
}

template <class T>
int32_t solve_item(int64_t n, int64_t nrhs, T* a, int64_t lda, T* b, int64_t ldb) {
  Workspace<int32_t> pivots(n);
  const int32_t info = lu_factor(n, n, a, lda, pivots.data());
  if (info == 0) lu_substitute(n, nrhs, a, lda, pivots.data(), b, ldb);
  return info;
}

}  // namespace

template <class T>
void inverse(int64_t count, int64_t n, Batch<T> a, int32_t* info) {
  if (small::fits(n, n)) return small::inverse(count, n, a, info);
  for_each_item(count, n, [&](int64_t i) { info[i] = inverse_item(n, a.data + i * a.step, a.ld); });
}

template <class T>
void solve(int64_t count, int64_t n, int64_t nrhs, Batch<T> a, Batch<T> b, int32_t* info) {
  if (small::fits(n, n)) return small::solve(count, n, nrhs, a, b, info);
  for_each_item(count, std::max(n, nrhs), [&](int64_t i) {
    info[i] = solve_item(n, nrhs, a.data + i * a.step, a.ld, b.data + i * b.step, b.ld);
  });
}

#define NNGPU_INSTANTIATE(T)                                   \
  template void inverse(int64_t, int64_t, Batch<T>, int32_t*); \
  template void solve(int64_t, int64_t, int64_t, Batch<T>, Batch<T>, int32_t*);
NNGPU_INSTANTIATE(float)
NNGPU_INSTANTIATE(double)
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
