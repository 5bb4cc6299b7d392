// Looks for NaN and infinity in large matrices.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_FINITE_WIDE_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_FINITE_WIDE_H_

#include "backend/gpu/launches/decompose.h"

namespace nngpu::gpu {

// replace_non_finite() by many blocks a matrix; false, with nothing done, where one is enough.
bool replace_non_finite_wide(GpuBackend& gpu, const Stack& matrices, bool lower, const Stack& status, int64_t n);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_FINITE_WIDE_H_
