// Copies between operands; copy_strided itself is declared in launches.h.
#ifndef NNGPU_BACKEND_CPU_LAUNCHES_COPY_H_
#define NNGPU_BACKEND_CPU_LAUNCHES_COPY_H_

#include "backend/cpu/launches.h"

namespace nngpu::cpu {

// Row-major strides without the checks of the public function.
inline Dims contiguous_strides(const Shape& shape) {
  Dims strides = shape;
  int64_t step = 1;
  for (int axis = shape.size() - 1; axis >= 0; --axis) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

// dst[i] = src[i * step] for n elements.
template <class T>
void copy_line(int64_t n, const T* src, int64_t src_step, T* dst, int64_t dst_step) {
  if (dst_step == 1 && src_step == 1) {
    for (int64_t i = 0; i < n; ++i) dst[i] = src[i];
  } else if (dst_step == 1 && src_step == 0) {
    const T value = *src;
    for (int64_t i = 0; i < n; ++i) dst[i] = value;
  } else {
    for (int64_t i = 0; i < n; ++i) dst[i * dst_step] = src[i * src_step];
  }
}

}  // namespace nngpu::cpu

#endif  // NNGPU_BACKEND_CPU_LAUNCHES_COPY_H_
