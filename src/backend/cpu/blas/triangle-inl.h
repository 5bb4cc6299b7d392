// Products with and solves by the small triangles on a diagonal, for one instruction set. Included once a target
// by foreach_target.h.
#if defined(NNGPU_BACKEND_CPU_BLAS_TRIANGLE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_BACKEND_CPU_BLAS_TRIANGLE_INL_H_
#undef NNGPU_BACKEND_CPU_BLAS_TRIANGLE_INL_H_
#else
#define NNGPU_BACKEND_CPU_BLAS_TRIANGLE_INL_H_
#endif

#include <hwy/highway.h>

#include <utility>

#include "backend/cpu/blas/kernels.h"
#include "backend/cpu/blas/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// x = l^-1 * x for a column of vectors held in registers; the diagonal of l holds reciprocals.
template <int kRows, class D, class V, class T = hn::TFromD<D>>
HWY_INLINE void solve_registers(D d, const T* l, V (&x)[kRows]) {
#pragma GCC unroll 16
  for (int j = 0; j < kRows; ++j) {
    x[j] = hn::Mul(x[j], hn::Set(d, l[j * kMaxTileColumns + j]));
#pragma GCC unroll 16
    for (int i = j + 1; i < kRows; ++i) {
      x[i] = hn::NegMulAdd(hn::Set(d, l[i * kMaxTileColumns + j]), x[j], x[i]);
    }
  }
}

// x = l * x likewise.
template <int kRows, class D, class V, class T = hn::TFromD<D>>
HWY_INLINE void multiply_registers(D d, const T* l, V (&x)[kRows]) {
#pragma GCC unroll 16
  for (int i = kRows - 1; i >= 0; --i) {
    x[i] = hn::Mul(x[i], hn::Set(d, l[i * kMaxTileColumns + i]));
#pragma GCC unroll 16
    for (int j = 0; j < i; ++j) x[i] = hn::MulAdd(hn::Set(d, l[i * kMaxTileColumns + j]), x[j], x[i]);
  }
}

template <int kRows, bool kSolve, class D, class V, class T = hn::TFromD<D>>
HWY_INLINE void apply_registers(D d, const T* l, V (&x)[kRows]) {
  if constexpr (kSolve) {
    solve_registers<kRows>(d, l, x);
  } else {
    multiply_registers<kRows>(d, l, x);
  }
}

template <int kRows, bool kSolve, class T>
void triangle(int64_t width, const T* l, T* x, int64_t step) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> rows[kRows];
  int64_t at = 0;
  for (; at + lanes <= width; at += lanes) {
    for (int i = 0; i < kRows; ++i) rows[i] = hn::LoadU(d, x + at + i * step);
    apply_registers<kRows, kSolve>(d, l, rows);
    for (int i = 0; i < kRows; ++i) hn::StoreU(rows[i], d, x + at + i * step);
  }
  if (at == width) return;
  const Rows<decltype(d), 1, true> rest(width - at);
  for (int i = 0; i < kRows; ++i) rows[i] = rest.load(0, x + at + i * step);
  apply_registers<kRows, kSolve>(d, l, rows);
  for (int i = 0; i < kRows; ++i) rest.store(0, rows[i], x + at + i * step);
}

template <class T, int... kRow>
void fill_triangles(Kernels<T>& table, std::integer_sequence<int, kRow...>) {
  ((table.solve[kRow] = &triangle<kRow + 1, true, T>), ...);
  ((table.multiply[kRow] = &triangle<kRow + 1, false, T>), ...);
}

template <class T, int kColumns>
void fill_triangles(Kernels<T>& table) {
  fill_triangles(table, std::make_integer_sequence<int, kColumns>());
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
