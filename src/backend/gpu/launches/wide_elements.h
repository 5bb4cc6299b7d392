// Elements that lie side by side move several at a time.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_WIDE_ELEMENTS_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_WIDE_ELEMENTS_H_

#include <initializer_list>
#include <string>

#include "backend/gpu/launches/loop.h"

namespace nngpu::gpu {

// Up to 16 bytes become one element where the last axis is contiguous in all `strides` and everything else allows:
// the other strides, `steps` between further places, and `addresses`, all of them or-ed. Sizes, strides and steps
// are then counted in the wide elements, whose size it returns.
inline size_t widen_elements(size_t element_size, Shape& size, std::initializer_list<Dims*> strides,
                             std::initializer_list<int64_t*> steps, uintptr_t addresses) {
  const int last = size.size() - 1;
  for (const Dims* list : strides)
    if ((*list)[last] != 1) return element_size;
  for (; element_size < 16 && addresses % (2 * element_size) == 0; element_size *= 2) {
    int64_t all = size[last];
    for (const int64_t* step : steps) all |= *step;
    for (const Dims* list : strides)
      for (int k = 0; k < last; ++k) all |= (*list)[k];
    if (all % 2 != 0) break;
    size[last] /= 2;
    for (int64_t* step : steps) *step /= 2;
    for (Dims* list : strides)
      for (int k = 0; k < last; ++k) (*list)[k] /= 2;
  }
  return element_size;
}

// The dialect's type of such an element; kernels declare wide16.
inline std::string wide_bits_type(size_t element_size) {
  return element_size == 16 ? "wide16" : bits_type(element_size);
}

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_WIDE_ELEMENTS_H_
