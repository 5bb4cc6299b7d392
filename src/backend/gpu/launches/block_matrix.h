// Decompositions of matrices that a block of threads holds in its registers (kernels/block_matrix.kl).
#ifndef NNGPU_BACKEND_GPU_LAUNCHES_BLOCK_MATRIX_H_
#define NNGPU_BACKEND_GPU_LAUNCHES_BLOCK_MATRIX_H_

#include "backend/gpu/launches/decompose.h"

namespace nngpu::gpu {

// Matrices with no side over kLaneSide are factored by groups of lanes (SmallGrid), larger ones with no side over
// kBlockSide by a block each.
constexpr int64_t kLaneSide = 16, kBlockSide = 128;

struct BlockGrid {
  uint32_t side, warps, blocks;
  BlockGrid(DType dtype, int64_t largest_side, int64_t entries);
  // Of REAL, SIDE, WARPS, MAX_THREADS, and how many blocks a multiprocessor's registers are to hold.
  std::string definitions(DType dtype, int min_blocks) const;
  void launch(GpuBackend& gpu, KernelHandle kernel, const Arguments& arguments) const;
};

// "#define MIN_BLOCKS ..."; in f64, whose elements take two registers each, always 1.
std::string min_blocks_definition(DType dtype, int min_blocks);

}  // namespace nngpu::gpu

#endif  // NNGPU_BACKEND_GPU_LAUNCHES_BLOCK_MATRIX_H_
