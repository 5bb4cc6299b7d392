// Triangular systems over stacks.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_TRIANGULAR_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_TRIANGULAR_H_

#include "backend/gpu/launches/decompose.h"

namespace nngpu::gpu {

// Solves a x = b in place of x. Only the lower or the upper triangle of a is read, its diagonal unless `unit`.
void solve_triangular(GpuBackend& gpu, const Matrices& a, const Matrices& x, bool upper, bool unit);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_TRIANGULAR_H_
