// Factors of large matrices by the vendor's library, where it has one. Each function is false, with nothing done,
// where the matrices are small, many, or there is no library; our kernels then do the same.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_FACTOR_VENDOR_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_FACTOR_VENDOR_H_

#include <initializer_list>

#include "backend/gpu/launches/decompose.h"

namespace nngpu::gpu {

// P A = L U in place, as factor_lu().
bool factor_lu_by_vendor(GpuBackend& gpu, const Stack& a, const Stack& pivots, const Stack& status);
// The lower triangles become the factors'; `a` has no gaps.
bool factor_cholesky_by_vendor(GpuBackend& gpu, const Matrices& a, const Stack& status);
// R and reflections in place, and Q where q has memory.
bool factor_qr_by_vendor(GpuBackend& gpu, const Stack& a, const Stack& q);

// One system of a sequence that is solved in place of x.
struct TriangleOf {
  bool transposed, upper, unit;  // `upper` before it is transposed
};
bool solve_triangles_by_vendor(GpuBackend& gpu, const Stack& a, const Stack& x,
                               std::initializer_list<TriangleOf> triangles);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_FACTOR_VENDOR_H_
