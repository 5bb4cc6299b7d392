// LU factors, solutions and inverses of small matrices, one matrix a lane.
#include "backend/cpu/lapack/small.h"
#include "backend/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/lapack/small_lu.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which chooses the target.
#include "backend/cpu/lapack/small_lu-inl.h"
#include "backend/cpu/lapack/small_permute-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::small::HWY_NAMESPACE {

template <class T>
void store_info(Group group, const T* info, int32_t* to) {
  for (int l = 0; l < group.active; ++l) to[group.first + l] = static_cast<int32_t>(info[l]);
}

template <class T>
void lu_items(int64_t begin, int64_t end, int m, int n, Batch<T> batch, int32_t* pivots, int32_t* info) {
  Arena<T> arena(1, 2);
  const View<T> a = arena.columns(m, n);
  T* p = arena.vector();
  T* failed = arena.vector();
  const int least = std::min(m, n);
  each_group<T>(begin, end, [&](Group group) {
    load_group<T>(group, m, n, batch, a);
    factor(m, n, a, p, failed);
    store_group(group, m, n, a, batch);
    for (int l = 0; l < group.active; ++l) {
      int32_t* to = pivots + (group.first + l) * least;
      for (int k = 0; k < least; ++k) to[k] = static_cast<int32_t>(p[k * kLanes<T> + l]);
    }
    store_info(group, failed, info);
  });
}

// The right-hand sides with their rows swapped.
template <class T>
void load_swapped(Group group, int n, int columns, Batch<T> from, const T* pivots, const Index<T>* order,
                  View<T> b) {
  if (n == kLanes<T>) return load_ordered<1>(group, columns, from, order, b);
  if (n == 2 * kLanes<T>) return load_ordered<2>(group, columns, from, order, b);
  if (n == 4 * kLanes<T>) return load_ordered<4>(group, columns, from, order, b);
  load_group<T>(group, n, columns, from, b);
  for (int k = 0; k < n; ++k) swap_rows<T>(n, columns, b, k, load(pivots + k * kLanes<T>));
}

// Right-hand sides in blocks of at most kMaxSide columns.
template <class T>
void solve_block_columns(Group group, int n, int64_t nrhs, View<T> lu, const T* pivots, Batch<T> batch,
                         View<T> b) {
  HWY_ALIGN Index<T> order[kLanes<T> * kMaxSide];
  order_rows(n, pivots, order);
  for (int64_t j = 0; j < nrhs; j += kMaxSide) {
    const int columns = static_cast<int>(std::min(kMaxSide, nrhs - j));
    const Batch<T> block{batch.data + j * batch.ld, batch.ld, batch.step};
    load_swapped(group, n, columns, block, pivots, order, b);
    solve_factors(n, columns, false, lu, b);
    store_group(group, n, columns, b, block);
  }
}

template <class T>
void lu_solve_items(int64_t begin, int64_t end, int n, int64_t nrhs, Batch<const T> lu, const int32_t* pivots,
                    Batch<T> batch) {
  Arena<T> arena(2, 1);
  const View<T> a = arena.columns(n, n), b = arena.columns(n, static_cast<int>(std::min(kMaxSide, nrhs)));
  T* p = arena.vector();
  each_group<T>(begin, end, [&](Group group) {
    load_group<T>(group, n, n, lu, a);
    for (int l = 0; l < kLanes<T>; ++l) {
      const int32_t* from = pivots + (group.first + (l < group.active ? l : 0)) * n;
      for (int k = 0; k < n; ++k) p[k * kLanes<T> + l] = static_cast<T>(from[k]);
    }
    solve_block_columns(group, n, nrhs, a, p, batch, b);
  });
}

template <class T>
void solve_items(int64_t begin, int64_t end, int n, int64_t nrhs, Batch<T> batch, Batch<T> rhs, int32_t* info) {
  Arena<T> arena(2, 2);
  const View<T> a = arena.columns(n, n), b = arena.columns(n, static_cast<int>(std::min(kMaxSide, nrhs)));
  T* p = arena.vector();
  T* failed = arena.vector();
  each_group<T>(begin, end, [&](Group group) {
    load_group<T>(group, n, n, batch, a);
    factor(n, n, a, p, failed);
    solve_block_columns(group, n, nrhs, a, p, rhs, b);
    store_group(group, n, n, a, batch);
    store_info(group, failed, info);
  });
}

// rows[i * kLanes + lane] = the row of the matrix that became row i of the factors.
template <class T>
void compose(int n, const T* pivots, T* rows) {
  HWY_ALIGN Index<T> order[kLanes<T> * kMaxSide];
  order_rows(n, pivots, order);
  for (int i = 0; i < n; ++i) {
    for (int l = 0; l < kLanes<T>; ++l) rows[i * kLanes<T> + l] = static_cast<T>(order[l * kMaxSide + i]);
  }
}

// A^-1 = (U^-1 L^-1) P: every column solves A x = e to a small residual, which Gauss-Jordan elimination does not
// promise (Higham, Accuracy and Stability of Numerical Algorithms, ch. 14). P sends column i to column rows[i].
template <class T>
void inverse_items(int64_t begin, int64_t end, int n, Batch<T> batch, int32_t* info) {
  Arena<T> arena(2, 3);
  const View<T> a = arena.columns(n, n), x = arena.columns(n, n);
  T* p = arena.vector();
  T* rows = arena.vector();
  T* failed = arena.vector();
  each_group<T>(begin, end, [&](Group group) HWY_ATTR {
    load_group<T>(group, n, n, batch, a);
    factor(n, n, a, p, failed);
    for (int j = 0; j < n; ++j) {
      for (int i = 0; i < n; ++i) x.put(i, j, set<T>(i == j));
    }
    solve_factors(n, n, true, a, x);
    compose(n, p, rows);
    store_columns(group, n, n, x, rows, batch, a.data);
    store_info(group, failed, info);
  });
}

#define NNGPU_SMALL_LU(suffix, T)                                                                               \
  void lu_##suffix(int64_t begin, int64_t end, int m, int n, Batch<T> a, int32_t* pivots, int32_t* info) {      \
    lu_items(begin, end, m, n, a, pivots, info);                                                                \
  }                                                                                                             \
  void lu_solve_##suffix(int64_t begin, int64_t end, int n, int64_t nrhs, Batch<const T> lu,                    \
                         const int32_t* pivots, Batch<T> b) {                                                   \
    lu_solve_items(begin, end, n, nrhs, lu, pivots, b);                                                         \
  }                                                                                                             \
  void solve_##suffix(int64_t begin, int64_t end, int n, int64_t nrhs, Batch<T> a, Batch<T> b, int32_t* info) { \
    solve_items(begin, end, n, nrhs, a, b, info);                                                               \
  }                                                                                                             \
  void inverse_##suffix(int64_t begin, int64_t end, int n, Batch<T> a, int32_t* info) {                         \
    inverse_items(begin, end, n, a, info);                                                                      \
  }
NNGPU_SMALL_LU(f32, float)
NNGPU_SMALL_LU(f64, double)
#undef NNGPU_SMALL_LU

}  // namespace nngpu::cpu::small::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nngpu::cpu::small {

HWY_EXPORT(lu_f32);
HWY_EXPORT(lu_f64);
HWY_EXPORT(lu_solve_f32);
HWY_EXPORT(lu_solve_f64);
HWY_EXPORT(solve_f32);
HWY_EXPORT(solve_f64);
HWY_EXPORT(inverse_f32);
HWY_EXPORT(inverse_f64);

// Calls name_f32 or name_f64 on ranges of items.
#define NNGPU_SMALL_RUN(name, cost, ...)                         \
  for_groups<T>(count, cost, [&](int64_t begin, int64_t end) {   \
    if constexpr (sizeof(T) == 4) {                              \
      HWY_DYNAMIC_DISPATCH(name##_f32)(begin, end, __VA_ARGS__); \
    } else {                                                     \
      HWY_DYNAMIC_DISPATCH(name##_f64)(begin, end, __VA_ARGS__); \
    }                                                            \
  })

template <class T>
void lu(int64_t count, int64_t m, int64_t n, Batch<T> a, int32_t* pivots, int32_t* info) {
  NNGPU_SMALL_RUN(lu, 10.0 + 0.4 * m * n, static_cast<int>(m), static_cast<int>(n), a, pivots, info);
}

template <class T>
void lu_solve(int64_t count, int64_t n, int64_t nrhs, Batch<const T> lu, const int32_t* pivots, Batch<T> b) {
  NNGPU_SMALL_RUN(lu_solve, 10.0 + 0.1 * n * (n + nrhs), static_cast<int>(n), nrhs, lu, pivots, b);
}

template <class T>
void solve(int64_t count, int64_t n, int64_t nrhs, Batch<T> a, Batch<T> b, int32_t* info) {
  NNGPU_SMALL_RUN(solve, 10.0 + 0.4 * n * (n + nrhs), static_cast<int>(n), nrhs, a, b, info);
}

template <class T>
void inverse(int64_t count, int64_t n, Batch<T> a, int32_t* info) {
  NNGPU_SMALL_RUN(inverse, 10.0 + 1.0 * n * n, static_cast<int>(n), a, info);
}

#define NNGPU_SMALL_LU(T)                                                                         \
  template void lu<T>(int64_t, int64_t, int64_t, Batch<T>, int32_t*, int32_t*);                   \
  template void lu_solve<T>(int64_t, int64_t, int64_t, Batch<const T>, const int32_t*, Batch<T>); \
  template void solve<T>(int64_t, int64_t, int64_t, Batch<T>, Batch<T>, int32_t*);                \
  template void inverse<T>(int64_t, int64_t, Batch<T>, int32_t*);
NNGPU_SMALL_LU(float)
NNGPU_SMALL_LU(double)

}  // namespace nngpu::cpu::small
#endif  // HWY_ONCE
