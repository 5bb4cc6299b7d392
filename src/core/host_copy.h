// Strided copies on the host.
#ifndef NNGPU_CORE_HOST_COPY_H_
#define NNGPU_CORE_HOST_COPY_H_

#include <cstddef>

#include "nngpu/shape.h"

namespace nngpu {

// dst = src for elements of `element_size` bytes; strides in elements, any sign.
void host_copy(size_t element_size, const Shape& shape, const char* src, const Dims& src_strides, char* dst,
               const Dims& dst_strides);

}  // namespace nngpu

#endif  // NNGPU_CORE_HOST_COPY_H_
