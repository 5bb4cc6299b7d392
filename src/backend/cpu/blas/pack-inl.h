// Packing of panels for one instruction set. Included once a target by foreach_target.h.
#if defined(NNGPU_BACKEND_CPU_BLAS_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NNGPU_BACKEND_CPU_BLAS_PACK_INL_H_
#undef NNGPU_BACKEND_CPU_BLAS_PACK_INL_H_
#else
#define NNGPU_BACKEND_CPU_BLAS_PACK_INL_H_
#endif

#include <hwy/highway.h>

#include "backend/cpu/blas/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace nngpu::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void copy_rows(D d, int64_t width, int64_t k, const T* in, int64_t step, T* out, int64_t out_step) {
  const int64_t lanes = hn::Lanes(d);
  for (int64_t p = 0; p < k; ++p, in += step, out += out_step) {
    for (int64_t i = 0; i < width; i += lanes) hn::StoreU(hn::LoadU(d, in + i), d, out + i);
  }
}

template <class T>
void copy_scalars(int64_t width, int64_t k, const T* in, int64_t stride, int64_t step, T* out, int64_t out_step) {
  for (int64_t p = 0; p < k; ++p) {
    for (int64_t i = 0; i < width; ++i) out[i + p * out_step] = in[i * stride + p * step];
  }
}

#if HWY_TARGET != HWY_SCALAR

// out(i, p) = in(p, i) for a square block of one 128-bit vector a side.
HWY_INLINE void transpose_block(const float* in, int64_t stride, float* out, int64_t out_step) {
  const hn::FixedTag<float, 4> d;
  const hn::Repartition<double, decltype(d)> pairs;
  const auto r0 = hn::LoadU(d, in), r1 = hn::LoadU(d, in + stride);
  const auto r2 = hn::LoadU(d, in + 2 * stride), r3 = hn::LoadU(d, in + 3 * stride);
  const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1));
  const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3));
  const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1));
  const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, out);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, out + out_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, out + 2 * out_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, out + 3 * out_step);
}

HWY_INLINE void transpose_block(const double* in, int64_t stride, double* out, int64_t out_step) {
  const hn::FixedTag<double, 2> d;
  const auto r0 = hn::LoadU(d, in), r1 = hn::LoadU(d, in + stride);
  hn::StoreU(hn::InterleaveLower(d, r0, r1), d, out);
  hn::StoreU(hn::InterleaveUpper(d, r0, r1), d, out + out_step);
}

template <class T>
void transpose_rows(int64_t width, int64_t k, const T* in, int64_t stride, T* out, int64_t out_step) {
  if (width <= 0 || k <= 0) return;  // an empty matrix may have no address
  constexpr int64_t kSide = 16 / sizeof(T);
  const int64_t whole_width = width / kSide * kSide, whole_k = k / kSide * kSide;
  for (int64_t p = 0; p < whole_k; p += kSide) {
    for (int64_t i = 0; i < whole_width; i += kSide) {
      transpose_block(in + i * stride + p, stride, out + i + p * out_step, out_step);
    }
  }
  copy_scalars<T>(whole_width, k - whole_k, in + whole_k, stride, 1, out + whole_k * out_step, out_step);
  copy_scalars<T>(width - whole_width, k, in + whole_width * stride, stride, 1, out + whole_width, out_step);
}

#else

template <class T>
void transpose_rows(int64_t width, int64_t k, const T* in, int64_t stride, T* out, int64_t out_step) {
  copy_scalars(width, k, in, stride, 1, out, out_step);
}

#endif  // HWY_TARGET != HWY_SCALAR

template <class T>
void pack(int64_t width, int64_t k, const T* in, int64_t stride, int64_t step, T* out, int64_t out_step) {
  const hn::ScalableTag<T> d;
  const hn::Half<decltype(d)> half;
  if (stride == 1 && width % static_cast<int64_t>(hn::Lanes(d)) == 0) {
    copy_rows(d, width, k, in, step, out, out_step);
  } else if (stride == 1 && width % static_cast<int64_t>(hn::Lanes(half)) == 0) {
    copy_rows(half, width, k, in, step, out, out_step);
  } else if (step == 1) {
    transpose_rows(width, k, in, stride, out, out_step);
  } else {
    copy_scalars(width, k, in, stride, step, out, out_step);
  }
}

}  // namespace nngpu::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
