// LU with partial pivoting by recursive halving of the columns (Toledo 1997): every level is one triangular solve
// and one product of balanced shape, down to panels whose products are too thin to pack.
#include "backend/cpu/lapack.h"
#include "backend/cpu/lapack/dispatch.h"
#include "backend/cpu/lapack/lu_factor.h"
#include "backend/cpu/lapack/panel.h"
#include "backend/cpu/lapack/small.h"

namespace nngpu::cpu {
namespace {

constexpr int64_t kPanelColumns = 64;  // up to here single-threaded panel kernels

int64_t half_columns(int64_t n) { return (n / 2 + kLeafColumns - 1) / kLeafColumns * kLeafColumns; }

template <class T>
void swap_rows_of_columns(int64_t first, int64_t last, T* a, int64_t lda, int64_t begin, int64_t end,
                          const int32_t* pivots) {
  int64_t j = first;
  for (; j + 4 <= last; j += 4) {  // four columns a row index: their swaps do not wait for each other
    T *c0 = a + j * lda, *c1 = c0 + lda, *c2 = c1 + lda, *c3 = c2 + lda;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t to = pivots[i];
      if (to == i) continue;
      std::swap(c0[i], c0[to]);
      std::swap(c1[i], c1[to]);
      std::swap(c2[i], c2[to]);
      std::swap(c3[i], c3[to]);
    }
  }
  for (; j < last; ++j)
    for (int64_t i = begin; i < end; ++i) std::swap(a[i + j * lda], a[pivots[i] + j * lda]);
}

// b = l^-1 b for a unit lower triangle of panel size.
template <class T>
void panel_solve(int64_t k, int64_t n, const T* l, int64_t ldl, T* b, int64_t ldb) {
  for (int64_t t = 0; t < k; t += kLeafColumns) {
    const int64_t width = std::min(kLeafColumns, k - t);
    factor_kernels<T>().solve_unit_lower(width, n, l + t + t * ldl, ldl, b + t, ldb);
    if (t + width < k)
      product_kernels<T>().update(k - t - width, n, width, T(-1), l + t + width + t * ldl, ldl, b + t, ldb,
                                  b + t + width, ldb);
  }
}

// m x n, n <= min(m, kPanelColumns) unless it is a leaf.
template <class T>
int64_t panel_lu(int64_t m, int64_t n, T* a, int64_t lda, int32_t* pivots) {
  if (n <= kLeafColumns) return factor_kernels<T>().lu_leaf(m, n, a, lda, pivots);
  const int64_t n1 = half_columns(n), n2 = n - n1;
  T* right = a + n1 * lda;
  int64_t info = panel_lu(m, n1, a, lda, pivots);
  swap_rows_of_columns(0, n2, right, lda, 0, n1, pivots);
  panel_solve(n1, n2, a, lda, right, lda);
  product_kernels<T>().update(m - n1, n2, n1, T(-1), a + n1, lda, right, lda, right + n1, lda);
  const int64_t later = panel_lu(m - n1, n2, right + n1, lda, pivots + n1);
  if (info == 0 && later > 0) info = later + n1;
  for (int64_t i = n1; i < n; ++i) pivots[i] += static_cast<int32_t>(n1);
  swap_rows_of_columns(0, n1, a, lda, n1, n, pivots);
  return info;
}

// m x n with m >= n.
template <class T>
int64_t recursive_lu(int64_t m, int64_t n, T* a, int64_t lda, int32_t* pivots) {
  if (n <= kPanelColumns) return panel_lu(m, n, a, lda, pivots);
  const int64_t n1 = half_columns(n), n2 = n - n1;
  T* right = a + n1 * lda;
  int64_t info = recursive_lu(m, n1, a, lda, pivots);
  swap_rows(n2, right, lda, 0, n1, pivots);
  trsm<T>(Triangle::Lower, Diagonal::Unit, n1, n2, {a, 1, lda}, {right, 1, lda});
  gemm<T>(m - n1, n2, n1, T(-1), {a + n1, 1, lda}, {right, 1, lda}, T(1), {right + n1, 1, lda});
  const int64_t later = recursive_lu(m - n1, n2, right + n1, lda, pivots + n1);
  if (info == 0 && later > 0) info = later + n1;
  for (int64_t i = n1; i < n; ++i) pivots[i] += static_cast<int32_t>(n1);
  swap_rows(n1, a, lda, n1, n, pivots);
  return info;
}

}  // namespace

template <class T>
void swap_rows(int64_t n, T* a, int64_t lda, int64_t begin, int64_t end, const int32_t* pivots) {
  constexpr int64_t kSwapsPerThread = 16384;
  parallel_for(n, kSwapsPerThread / std::max<int64_t>(1, end - begin), [&](int64_t first, int64_t last) {
    swap_rows_of_columns(first, last, a, lda, begin, end, pivots);
  });
}

template <class T>
int32_t lu_factor(int64_t m, int64_t n, T* a, int64_t lda, int32_t* pivots) {
  const int64_t k = std::min(m, n);
  const int64_t info = recursive_lu(m, k, a, lda, pivots);
  if (n > k) {  // wide: the columns on the right follow
    T* right = a + k * lda;
    swap_rows(n - k, right, lda, 0, k, pivots);
    trsm<T>(Triangle::Lower, Diagonal::Unit, k, n - k, {a, 1, lda}, {right, 1, lda});
  }
  return static_cast<int32_t>(info);
}

template <class T>
void lu_substitute(int64_t n, int64_t nrhs, const T* lu, int64_t ldlu, const int32_t* pivots, T* b, int64_t ldb) {
  swap_rows(nrhs, b, ldb, 0, n, pivots);
  trsm<T>(Triangle::Lower, Diagonal::Unit, n, nrhs, {lu, 1, ldlu}, {b, 1, ldb});
  trsm<T>(Triangle::Upper, Diagonal::NonUnit, n, nrhs, {lu, 1, ldlu}, {b, 1, ldb});
}

template <class T>
void lu(int64_t count, int64_t m, int64_t n, Batch<T> a, int32_t* pivots, int32_t* info) {
  if (small::fits(m, n)) return small::lu(count, m, n, a, pivots, info);
  const int64_t k = std::min(m, n);
  for_each_item(count, std::max(m, n),
                [&](int64_t i) { info[i] = lu_factor(m, n, a.data + i * a.step, a.ld, pivots + i * k); });
}

template <class T>
void lu_solve(int64_t count, int64_t n, int64_t nrhs, Batch<const T> lu, const int32_t* pivots, Batch<T> b) {
  if (small::fits(n, n)) return small::lu_solve(count, n, nrhs, lu, pivots, b);
  for_each_item(count, std::max(n, nrhs), [&](int64_t i) {
    lu_substitute(n, nrhs, lu.data + i * lu.step, lu.ld, pivots + i * n, b.data + i * b.step, b.ld);
  });
}

#define NNGPU_INSTANTIATE(T)                                                                     \
  template int32_t lu_factor(int64_t, int64_t, T*, int64_t, int32_t*);                           \
  template void swap_rows(int64_t, T*, int64_t, int64_t, int64_t, const int32_t*);               \
  template void lu_substitute(int64_t, int64_t, const T*, int64_t, const int32_t*, T*, int64_t); \
  template void lu(int64_t, int64_t, int64_t, Batch<T>, int32_t*, int32_t*);                     \
  template void lu_solve(int64_t, int64_t, int64_t, Batch<const T>, const int32_t*, Batch<T>);
NNGPU_INSTANTIATE(float)
NNGPU_INSTANTIATE(double)
#undef NNGPU_INSTANTIATE

}  // namespace nngpu::cpu
