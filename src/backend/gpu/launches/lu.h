// LU factorisation over stacks.
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_LU_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_LU_H_

#include "backend/gpu/launches/block_matrix.h"

namespace nngpu::gpu {

// The kernels that a text of kernels/lu_small.kl or kernels/lu_block.kl is compiled for.
KernelHandle lu_small_kernel(GpuBackend& gpu, const SmallGrid& grid, DType dtype, const char* which,
                             const char* name, int columns);
KernelHandle lu_block_kernel(GpuBackend& gpu, const BlockGrid& grid, DType dtype, const char* which,
                             const char* name, int columns, int min_blocks);

// P A = L U in place; status must hold 0, or n + 1 for entries that were replaced.
void factor_lu(GpuBackend& gpu, const Stack& a, const Stack& pivots, const Stack& status);
// The rows that the exchanges bring to each place, (entries, rows) i64.
void permutation_of(GpuBackend& gpu, const Stack& pivots, int64_t rows, char* permutation);
// x = b permuted, or the identity where b is null; then L U x = that.
void substitute_lu(GpuBackend& gpu, const Stack& lu, const char* permutation, const char* b, const Stack& x);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_LU_H_
